"""The commands `record` and `drift`.

Exit statuses of both: 0 done, or no drift; 1 drift, or incomplete scenes; 2 wrong use; 3 the target
cannot be reached. What plays and compares is imported when a command runs, so that the help needs
click alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contract_tests.options import Flags, add_flags
from contract_tests.recording.changes import Severity
from contract_tests.recording.drift_report import (
    DRIFT,
    UNREACHABLE,
    exit_status,
    report_json,
    report_lines,
)
from contract_tests.recording.shape import (
    BadRecording,
    Recording,
    write_recording,
)

if TYPE_CHECKING:
    from contract_tests.recording.recorder import RecordingResult

FOLDER = Path("fixtures", "exchanges")
_FILE = click.Path(path_type=Path)
_TARGET_FLAGS = (
    "config", "ca_file", "only", "profile", "max_credits", "max_uses", "longest_wait",
)  # fmt: skip


@click.command("record")
@click.option("--target", default="mock", metavar="T", help="mock (default), real, or a URL.")
@click.option("--out", type=_FILE, metavar="DIR",
              help="Output folder; fixtures/exchanges/KIND by default.")  # fmt: skip
@click.option("--run", "run_folder", type=_FILE, metavar="DIR",
              help="Use the transcripts of a run of the suite; send nothing.")  # fmt: skip
def record_command(target: str, out: Path | None, run_folder: Path | None, **flags: Any) -> None:
    """Play every scene against the target, and record its answers.

    Ids, times, signatures and secrets are replaced by references, so that two recordings of the
    same target are equal. Scenes that cost are played if the profile and the budget allow it.
    """
    from contract_tests.recording.recorder import from_run

    if run_folder is not None:
        recording, broken, bundle = _or_exit(lambda: from_run(run_folder)), 0, None
    else:
        result = _record(target, None, flags)
        recording, broken, bundle = result.recording, _tell(result), result.bundle
    folder = out or FOLDER / recording.target
    _or_exit(lambda: write_recording(recording, folder))
    if bundle is not None:
        click.echo(f"evidence: {bundle}")
    count = sum(len(scene.exchanges) for scene in recording.scenes)
    click.echo(f"{len(recording.scenes)} scenes, {count} exchanges: {folder}")
    sys.exit(1 if broken else 0)


@click.command("drift")
@click.argument("before", type=_FILE)
@click.argument("now", type=_FILE, required=False)
@click.option("--target", metavar="T", help="Compare with what this target answers now.")
@click.option("--json", "json_file", type=click.File("w", encoding="utf-8"), metavar="FILE",
              help="Write the changes as JSON; - is standard output.")  # fmt: skip
@click.option("--least", type=click.Choice(["breaking", "notable", "cosmetic"]),
              default="cosmetic", show_default=True,
              help="Less important changes do not count for the exit status.")  # fmt: skip
def drift_command(
    before: Path, now: Path | None, target: str | None, json_file: Any, least: str, **flags: Any
) -> None:
    """Compare the recording BEFORE with the recording NOW, or with a target.

    A recording is a folder of `record`, or a bundle of evidence.

    Exit status: 0 no drift, 1 drift, 2 wrong use, 3 the target did not answer.
    """
    from contract_tests.recording.drift import compare
    from contract_tests.recording.recorder import open_recording

    if (now is None) == (target is None):
        raise click.UsageError("name a second recording or --target, to compare with")
    first = _or_exit(lambda: open_recording(before))
    if now is not None:
        second = _or_exit(lambda: open_recording(now))
    else:
        result = _record(str(target), [scene.name for scene in first.scenes], flags)
        _tell(result)
        second = result.recording
        # Scenes that were not played at this target are not drift.
        played = {scene.name for scene in second.scenes}
        asked = tuple(scene for scene in first.scenes if scene.name in played)
        first = Recording(first.target, asked)
        if not asked:
            raise click.UsageError(
                "no scene may be played at this target; see --profile (a bundle of the suite can be"
                " compared with another bundle only)"
            )
    changes = compare(first, second)
    status = exit_status(changes, Severity(least))
    if json_file is not None:
        json_file.write(report_json(changes, first.target, second.target, status))
    if json_file is None or json_file.name != "<stdout>":
        for line in report_lines(changes, first.target, second.target):
            click.echo(line)
    sys.exit(status)


add_flags(record_command, *_TARGET_FLAGS, "record_evidence")
add_flags(drift_command, *_TARGET_FLAGS)


def _record(target: str, only: list[str] | None, flags: dict[str, Any]) -> RecordingResult:
    from contract_tests.credentials import BadSettings
    from contract_tests.outcomes import SuiteError
    from contract_tests.recording.recorder import record
    from contract_tests.settings import read_settings
    from contract_tests.targets import TargetDown

    given = {name: value for name, value in flags.items() if value is not None}

    def show(scene: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{scene}", nl=False, err=True)

    try:
        settings = read_settings(Flags(target=target, **given))
        return record(settings, only, show)
    except (BadSettings, SuiteError) as error:
        raise click.UsageError(str(error)) from None
    except TargetDown as error:
        click.echo(f"unreachable: {error}", err=True)
        sys.exit(UNREACHABLE)
    finally:
        show("")


def _tell(result: RecordingResult) -> int:
    """Print missing scenes and remaining resources; return the number of incomplete scenes."""
    for scene, reason in result.not_played:
        click.echo(f"not played {scene} {reason}", err=True)
    if result.recording.target != "mock":
        for made in result.left:
            click.echo(f"left there: {made.kind} {made.id}", err=True)
    return sum(1 for _, reason in result.not_played if reason.startswith("to its end"))


def _or_exit(what: Any) -> Any:
    try:
        return what()
    except BadRecording as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        click.echo(f"{error}", err=True)
        sys.exit(DRIFT)
