"""Makes a diagnosis out of what was found: each cause once, and no secret in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mock_server.web.auth_diagnostics.causes import Cause
from mock_server.web.auth_diagnostics.excerpts import SECRETS_REACH, difference, redact, shown
from mock_server.web.auth_diagnostics.findings import Diagnosis, Found, Mistake, Paced, Proof
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search_budget import SearchWork

_MIN_SECRET = 8  # shorter ones stand in words that have nothing to do with them
_MAX_HOW = 300
_ACCOUNTS_PER_SLICE = 64

TOO_MANY = (
    "not searched further: too many wrong signatures at once; ask GET /_mock/requests/{id} or"
    " tams-mock explain"
)


def not_explained(work: SearchWork, *, whole: bool) -> str:
    """Say that no string fits, and whether all known mistakes were tried."""
    if whole and not work.is_partial:
        return (
            f"not explained: none of the {work.guesses} strings that known mistakes make was signed"
        )
    return f"not searched further: {work.guesses} strings were tried, and known mistakes make more"


def conclude(
    catalogue: Mapping[str, Cause],
    accounts: Iterable[KnownAccount],
    *,
    complete: bool,
    rules: Iterable[Mistake] = (),
    proved: Iterable[Mistake] = (),
    also: Iterable[Mistake] = (),
    expected: bytes | None = None,
    signed: bytes | None = None,
    facts: Sequence[tuple[str, str]] = (),
    hashes: int = 0,
    doubt: str = "",
    unchecked: Sequence[str] = (),
) -> Paced[Diagnosis]:
    """Return the diagnosis. No secret of the accounts is in it.

    `rules` are steps that break a rule that can be pointed at, `proved` those that lead to the very
    string that was signed; `also` would lead there too.
    """
    several = [(step, "rule") for step in rules] + [(step, "digest") for step in proved]
    once: dict[str, tuple[Mistake, Proof]] = {}
    for step, proof in several:
        once.setdefault(step.cause, (step, "rule" if proof == "rule" else "digest"))
    also = tuple(also)
    hows = [step.how for step, _ in once.values()] + [step.how for step in also]
    texts = [data for data in (expected, signed) if data is not None]
    differs = len(texts) == 2 and expected != signed
    secrets = yield from _secrets_in(accounts, hows, texts, differ=differs)

    def found(step: Mistake, proof: Proof) -> Found:
        how = redact(step.how.encode("utf-8", "replace"), secrets).decode("utf-8", "replace")
        plain = "".join(letter if letter.isprintable() else "?" for letter in how)
        return Found(catalogue[step.cause], plain[:_MAX_HOW], proof)

    server = None if expected is None else (yield from shown(expected, secrets))
    if server is not None:
        facts = (*facts, ("serverDigest", server.sha256))
    return Diagnosis(
        accepted=not several and complete,
        complete=complete,
        found=tuple(found(step, proof) for step, proof in once.values()),
        also=tuple(found(step, "digest") for step in also),
        expected=server,
        signed=None if signed is None else (yield from shown(signed, secrets)),
        difference=(yield from difference(texts[0], texts[1], secrets)) if differs else None,
        facts=tuple(facts),
        hashes=hashes,
        doubt=doubt,
        unchecked=tuple(unchecked),
    )


def _secrets_in(
    accounts: Iterable[KnownAccount], hows: list[str], texts: list[bytes], *, differ: bool
) -> Paced[tuple[bytes, ...]]:
    """Return the secrets that stand in what may be shown."""
    parts = [how.encode("utf-8", "replace") for how in hows]
    parts += [data[:SECRETS_REACH] for data in texts]
    if differ:
        place = yield from difference(texts[0], texts[1])
        around = slice(max(0, place.offset - SECRETS_REACH), place.offset + SECRETS_REACH)
        parts += [data[around] for data in texts]
    shown_bytes = b"\0".join(parts)
    found = []
    for number, account in enumerate(accounts):
        if number % _ACCOUNTS_PER_SLICE == 0:
            yield
        for secret in (account.token.encode(), account.secret.encode()):
            if len(secret) >= _MIN_SECRET and secret in shown_bytes:
                found.append(secret)
    return tuple(found)
