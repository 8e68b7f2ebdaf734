"""What is wrong with an Authorization header before anything is verified.

A header that is refused is corrected as far as its mistake is certain, so that the signature in it
can be looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from mock_server.tams.signature import (
    MAX_HEADER_BYTES,
    BearerToken,
    Reason,
    Scheme,
    SignatureRefusal,
    SignedHeader,
    parse_authorization,
)
from mock_server.web.auth_diagnostics.findings import Mistake
from mock_server.web.auth_diagnostics.known_accounts import DECORATION, KnownAccount, recognise
from mock_server.web.auth_diagnostics.search_budget import Paced, SearchWork

_NAMES = ("app_id", "nonce_str", "timestamp", "signature")
_PAIR_NAME = re.compile(r"(?:^|,) *([^=,]+)=")
_SEPARATOR = re.compile(r" *[;&|] *| +(?=[A-Za-z_]+=)")
_SPELLINGS = {
    **dict.fromkeys(("appid", "app-id", "application_id", "app", "key_id", "access_key"), "app_id"),
    **dict.fromkeys(("nonce", "noncestr", "nonce-str", "nonce_string", "non_str"), "nonce_str"),
    **dict.fromkeys(("time_stamp", "time-stamp", "ts", "time"), "timestamp"),
    **dict.fromkeys(("sign", "sig", "signatrue"), "signature"),
}


class Reading(Struct, frozen=True):
    """The mistakes in a header, and what it certainly means."""

    steps: tuple[Mistake, ...]
    header: SignedHeader | BearerToken | None


def read(value: bytes | None, *, lenient: bool) -> Reading:
    """Return what is wrong with the header's form, and what it says."""
    parsed = parse_authorization(value, lenient=lenient)
    if not isinstance(parsed, SignatureRefusal):
        return Reading((), parsed)
    if parsed.reason is Reason.HEADER_MISSING or value is None:
        return Reading((Mistake("header-missing", "nothing was sent"),), None)
    if len(value) > MAX_HEADER_BYTES:
        return Reading((Mistake("header-too-long", f"{len(value)} bytes"),), None)
    text = str(value.strip(b" \t"), "latin-1")
    if stray := re.search(r"[^ -~]", text):
        how = f"0x{ord(stray[0]):02x} at position {stray.start()}"
        return Reading((Mistake("header-bytes", how),), None)
    if not lenient:
        loose = parse_authorization(value, lenient=True)
        if isinstance(loose, SignedHeader):
            return Reading(_strict_steps(text), loose)
        if isinstance(loose, BearerToken):
            return Reading((Mistake("scheme-case", "expected Bearer"),), loose)
        parsed = loose
    return _fix(text, parsed)


def _strict_steps(text: str) -> tuple[Mistake, ...]:
    """Return which rules of the exact form a readable header breaks."""
    scheme, _, rest = text.partition(" ")
    names = [name.strip() for name in _PAIR_NAME.findall(rest)]
    steps: list[Mistake] = []
    if scheme != Scheme.RSA:
        steps.append(Mistake("scheme-case", f"expected {Scheme.RSA}"))
    if '"' in rest:
        steps.append(Mistake("header-quotes", "around values"))
    if " " in rest:
        steps.append(Mistake("header-blanks", "between pairs or inside them"))
    if extra := [name for name in names if name not in _NAMES]:
        steps.append(Mistake("header-more-pairs", f"{len(extra)} beside the four"))
    known = [name for name in names if name in _NAMES]
    if known != list(_NAMES):
        steps.append(Mistake("header-order", f"found {', '.join(known)}"))
    return tuple(steps) or (Mistake("header-grammar", "not exactly the documented form"),)


def _fix(text: str, refusal: SignatureRefusal) -> Reading:
    scheme, _, rest = text.partition(" ")
    match refusal.reason:
        case Reason.SCHEME_UNKNOWN:
            return _fix_scheme(text)
        case Reason.PAIR_REPEATED:
            return Reading((Mistake("pair-repeated", refusal.detail),), None)
        case Reason.TIMESTAMP_NOT_A_NUMBER:
            return Reading((Mistake("timestamp-not-a-number", refusal.detail),), None)
    if scheme.lower() == Scheme.BEARER.lower():
        return Reading((Mistake("token-missing", "nothing stands behind Bearer"),), None)
    commas = _SEPARATOR.sub(",", rest.strip(" "))
    if commas != rest and (header := _signed(commas)):
        return Reading((Mistake("header-separator", "other than commas"),), header)
    renamed = _PAIR_NAME.sub(_rename, rest)
    if renamed != rest and (header := _signed(renamed)):
        found = [name.strip() for name in _PAIR_NAME.findall(rest) if name.strip() not in _NAMES]
        known = ", ".join(name for name in found if name.lower() in _SPELLINGS or _plain(name))
        return Reading((Mistake("pair-misspelt", f"found {known[:60]}"),), header)
    if (bare := rest.replace('"', "").replace("'", "")) != rest and (header := _signed(bare)):
        return Reading((Mistake("header-quotes", "around values or pairs"),), header)
    if refusal.reason is Reason.PAIR_MISSING:
        present = {name.strip() for name in _PAIR_NAME.findall(rest)}
        lacking = ", ".join(name for name in _NAMES if name not in present)
        how = f"without {lacking}" if lacking else "with an empty value"
        return Reading((Mistake("pair-missing", how),), None)
    return Reading((Mistake("header-grammar", "no name=value pairs with commas"),), None)


def _fix_scheme(text: str) -> Reading:
    """Tell a scheme that is wrong from one that was left out."""
    scheme, blank, rest = text.partition(" ")
    if "app_id=" in scheme:
        _, comma, pairs = scheme.rpartition(":")
        missing = scheme.startswith("app_id=")
        header = _signed(text if missing else (pairs + blank + rest if comma else ""))
        cause = "scheme-left-out" if missing else "scheme-word"
        return Reading((Mistake(cause, f"expected {Scheme.RSA} and a blank"),), header)
    if not blank:
        return Reading((Mistake("scheme-left-out", "there is one word only"),), BearerToken(text))
    if "app_id=" in rest:
        return Reading((Mistake("scheme-word", f"expected {Scheme.RSA}"),), _signed(rest))
    how = f"expected {Scheme.BEARER} or {Scheme.RSA}"
    return Reading((Mistake("scheme-word", how),), BearerToken(rest.strip()))


def _signed(pairs: str) -> SignedHeader | None:
    parsed = parse_authorization(f"{Scheme.RSA} {pairs}".encode("latin-1"))
    return parsed if isinstance(parsed, SignedHeader) else None


def _rename(match: re.Match[str]) -> str:
    name = match[1].strip()
    right = _SPELLINGS.get(name.lower()) or _plain(name) or name
    return match[0].replace(match[1], right)


def _plain(name: str) -> str:
    """Return the pair's right name where only case or underscores differ."""
    letters = name.lower().replace("_", "").replace("-", "")
    return next((right for right in _NAMES if right.replace("_", "") == letters), "")


class Owned(NamedTuple):
    """What is wrong with a credential, and whose it is as far as that is known."""

    steps: tuple[Mistake, ...]
    owner: KnownAccount | None


def token_steps(
    token: str, accounts: Iterable[KnownAccount], meant: KnownAccount | None, work: SearchWork
) -> Paced[Owned]:
    """Return what is wrong with a bearer token."""
    steps: list[Mistake] = []
    plain = token
    while plain[:7].lower() in ("bearer ", "bearer:"):
        plain = plain[7:].strip()
        steps = [Mistake("token-doubled-scheme", "Bearer Bearer")]
    bare = plain.strip(DECORATION)
    if bare != plain:
        steps.append(Mistake("token-decorated", "with characters around it"))
    found = yield from recognise(token, accounts, "token", work)
    if found is None or found.kind != "exact":
        found = yield from recognise(bare, accounts, "token", work)
    elif meant is not None and found.owner.account != meant.account:
        how = f"of {found.owner}, expected that of {meant}"
        return Owned((Mistake("token-of-another-account", how),), found.owner)
    else:
        return Owned((), found.owner)
    if found is None:
        # Quotes and a doubled word are wrong with any token.
        return Owned((*steps, Mistake("token-unknown", f"{len(bare)} characters")), None)
    if found.kind == "decorated":
        steps.append(Mistake("token-decorated", "in other case"))
    elif found.kind == "other":
        how = f"it is {found.words} of account {found.owner.account}"
        steps.append(Mistake("token-is-other-credential", how))
    return Owned(tuple(steps), found.owner)


def app_steps(app_id: str, accounts: Iterable[KnownAccount], work: SearchWork) -> Paced[Owned]:
    """Return what is wrong with an app id; nothing if an account has it."""
    found = yield from recognise(app_id, accounts, "app_id", work)
    if found is None:
        # An unknown word may be a secret, so it is not repeated.
        return Owned((Mistake("app-unknown", f"an id of {len(app_id)} characters"),), None)
    right = found.owner.app_id
    if found.kind == "decorated":
        return Owned((Mistake("app-id-case", f"expected {right}"),), found.owner)
    if found.kind == "other":
        how = f"it is {found.words} of account {found.owner.account}, whose app id is {right}"
        return Owned((Mistake("app-id-is-other-credential", how),), found.owner)
    return Owned((), found.owner)
