"""Which tests run: by the settings, by the budget, by the capabilities of the target."""

from __future__ import annotations

from decimal import Decimal

from contract_tests.credentials import TargetCredentials
from contract_tests.markers import CAPABILITIES, Markers
from contract_tests.money import UNITS, Ledger
from contract_tests.options import RunProfile
from contract_tests.outcomes import Disabled, Unsupported
from contract_tests.settings import RunSettings
from contract_tests.targets import ContractTarget, RunLimits

MAX_CHEAP = Decimal(2)  # what one test may spend in the profile cheap


def admit(
    surface: str,
    marks: Markers,
    settings: RunSettings,
    limits: RunLimits,
    target: ContractTarget,
    ledger: Ledger,
) -> None:
    """Raise `Disabled` or `Unsupported` if a test does not run."""
    reason = why_not_included(
        surface, marks, settings, limits, target.credentials
    ) or _why_too_dear(surface, marks, ledger)
    if reason:
        raise Disabled(reason)
    if surface not in target.served:
        raise Unsupported(f"the target does not serve {surface}")
    for capability in marks.needs:
        if not target.has(capability):
            raise Unsupported(f"the target lacks {capability}: {CAPABILITIES[capability]}")


def why_not_included(
    surface: str,
    marks: Markers,
    settings: RunSettings,
    limits: RunLimits,
    credentials: TargetCredentials,
) -> str:
    """Return why a test is not part of this run, or an empty text."""
    asked = why_not_asked(surface, marks, settings, limits)
    return asked or _why_closed(surface, credentials)


def why_not_asked(surface: str, marks: Markers, settings: RunSettings, limits: RunLimits) -> str:
    """Return why this run does not include a test, or an empty text."""
    if surface not in settings.surfaces:
        return f"--only {settings.flags.only}"
    if marks.destructive and not limits.destructive:
        return "destructive, and --destructive is not set"
    profile = limits.profile
    if profile is not RunProfile.FULL and marks.slow:
        return f"slow, and the profile is {profile.value}"
    if profile is RunProfile.CHEAP and marks.spends > MAX_CHEAP:
        return f"spends up to {marks.spends} {UNITS[surface]}, and the profile is cheap"
    if profile is RunProfile.FREE and marks.spends:
        return f"spends up to {marks.spends} {UNITS[surface]}, and the profile is free"
    if profile is RunProfile.FREE and marks.leaves_traces:
        return "leaves traces, and the profile is free"
    return ""


def _why_closed(surface: str, credentials: TargetCredentials) -> str:
    return "" if credentials.auth(surface) else f"there are no credentials for {surface}"


def _why_too_dear(surface: str, marks: Markers, ledger: Ledger) -> str:
    # A test declares its maximum. Prices are mostly lower, and each one is compared with the
    # budget before its submission is sent.
    unit = UNITS[surface]
    if not marks.spends or ledger.left(unit) != 0:
        return ""
    return f"spends up to {marks.spends} {unit}, and nothing is left of the budget"
