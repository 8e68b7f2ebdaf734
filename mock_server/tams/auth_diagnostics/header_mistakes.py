"""What is wrong with an Authorization header before anything is verified.

A header that is refused is mended as far as its mistake is certain, so that the signature in it can
be looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from mock_server.tams.signature import (
    MAXIMUM_HEADER_BYTES,
    BearerToken,
    Reason,
    Scheme,
    SignatureRefusal,
    SignedHeader,
    parse_authorization,
)
from mock_server.web.auth_diagnostics.findings import Step
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount

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
    """The mistakes in a header, and what it most certainly means."""

    steps: tuple[Step, ...]
    header: SignedHeader | BearerToken | None


def read(value: bytes | None, *, lenient: bool) -> Reading:
    """Return what is wrong with the header's form, and what it says."""
    parsed = parse_authorization(value, lenient=lenient)
    if not isinstance(parsed, SignatureRefusal):
        return Reading((), parsed)
    if parsed.reason is Reason.HEADER_MISSING or value is None:
        return Reading((Step("header-missing", "nothing was sent"),), None)
    if len(value) > MAXIMUM_HEADER_BYTES:
        return Reading((Step("header-too-long", f"{len(value)} bytes"),), None)
    text = str(value.strip(b" \t"), "latin-1")
    if stray := re.search(r"[^ -~]", text):
        how = f"0x{ord(stray[0]):02x} at position {stray.start()}"
        return Reading((Step("header-bytes", how),), None)
    if not lenient:
        loose = parse_authorization(value, lenient=True)
        if isinstance(loose, SignedHeader):
            return Reading(_strict_steps(text), loose)
        if isinstance(loose, BearerToken):
            return Reading((Step("scheme-case", "expected Bearer"),), loose)
        parsed = loose
    return _fix(text, parsed)


def _strict_steps(text: str) -> tuple[Step, ...]:
    """Return which rules of the exact form a readable header breaks."""
    scheme, _, rest = text.partition(" ")
    names = [name.strip() for name in _PAIR_NAME.findall(rest)]
    steps: list[Step] = []
    if scheme != Scheme.RSA:
        steps.append(Step("scheme-case", f"expected {Scheme.RSA}"))
    if '"' in rest:
        steps.append(Step("header-quotes", "around values"))
    if " " in rest:
        steps.append(Step("header-blanks", "between pairs or inside them"))
    if extra := [name for name in names if name not in _NAMES]:
        steps.append(Step("header-more-pairs", f"{len(extra)} beside the four"))
    known = [name for name in names if name in _NAMES]
    if known != list(_NAMES):
        steps.append(Step("header-order", f"found {', '.join(known)}"))
    return tuple(steps) or (Step("header-grammar", "not exactly the documented form"),)


def _fix(text: str, refusal: SignatureRefusal) -> Reading:
    scheme, _, rest = text.partition(" ")
    match refusal.reason:
        case Reason.SCHEME_UNKNOWN:
            return _fix_scheme(text)
        case Reason.PAIR_REPEATED:
            return Reading((Step("pair-repeated", refusal.detail),), None)
        case Reason.TIMESTAMP_NOT_A_NUMBER:
            return Reading((Step("timestamp-not-a-number", refusal.detail),), None)
    if scheme.lower() == Scheme.BEARER.lower():
        return Reading((Step("token-missing", "nothing stands behind Bearer"),), None)
    commas = _SEPARATOR.sub(",", rest.strip(" "))
    if commas != rest and (header := _signed(commas)):
        return Reading((Step("header-separator", "other than commas"),), header)
    renamed = _PAIR_NAME.sub(_rename, rest)
    if renamed != rest and (header := _signed(renamed)):
        found = [name.strip() for name in _PAIR_NAME.findall(rest) if name.strip() not in _NAMES]
        known = ", ".join(name for name in found if name.lower() in _SPELLINGS or _plain(name))
        return Reading((Step("pair-misspelt", f"found {known[:60]}"),), header)
    if (bare := rest.replace('"', "").replace("'", "")) != rest and (header := _signed(bare)):
        return Reading((Step("header-quotes", "around values or pairs"),), header)
    if refusal.reason is Reason.PAIR_MISSING:
        present = {name.strip() for name in _PAIR_NAME.findall(rest)}
        lacking = ", ".join(name for name in _NAMES if name not in present)
        how = f"without {lacking}" if lacking else "with an empty value"
        return Reading((Step("pair-missing", how),), None)
    return Reading((Step("header-grammar", "no name=value pairs with commas"),), None)


def _fix_scheme(text: str) -> Reading:
    """Tell a scheme that is wrong from one that was left out."""
    scheme, blank, rest = text.partition(" ")
    if "app_id=" in scheme:
        _, comma, pairs = scheme.rpartition(":")
        missing = scheme.startswith("app_id=")
        header = _signed(text if missing else (pairs + blank + rest if comma else ""))
        cause = "scheme-left-out" if missing else "scheme-word"
        return Reading((Step(cause, f"expected {Scheme.RSA} and a blank"),), header)
    if not blank:
        return Reading((Step("scheme-left-out", "there is one word only"),), BearerToken(text))
    if "app_id=" in rest:
        return Reading((Step("scheme-word", f"expected {Scheme.RSA}"),), _signed(rest))
    how = f"expected {Scheme.BEARER} or {Scheme.RSA}"
    return Reading((Step("scheme-word", how),), BearerToken(rest.strip()))


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


def token_steps(
    token: str, known_accounts: Iterable[KnownAccount], meant: KnownAccount | None
) -> tuple[tuple[Step, ...], KnownAccount | None]:
    """Return what is wrong with a bearer token, and whose it is."""
    known_accounts = list(known_accounts)
    if owner := _owner(token, known_accounts):
        if meant is not None and owner.account != meant.account:
            how = f"of {owner}, expected that of {meant}"
            return (Step("token-of-another-account", how),), owner
        return (), owner
    steps: list[Step] = []
    plain = token
    while plain[:7].lower() == "bearer " or plain[:7].lower() == "bearer:":
        plain = plain[7:].strip()
        steps = [Step("token-doubled-scheme", "Bearer Bearer")]
    bare = plain.strip(" \t\"'`<>{}[]()")
    if bare != plain:
        steps.append(Step("token-decorated", "with characters around it"))
    if owner := _owner(bare, known_accounts):
        return tuple(steps), owner
    for known_account in known_accounts:
        if known_account.token and known_account.token.lower() == bare.lower():
            return (*steps, Step("token-decorated", "in other case")), known_account
        for words, other in known_account.credentials():
            if other and other == bare:
                step = Step(
                    "token-is-other-credential", f"it is {words} of account {known_account.account}"
                )
                return (*steps, step), known_account
    # Quotes and a doubled word are wrong whoever's token it is.
    return (*steps, Step("token-unknown", f"{len(bare)} characters")), None


def _owner(token: str, known_accounts: Iterable[KnownAccount]) -> KnownAccount | None:
    return next(
        (
            known_account
            for known_account in known_accounts
            if token and known_account.token == token
        ),
        None,
    )


def app_steps(
    app_id: str, known_accounts: Iterable[KnownAccount]
) -> tuple[Step, KnownAccount | None]:
    """Return what is wrong with an app id that nobody has."""
    known_accounts = list(known_accounts)
    bare = app_id.strip(" \t\"'`<>{}[]()").lower()
    for known_account in known_accounts:
        if known_account.app_id.lower() == bare:
            return Step("app-id-case", f"expected {known_account.app_id}"), known_account
    for known_account in known_accounts:
        for words, other in known_account.credentials():
            if other and other == app_id:
                how = (
                    f"it is {words} of account {known_account.account},"
                    f" whose app id is {known_account.app_id}"
                )
                return Step("app-id-is-other-credential", how), known_account
    # What nobody knows may be a secret of somebody, so it is not repeated.
    return Step("app-unknown", f"an id of {len(app_id)} characters"), None
