"""The mock still answers as its recording in `fixtures/exchanges/mock` says."""

from contract_tests import PACKAGE
from contract_tests.options import Flags
from contract_tests.recording.changes import Severity
from contract_tests.recording.drift import compare
from contract_tests.recording.drift_report import report_lines
from contract_tests.recording.recorder import record
from contract_tests.recording.shape import read_recording
from contract_tests.settings import read_settings

RECORDING = PACKAGE.parent / "fixtures" / "exchanges" / "mock"


def test_the_mock_has_not_drifted_from_its_recording(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = record(read_settings(Flags(), {}))

    assert result.not_played == ()
    changes = compare(read_recording(RECORDING), result.recording)
    # Wording is free, so cosmetic changes are allowed.
    notable = [change for change in changes if change.severity is not Severity.COSMETIC]
    assert list(report_lines(notable, "mock", "mock")) == ["No drift."]
