"""The settings of a run: flags, environment and file, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import httpx

from contract_tests.credentials import BadSettings, TargetCredentials, as_url, read_credentials
from contract_tests.options import STATE_FOLDER, SURFACES, Flags, RunProfile

REAL_HINT = "TAMS_ENDPOINT (with TAMS_APP_ID and TAMS_PRIVATE_KEY, or TAMS_ACCESS_TOKEN)"


@dataclass(frozen=True)
class RunSettings:
    """A run's settings; `profile` and the budgets are None if the kind of target decides.

    `transport` is what all requests go through, if it is not the usual one.
    """

    flags: Flags
    credentials: TargetCredentials
    control_token: str
    surfaces: tuple[str, ...]
    profile: RunProfile | None
    max_credits: Decimal | None
    max_uses: Decimal | None
    state_dir: Path
    transport: httpx.BaseTransport | None = None

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be written to a file."""
        return (*self.credentials.secrets(), *filter(None, (self.control_token,)))

    @property
    def url(self) -> str:
        """Return the URL of the target if it was given as one."""
        return "" if self.flags.target in ("mock", "real") else self.flags.target


def read_settings(
    flags: Flags,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    credentials: TargetCredentials | None = None,
) -> RunSettings:
    """Return the settings, or raise `BadSettings` with what to change.

    Given credentials are used unchecked; without them, environment and file are read.
    """
    environment = environment_of_process() if environment is None else environment
    folder = folder or Path.cwd()
    if flags.only not in (None, *SURFACES):
        raise BadSettings(f"--only is {flags.only!r}, expected tams or workshop")
    if flags.ca_file is not None and not flags.ca_file.is_file():
        raise BadSettings(f"--ca-file {flags.ca_file} is not a file")
    if flags.fuzz_calls is not None and flags.fuzz_calls < 0:
        raise BadSettings(f"--fuzz-calls is {flags.fuzz_calls}, expected 0 or more")
    if credentials is None and flags.target == "mock":
        credentials = TargetCredentials()
    elif credentials is None:
        credentials = read_credentials(environment, flags.config, folder)
        if flags.target == "real":
            _check_real(credentials, flags)
    if flags.target not in ("mock", "real"):
        if "://" not in flags.target:
            raise BadSettings(f"--target is {flags.target!r}, expected mock, real or http(s)://…")
        as_url(flags.target, "--target")
    return RunSettings(
        flags=flags,
        credentials=credentials,
        control_token=environment.get("TAMS_MOCK_CONTROL_TOKEN", ""),
        surfaces=(flags.only,) if flags.only else SURFACES,
        profile=_profile(flags.profile),
        max_credits=_amount(flags.max_credits, "--max-credits"),
        max_uses=_amount(flags.max_uses, "--max-uses"),
        state_dir=flags.state_dir or folder / STATE_FOLDER,
    )


def environment_of_process() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def _check_real(credentials: TargetCredentials, flags: Flags) -> None:
    tams, workshop = credentials.tams.auth(), credentials.workshop.auth()
    wanted = (flags.only,) if flags.only else SURFACES
    if not (tams and "tams" in wanted) and not (workshop and "workshop" in wanted):
        raise BadSettings(
            f"there are no credentials for the real services: set {REAL_HINT}, "
            "or WORKSHOP_ENDPOINT with WORKSHOP_APP_KEY and WORKSHOP_APP_SECRET"
        )
    for surface, auth, endpoint in (
        ("tams", tams, credentials.tams_endpoint),
        ("workshop", workshop, credentials.workshop_endpoint),
    ):
        if surface in wanted and auth and not endpoint:
            raise BadSettings(
                f"there are credentials for {surface}, but {surface.upper()}_ENDPOINT is not set"
            )


def _profile(text: str | None) -> RunProfile | None:
    try:
        return RunProfile(text) if text else None
    except ValueError:
        known = ", ".join(profile.value for profile in RunProfile)
        raise BadSettings(f"--profile is {text!r}, expected one of {known}") from None


def _amount(text: str | None, name: str) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise BadSettings(f"{name} is {text!r}, expected a number, 0 or more")
    return amount
