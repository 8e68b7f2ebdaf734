"""What is wrong with credentials before any signature is compared: rules that can be pointed at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from mock_server.web.auth_diagnostics.clocks import clock_step
from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.findings import Mistake
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount, recognise, same
from mock_server.web.auth_diagnostics.search_budget import Paced, SearchWork
from mock_server.workshop.auth_diagnostics.digests import DigestVariants
from mock_server.workshop.gateway import Situation
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.signature import ALGORITHMS, is_form

_MAX_STAMP_LENGTH = 20
# Other ways to sign or to name an account, by how an Authorization header begins.
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

    steps: tuple[Mistake, ...]
    known_account: KnownAccount | None
    swapped: bool = False


def missing_steps(evidence: Evidence[WorkshopSettings]) -> Iterator[Mistake]:
    """Yield what is wrong where AppKey or signature are not there at all."""
    key, signature = evidence.value(b"x-ca-key"), evidence.value(b"x-ca-signature")
    if key and signature:
        return
    names = [name.lower() for name, _ in evidence.headers]
    if any(name.startswith(b"x_ca_") for name in names):
        yield Mistake("headers-underscored", "x_ca_… came, x-ca-… did not")
        return
    if not key and (other := next((name for name in _KEY_NAMES if name in names), None)):
        yield Mistake("key-header-misnamed", f"{other.decode()} came, x-ca-key did not")
        return
    yield from _other_scheme(evidence)
    if key:
        yield Mistake("signature-missing", "x-ca-key came alone")
    elif signature:
        yield Mistake("key-missing", "x-ca-signature came alone")
    else:
        yield Mistake("credentials-missing", "neither x-ca-key nor x-ca-signature came")


def _other_scheme(evidence: Evidence[WorkshopSettings]) -> Iterator[Mistake]:
    authorization = evidence.value(b"authorization")
    for start, cause, words in _OTHER_SCHEMES:
        if authorization.lower().startswith(start):
            yield Mistake(cause, f"Authorization: {words} …")
            return
    query = evidence.capture.target.partition(b"?")[2]
    if any(name in query for name in _ACS_PARAMETERS) or evidence.value(b"x-acs-action"):
        yield Mistake("ram-credentials", "AccessKeyId, SignatureNonce … or x-acs-*")
    elif authorization:
        yield Mistake("other-credentials", "in another form than any that is known")


def caller(
    evidence: Evidence[WorkshopSettings], accounts: Iterable[KnownAccount], work: SearchWork
) -> Paced[Caller]:
    """Return whose AppKey this is, as far as that can be told."""
    key = evidence.value(b"x-ca-key").decode("latin-1")
    meant = evidence.known_account
    if meant is not None and meant.key == key:
        return Caller((), meant)
    found = yield from recognise(key, accounts, "key", work)
    if found is None:
        # An unknown word may be a secret, so it is not repeated.
        return Caller((Mistake("key-unknown", f"an AppKey of {len(key)} characters"),), meant)
    owner = found.owner
    if found.kind == "exact":
        if meant is None:
            return Caller((), owner)
        how = f"of account {owner.account}, expected that of {meant.account}"
        return Caller((Mistake("key-of-another-account", how),), owner)
    if found.kind == "decorated":
        return Caller((Mistake("key-decorated", f"expected {owner.key}"),), owner)
    if same(owner.secret, key):
        how = f"of account {owner.account}"
        return Caller((Mistake("key-and-secret-swapped", how),), owner, swapped=True)
    how = f"it is {found.words} of account {owner.account}, whose AppKey is {owner.key}"
    return Caller((Mistake("key-is-other-credential", how),), owner)


def rule_steps(
    evidence: Evidence[WorkshopSettings], known_account: KnownAccount | None, work: SearchWork
) -> Paced[list[Mistake]]:
    """Return which rules beside the signature are broken."""
    steps = list(_header_rules(evidence))
    if evidence.settings.content_md5 == "strict" and (
        wrong := (yield from _digest(evidence, work))
    ):
        steps.append(wrong)
    settings = evidence.settings
    if known_account is not None and known_account.key in settings.expired_keys:
        steps.append(Mistake("authorization-expired", "by the setting expired_keys"))
    elif known_account is not None and known_account.key in settings.unauthorized_keys:
        steps.append(Mistake("key-not-authorized", "by the setting unauthorized_keys"))
    if evidence.refused is Situation.NONCE_USED:
        steps.append(Mistake("nonce-used", "within the last 15 minutes"))
    return steps


def _header_rules(evidence: Evidence[WorkshopSettings]) -> Iterator[Mistake]:
    settings = evidence.settings
    method = evidence.value(b"x-ca-signature-method")
    if method and method not in ALGORITHMS:
        yield Mistake("algorithm-unknown", method.decode("latin-1")[:60])
    stage = evidence.value(b"x-ca-stage").decode("latin-1")
    if stage and stage not in settings.stages:
        yield Mistake("stage-unknown", f"{stage[:60]}, known are {', '.join(settings.stages)}")
    if settings.nonce_required and not evidence.value(b"x-ca-nonce"):
        yield Mistake("nonce-missing", "x-ca-nonce did not come")
    yield from _timestamp(evidence)


def _timestamp(evidence: Evidence[WorkshopSettings]) -> Iterator[Mistake]:
    stamp = evidence.value(b"x-ca-timestamp")
    if not stamp:
        if evidence.settings.timestamp_required:
            yield Mistake("timestamp-missing", "x-ca-timestamp did not come")
        return
    if not stamp.isdigit() or len(stamp) > _MAX_STAMP_LENGTH:
        yield Mistake("timestamp-not-a-number", stamp.decode("latin-1")[:40])
        return
    now, window = evidence.capture.at, evidence.settings.timestamp_window
    if now is None or not window or abs(int(stamp) / 1000 - now) <= window:
        return
    yield clock_step(int(stamp) / 1000, now, _UNITS)


# How many of the timestamp's seconds, which are its thousandths, are one second.
_UNITS = (
    (1e-3, "timestamp-seconds", "in seconds"),
    (1e3, "timestamp-other-unit", "in microseconds"),
    (1e6, "timestamp-other-unit", "in nanoseconds"),
)


def _digest(evidence: Evidence[WorkshopSettings], work: SearchWork) -> Paced[Mistake | None]:
    """Return why Content-MD5 does not fit the body; None where it does."""
    sent, body = evidence.value(b"content-md5"), evidence.capture.body
    if not sent or is_form(evidence.value(b"content-type")):
        return None
    if not body:
        return Mistake("digest-with-empty-body", "the body has no bytes")
    digests = DigestVariants(sent, body, work)
    if (yield from digests.right()) == sent:
        return None
    for each in chain(digests.forms(), digests.rare()):
        if each is None:
            yield
        elif each.value == sent:
            return each.steps[0]
    return Mistake("digest-of-unknown-bytes", f"the body has {len(body)} bytes")
