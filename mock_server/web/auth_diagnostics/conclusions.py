"""Making a diagnosis out of what was found: each cause once, and no secret in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mock_server.web.auth_diagnostics.causes import Cause
from mock_server.web.auth_diagnostics.excerpts import difference, redact, shown
from mock_server.web.auth_diagnostics.findings import Diagnosis, Found, Proof, Step
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount

_LEAST_SECRET = 8  # shorter ones stand in words that have nothing to do with them
_MAX_HOW = 300


def secrets_of(known_accounts: Iterable[KnownAccount]) -> tuple[bytes, ...]:
    """Return what must not show in a diagnosis."""
    return tuple(
        secret.encode()
        for known_account in known_accounts
        for secret in (known_account.token, known_account.secret)
        if len(secret) >= _LEAST_SECRET
    )


def conclude(
    catalogue: Mapping[str, Cause],
    secrets: Sequence[bytes],
    *,
    complete: bool,
    rules: Iterable[Step] = (),
    proved: Iterable[Step] = (),
    also: Iterable[Step] = (),
    expected: bytes | None = None,
    signed: bytes | None = None,
    facts: Iterable[tuple[str, str]] = (),
    hashes: int = 0,
    doubt: str = "the signed string differs in an unknown way",
) -> Diagnosis:
    """Return the diagnosis.

    `rules` are steps that break a rule that can be pointed at, `proved` those that lead to the very
    string that was signed; `also` would lead there too.
    """

    def found(step: Step, proof: Proof) -> Found:
        how = redact(step.how.encode("utf-8", "replace"), secrets).decode("utf-8", "replace")
        plain = "".join(letter if letter.isprintable() else "?" for letter in how)
        return Found(catalogue[step.cause], plain[:_MAX_HOW], proof)

    several = [found(step, "rule") for step in rules] + [found(step, "digest") for step in proved]
    once: dict[str, Found] = {}
    for each in several:
        once.setdefault(each.cause.id, each)
    differs = None
    if expected is not None and signed is not None and signed != expected:
        differs = difference(expected, signed, secrets)
    return Diagnosis(
        accepted=not several and complete,
        complete=complete,
        found=tuple(once.values()),
        also=tuple(found(step, "digest") for step in also),
        expected=None if expected is None else shown(expected, secrets),
        signed=None if signed is None else shown(signed, secrets),
        difference=differs,
        facts=tuple(facts),
        hashes=hashes,
        doubt=doubt,
    )
