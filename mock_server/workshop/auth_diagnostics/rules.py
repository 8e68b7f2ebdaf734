"""What is wrong with credentials before any signature is compared: rules that can be pointed at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mock_server.web.auth_diagnostics.clocks import clock_step
from mock_server.web.auth_diagnostics.findings import Step
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.workshop.auth_diagnostics.digests import digest_forms
from mock_server.workshop.auth_diagnostics.evidence import Evidence
from mock_server.workshop.gateway import Situation
from mock_server.workshop.signature import ALGORITHMS, check_digest

_YEAR = 366 * 86_400
_MAX_STAMP_LENGTH = 20
_DECORATION = " \t\"'`<>{}[]()"
# Other ways to sign or to name oneself, by how an Authorization header begins.
_OTHER_SCHEMES = (
    (b"tams-sha256-rsa", "tams-credentials", "TAMS-SHA256-RSA"),
    (b"bearer", "bearer-credentials", "Bearer"),
    (b"acs", "ram-credentials", "an ACS signature"),
    (b"appcode", "app-code", "APPCODE"),
    (b"basic", "other-credentials", "Basic"),
)
_ACS_PARAMETERS = (b"AccessKeyId=", b"SignatureNonce=", b"SignatureMethod=")
_KEY_NAMES = (
    b"x-ca-appkey", b"x-ca-app-key", b"x-ca-accesskey", b"x-ca-access-key", b"x-ca-ak", b"x-ak",
    b"x-app-key", b"appkey", b"app-key", b"ak",
)  # fmt: skip


class Caller(NamedTuple):
    """Who the AppKey says it is: steps, the account, and whether key and secret changed places."""

    steps: tuple[Step, ...]
    known_account: KnownAccount | None
    swapped: bool = False


def missing_steps(evidence: Evidence) -> Iterator[Step]:
    """Yield what is wrong where AppKey or signature are not there at all."""
    key, signature = evidence.value(b"x-ca-key"), evidence.value(b"x-ca-signature")
    if key and signature:
        return
    names = [name.lower() for name, _ in evidence.headers]
    if any(name.startswith(b"x_ca_") for name in names):
        yield Step("headers-underscored", "x_ca_… came, x-ca-… did not")
        return
    if not key and (other := next((name for name in _KEY_NAMES if name in names), None)):
        yield Step("key-header-misnamed", f"{other.decode()} came, x-ca-key did not")
        return
    yield from _other_scheme(evidence)
    if key:
        yield Step("signature-missing", "x-ca-key came alone")
    elif signature:
        yield Step("key-missing", "x-ca-signature came alone")
    else:
        yield Step("credentials-missing", "neither x-ca-key nor x-ca-signature came")


def _other_scheme(evidence: Evidence) -> Iterator[Step]:
    authorization = evidence.value(b"authorization")
    for start, cause, words in _OTHER_SCHEMES:
        if authorization.lower().startswith(start):
            yield Step(cause, f"Authorization: {words} …")
            return
    query = evidence.target.partition(b"?")[2]
    if any(name in query for name in _ACS_PARAMETERS) or evidence.value(b"x-acs-action"):
        yield Step("ram-credentials", "AccessKeyId, SignatureNonce … or x-acs-*")
    elif authorization:
        yield Step("other-credentials", "in another form than any that is known")


def caller(evidence: Evidence, others: Sequence[KnownAccount]) -> Caller:
    """Return whose AppKey this is, as far as that can be told."""
    key = evidence.value(b"x-ca-key").decode("latin-1")
    meant = evidence.known_account
    owner = next(
        (
            known_account
            for known_account in (*_some(meant), *others)
            if _has(known_account.key, key)
        ),
        None,
    )
    if owner is not None:
        if meant is None or owner.account == meant.account:
            return Caller((), owner)
        how = f"of account {owner.account}, expected that of {meant.account}"
        return Caller((Step("key-of-another-account", how),), owner)
    for known_account in (*_some(meant), *others):
        if _has(known_account.secret, key):
            return Caller(
                (Step("key-and-secret-swapped", _of(known_account)),), known_account, swapped=True
            )
    bare = key.strip(_DECORATION).lower()
    for known_account in (*_some(meant), *others):
        if known_account.key and known_account.key.lower() == bare:
            return Caller((Step("key-decorated", f"expected {known_account.key}"),), known_account)
        for words, value in known_account.credentials():
            if _has(value, key):
                how = (
                    f"it is {words} of account {known_account.account},"
                    f" whose AppKey is {known_account.key}"
                )
                return Caller((Step("key-is-other-credential", how),), known_account)
    # What nobody knows may be a secret of somebody, so it is not repeated.
    return Caller((Step("key-unknown", f"an AppKey of {len(key)} characters"),), meant)


def _some(known_account: KnownAccount | None) -> Iterable[KnownAccount]:
    return () if known_account is None else (known_account,)


def _has(value: str, shown: str) -> bool:
    return bool(value) and value == shown


def _of(known_account: KnownAccount) -> str:
    return f"of account {known_account.account}"


def rule_steps(evidence: Evidence, known_account: KnownAccount | None) -> Iterator[Step]:
    """Yield which rules beside the signature are broken."""
    settings = evidence.settings
    method = evidence.value(b"x-ca-signature-method")
    if method and method not in ALGORITHMS:
        yield Step("algorithm-unknown", method.decode("latin-1")[:60])
    stage = evidence.value(b"x-ca-stage").decode("latin-1")
    if stage and stage not in settings.stages:
        yield Step("stage-unknown", f"{stage[:60]}, known are {', '.join(settings.stages)}")
    if settings.nonce_required and not evidence.value(b"x-ca-nonce"):
        yield Step("nonce-missing", "x-ca-nonce did not come")
    yield from _timestamp(evidence)
    if settings.content_md5 == "strict" and check_digest(evidence.header, evidence.body):
        yield _digest(evidence)
    if known_account is not None and known_account.key in settings.expired_keys:
        yield Step("authorization-expired", "by the setting expired_keys")
    elif known_account is not None and known_account.key in settings.unauthorized_keys:
        yield Step("key-not-authorized", "by the setting unauthorized_keys")
    if evidence.refused is Situation.NONCE_USED:
        yield Step("nonce-used", "within the last 15 minutes")


def _timestamp(evidence: Evidence) -> Iterator[Step]:
    stamp = evidence.value(b"x-ca-timestamp")
    if not stamp:
        if evidence.settings.timestamp_required:
            yield Step("timestamp-missing", "x-ca-timestamp did not come")
        return
    if not stamp.isdigit() or len(stamp) > _MAX_STAMP_LENGTH:
        yield Step("timestamp-not-a-number", stamp.decode("latin-1")[:40])
        return
    now, window = evidence.now, evidence.settings.timestamp_window
    if now is None or not window or abs(int(stamp) / 1000 - now) <= window:
        return
    for unit, cause, words in (
        (1, "timestamp-seconds", "in seconds"),
        (10**6, "timestamp-other-unit", "in microseconds"),
        (10**9, "timestamp-other-unit", "in nanoseconds"),
    ):
        if abs(int(stamp) / unit - now) < _YEAR:
            yield Step(cause, words)
            return
    yield clock_step(int(stamp) / 1000 - now)


def _digest(evidence: Evidence) -> Step:
    """Return why Content-MD5 does not fit the body."""
    if not evidence.body:
        return Step("digest-with-empty-body", "the body has no bytes")
    sent = evidence.value(b"content-md5")
    for steps, value in digest_forms(evidence.body):
        if value == sent:
            return steps[0]
    return Step("digest-of-unknown-bytes", f"the body has {len(evidence.body)} bytes")
