"""What each generated file holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from contract_tests.coverage.document import page as coverage
from mock_server import __version__
from mock_server.app import create_app
from mock_server.control.openapi import document
from mock_server.settings import Settings
from mock_server.tests.stacks import clients
from scripts._documents import causes, control_api, index, validations

ROOT = Path(__file__).parents[2]
_DOCS = "mock_server/docs"
_SCENARIOS = f"{_DOCS}/scenarios.md"
_MARK = "<!-- made by scripts/documents"

_SETTINGS_HEAD = """# Settings

A setting is a flag of `tams-mock serve`, a variable in the environment, or a line in
`tams-mock.toml`. A flag wins over the environment, the environment over the file, the file over a
preset, and a preset over the default. `serve --help` shows those that most people need,
`serve --help-all` shows all, and `tams-mock settings` shows the values in use. Variables that
Kubernetes sets for a service named `tams-mock` (`TAMS_MOCK_PORT=tcp://…`) are not settings.
`scripts/documents` makes this page from the code.

Settings with `yes` under *account* can differ from account to account:
`PATCH /_mock/accounts/{id}/settings` with `{"tams.upload_answer": "empty"}`, `settings` in
`POST /_mock/accounts`, or `tams-mock accounts settings ID tams.upload_answer=empty`. `null`
(or `--unset`) takes one back; a reset brings back those that the account was created with.
They win over the settings of the server.

`U…` and `W…` are the numbers of the open questions that a setting answers;
[Fidelity](fidelity.md) lists them.

"""

_FIDELITY_HEAD = """# Fidelity

Each behaviour of the mock has a source: a vendor's document, an observation, or a choice that is a
setting. `scripts/documents` makes this page from the code; `tams-mock fidelity` and
`GET /_mock/fidelity` show the same with the settings in use.

"""

_CLIENTS_HEAD = """# HTTP clients

The tests make these calls with each client, over http and over https with the mock's certificate
authority, and compare the answers and the stored pictures. `–` is what the client cannot send.
`scripts/documents` makes this table from `tests/stacks/clients.py`.

"""


def _said(*arguments: str) -> str:
    """Return what a command prints for somebody without a home folder and settings."""
    done = subprocess.run(
        [sys.executable, "-m", "mock_server", *arguments],
        env={"HOME": "/nowhere", "PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def _scenarios() -> str:
    written, mark, rest = (ROOT / _SCENARIOS).read_text("utf-8").partition(_MARK)
    head = written + mark + rest.partition("\n")[0]
    return f"{head}\n\n{_said('scenario', 'list', '--markdown')}"


def _control_api() -> str:
    app = create_app(Settings())
    return control_api.page(document(app.control.operations, __version__, guarded=False))


def _causes() -> str:
    found = {"TAMS": "tams", "AI Creation Workshop": "workshop"}
    files = {
        title: ROOT / "mock_server" / package / "auth_diagnostics" / "causes.toml"
        for title, package in found.items()
    }
    return causes.page(files)


PAGES: dict[str, Callable[[], str]] = {
    f"{_DOCS}/settings.md": lambda: _SETTINGS_HEAD + _said("settings", "--markdown"),
    f"{_DOCS}/fidelity.md": lambda: _FIDELITY_HEAD + _said("fidelity", "--markdown"),
    f"{_DOCS}/clients.md": lambda: _CLIENTS_HEAD + clients.table(),
    f"{_DOCS}/control-api.md": _control_api,
    f"{_DOCS}/causes.md": _causes,
    f"{_DOCS}/validate.md": lambda: validations.page(ROOT),
    _SCENARIOS: _scenarios,
    "contract_tests/COVERAGE.md": coverage,
    "mock_server/data/scenarios/scenario.schema.json": lambda: _said("scenario", "schema"),
    f"{_DOCS}/llms.txt": lambda: index.llms_txt(ROOT / "zensical.toml"),
}


def is_up_to_date(path: str) -> bool:
    """Return whether a generated file is as it would be written now."""
    file = ROOT / path
    return file.is_file() and file.read_text("utf-8") == PAGES[path]()
