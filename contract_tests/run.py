"""One run in one of its processes: the target, the clients, and the files of the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from contract_tests import wall
from contract_tests.clients import tams, workshop
from contract_tests.clients.tams import TamsClient
from contract_tests.clients.wire import SurfaceRules, Wire
from contract_tests.clients.workshop import WorkshopClient
from contract_tests.current_test import CurrentTest, between_tests
from contract_tests.money import LEDGER, Ledger
from contract_tests.pacing import OwnPacer, Pacer, SharedPacer
from contract_tests.redaction import SecretRedactor
from contract_tests.report.verdict import count
from contract_tests.resources import ResourceLog
from contract_tests.run_folders import make_folder
from contract_tests.settings import RunSettings
from contract_tests.targets import ContractTarget, RunLimits, open_target, run_limits
from contract_tests.transcripts import Transcript


class Run:
    """What the tests of one process share. Each part opens when a test first needs it."""

    def __init__(self, settings: RunSettings, folder: Path, worker: str) -> None:
        self.settings = settings
        self.folder = folder
        self.worker = worker
        self.current_test = between_tests()
        self.begun = False

    @cached_property
    def target(self) -> ContractTarget:
        """Return the target, opened. Raises `TargetDown`, `BadSettings`."""
        self.begun = True
        make_folder(self.folder, self.settings.flags.target)
        target = open_target(self.settings)
        about = {
            "kind": target.kind,
            "urls": dict(target.urls),
            "moves_time": target.clock.moves,
            "served": sorted(target.served),
            "version": target.version,
            "notes": target.notes,
            "profile": self.limits_of(target).profile.value,
            "budgets": {unit: _text(n) for unit, n in self.limits_of(target).budgets.items()},
        }
        path = self.folder / "target.json"
        path.write_text(json.dumps(about), encoding="utf-8")
        return target

    @cached_property
    def limits(self) -> RunLimits:
        """Return the limits of the run at its target."""
        return self.limits_of(self.target)

    def limits_of(self, target: ContractTarget) -> RunLimits:
        """Return the limits of the run at a target."""
        return run_limits(self.settings, free_of_cost=target.has_own_account)

    @cached_property
    def ledger(self) -> Ledger:
        """Return the run's ledger."""
        # The money of a mock need not survive a crash of the computer.
        durable = not self.target.has_own_account
        return Ledger(self.folder / LEDGER, dict(self.limits.budgets), durable=durable)

    @cached_property
    def redactor(self) -> SecretRedactor:
        """Return the redactor that knows the secrets of this run."""
        credentials = self.target.credentials
        redactor = SecretRedactor((*self.settings.secrets(), *credentials.secrets()))
        self.target.tell_secrets = redactor.learn
        return redactor

    @cached_property
    def resources(self) -> ResourceLog:
        """Return the list of resources that this process made."""
        return ResourceLog(self.folder / f"made-{self.worker}.jsonl")

    @cached_property
    def tams(self) -> TamsClient:
        """Return the client of TAMS, with the default credential."""
        wire = self._wire(tams.RULES)
        return TamsClient(wire, self.target, self.target.credentials.tams.auth())

    @cached_property
    def workshop(self) -> WorkshopClient:
        """Return the client of the Workshop."""
        return WorkshopClient(self._wire(workshop.RULES), self.target.credentials.workshop.auth())

    def observe(self, unknown: str, what: str, value: Any) -> None:
        """Record what this target does where the reference is silent."""
        plain = json.loads(json.dumps(value, ensure_ascii=False, default=str))
        shown = self.redactor.value(plain)
        self.current_test.observations.append(
            {
                "unknown": unknown,
                "what": what,
                "value": shown,
                "test": self.current_test.test,
                "at": round(wall.now(), 3),
            }
        )

    def close(self) -> None:
        """Clean up what was made, and close the target."""
        if not self.begun:
            return
        self.current_test = between_tests()
        if "target" not in self.__dict__:
            return
        try:
            if "tams" in self.__dict__:
                self.tams.clean_up(self.resources.still_open("job"))
            if "workshop" in self.__dict__:
                self.workshop.clean_up()
        except AssertionError as error:
            self.note(f"the clean-up failed: {error}")
        finally:
            for client in ("tams", "workshop"):
                if client in self.__dict__:
                    self._note_busy(getattr(self, client).wire)
            self.target.close()
            if "transcript" in self.__dict__:
                self.transcript.close()

    def _note_busy(self, wire: Wire) -> None:
        for (status, call), times in sorted(wire.busy.items()):
            self.note(f"{call} was answered {status} {count(times, 'time')}")

    def note(self, text: str) -> None:
        """Add a note to the report."""
        with (self.folder / "notes.txt").open("a", encoding="utf-8") as file:
            file.write(self.redactor.text(text).replace("\n", " ") + "\n")

    @cached_property
    def transcript(self) -> Transcript:
        """Return this process's transcript."""
        # A resumed run uses the same folder. The time in the prefix keeps its keys unique.
        prefix = f"{self.worker}-{int(wall.now()):x}-"
        path = self.folder / f"transcript-{self.worker}.jsonl"
        return Transcript(path, prefix, self.redactor)

    def _wire(self, rules: SurfaceRules) -> Wire:
        target = self.target
        current: Callable[[], CurrentTest] = lambda: self.current_test  # noqa: E731
        return Wire(
            rules,
            target.urls.get(rules.surface, ""),
            target.http,
            unpooled=target.unpooled,
            clock=target.clock,
            pacer=self._pacer(rules.surface),
            ledger=self.ledger,
            transcript=self.transcript,
            resources=self.resources,
            current_test=current,
        )

    def _pacer(self, surface: str) -> Pacer:
        clock = self.target.clock
        if self.target.has_own_account:
            return OwnPacer(clock.elapsed, clock.pause)
        return SharedPacer(self.folder / f"pace-{surface}.json", clock.elapsed, clock.pause)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
