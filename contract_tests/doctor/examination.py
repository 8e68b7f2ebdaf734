"""All checks of the doctor, in the order in which a run would meet their problems."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from contract_tests.credentials import (
    ENVIRONMENT,
    TABLES,
    BadSettings,
    TargetCredentials,
    credentials_of,
    read_values,
)
from contract_tests.doctor.calls import SurfaceCalls
from contract_tests.doctor.costs import cost_findings
from contract_tests.doctor.findings import (
    Finding,
    FindingState,
    not_checked,
    ok,
    problem,
    warning,
)
from contract_tests.doctor.network import callback_findings, network_findings
from contract_tests.options import Flags
from contract_tests.redaction import SecretRedactor
from contract_tests.settings import RunSettings, environment_of_process, read_settings
from contract_tests.signing import read_private_key
from contract_tests.targets import (
    ContractTarget,
    TargetDown,
    open_target,
    ssl_context,
    target_urls,
)

_SECRET = {("tams", "private_key"), ("tams", "access_token"), ("workshop", "app_secret")}
MIN_KEY_BITS = 2048  # `TAMS › 3.2`
_SECRETS_OF = {
    "tams": "TAMS_APP_ID and TAMS_PRIVATE_KEY, or TAMS_ACCESS_TOKEN",
    "workshop": "WORKSHOP_APP_KEY and WORKSHOP_APP_SECRET",
}


def examine(
    flags: Flags, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[Finding]:
    """Yield what each check found. Raises `BadSettings` for wrong flags."""
    environment = environment_of_process() if environment is None else environment
    read_settings(flags, environment, folder, TargetCredentials())  # checks the flags alone
    values: dict[tuple[str, str], str] = {}
    if flags.target != "mock":
        try:
            values = read_values(environment, flags.config, folder or Path.cwd())
        except BadSettings as error:
            yield problem("run", "settings", str(error), "correct the file")
            return
    redactor = SecretRedactor(value for place, value in values.items() if place in _SECRET)
    for finding in _examine(flags, environment, folder, values):
        yield replace(
            finding, sentence=redactor.text(finding.sentence), advice=redactor.text(finding.advice)
        )


def _examine(
    flags: Flags,
    environment: Mapping[str, str],
    folder: Path | None,
    values: Mapping[tuple[str, str], str],
) -> Iterator[Finding]:
    given: dict[tuple[str, str], str] = {}
    for table in TABLES if flags.only is None else (flags.only,):
        own = {place: value for place, value in values.items() if place[0] == table}
        broken = yield from _given(table, own, flags)
        if not broken:
            given |= own
    credentials = credentials_of(given)
    settings = read_settings(flags, environment, folder, credentials)
    if flags.target == "real" and not any(map(credentials.auth, settings.surfaces)):
        yield problem(
            "run", "credentials", "there are none that a run could use",
            "set those of one surface at least, in the environment or in tams-contract.toml",
        )  # fmt: skip
    yield from _target(settings, flags)
    yield from cost_findings(settings)


def _given(
    table: str, values: dict[tuple[str, str], str], flags: Flags
) -> Generator[Finding, None, bool]:
    """Check what is configured for a surface; return whether it cannot be used."""
    try:
        credentials = credentials_of(values)
    except BadSettings as error:
        sentence, _, advice = str(error).partition(": ")
        yield problem(table, "credentials", sentence, advice)
        return True
    if flags.target == "mock":
        return False
    has_endpoint = bool(values.get((table, "endpoint")))
    if credentials.auth(table) is None:
        yield not_checked(table, "credentials", "none are given", f"set {_SECRETS_OF[table]}")
    else:
        names = [name for name, place in ENVIRONMENT.items() if values.get(place)]
        yield ok(table, "credentials", f"given: {', '.join(names)}")
        if flags.target == "real" and not has_endpoint:
            yield problem(table, "endpoint", "none is given", f"set {table.upper()}_ENDPOINT")
            return True
    if key := credentials.tams.private_key:
        bits = read_private_key(key).key_size
        if bits < MIN_KEY_BITS:
            yield problem(
                table, "key", f"the private key has {bits} bits, TAMS wants {MIN_KEY_BITS}",
                f"make another one: openssl genrsa -out key.pem {MIN_KEY_BITS}",
            )  # fmt: skip
        else:
            yield ok(table, "key", f"RSA with {bits} bits")
    return False


def _target(settings: RunSettings, flags: Flags) -> Iterator[Finding]:
    """Check the network, and each surface that can be reached."""
    urls = {s: url for s, url in target_urls(settings).items() if s in settings.surfaces}
    bad: set[str] = set()
    for url in dict.fromkeys(urls.values()):
        where = "run" if len(urls) > 1 and len(set(urls.values())) == 1 else _first(urls, url)
        context = ssl_context(settings.flags.ca_file)
        for finding in network_findings(where, url, context, proxied=flags.target == "real"):
            yield finding
            if finding.state is FindingState.PROBLEM:
                bad.add(url)
    usable = {surface for surface, url in urls.items() if url not in bad}
    if urls and not usable:
        return
    try:
        target = open_target(settings)
    except TargetDown as error:
        yield problem("run", "target", str(error), "start it, or name another --target")
        return
    try:
        if target.has_own_account:
            yield ok("run", "target", f"a mock, with an account for this check: {_urls(target)}")
        for note in target.notes:
            yield warning("run", "target", note, "give credentials of an account of this mock")
        for surface in settings.surfaces:
            if surface in (usable or target.urls):
                yield from SurfaceCalls(target, surface).findings()
            elif surface not in urls:
                yield not_checked(surface, "endpoint", "none is given")
        yield from callback_findings(flags.callback_url, dict(target.urls))
    finally:
        target.close()


def _first(urls: dict[str, str], url: str) -> str:
    return next(surface for surface, own in urls.items() if own == url)


def _urls(target: ContractTarget) -> str:
    return ", ".join(dict.fromkeys(target.urls.values()))
