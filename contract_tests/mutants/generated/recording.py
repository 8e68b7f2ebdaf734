"""What each test sees when it runs alone: its calls and their answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from contract_tests.mutants.calls import HttpCall, HttpReply, Service
from contract_tests.mutants.forks import ForkedWork, ForkingPlugin

MAX_BODY = 100_000  # bytes of a recorded body; pictures are not mutated
_KEPT = ("authorization", "x-ca-key", "content-type")


@dataclass(frozen=True)
class SeenExchange:
    """A call of a test, and its answer."""

    call: HttpCall
    reply: HttpReply


@dataclass(frozen=True)
class SeenTest:
    """A test that passes alone, with what it sees."""

    test: str
    seconds: float
    exchanges: tuple[SeenExchange, ...]


@dataclass
class _Recorder:
    rows: list[list[object]] = field(default_factory=list)

    def __call__(self, call: HttpCall, service: Service) -> HttpReply:
        reply = service(call)
        if call.path.startswith(("/v1/", "/scc/")):
            kept = [pair for pair in call.headers if pair[0].lower() in _KEPT]
            self.rows.append([
                call.method, call.target, kept, call.body[:MAX_BODY].decode("latin-1"),
                reply.status, reply.headers, reply.body[:MAX_BODY].decode("latin-1"),
            ])  # fmt: skip
        return reply


def record(plugin: ForkingPlugin, tests: Sequence[str]) -> Iterator[SeenTest]:
    """Yield what tests see; tests that do not pass alone are left out."""
    for outcome in plugin.run(_work(test) for test in tests):
        if not (outcome.failed or outcome.errors or outcome.problem):
            yield SeenTest(outcome.name, outcome.seconds, tuple(map(_seen, outcome.reported)))


def _work(test: str) -> ForkedWork:
    recorder = _Recorder()
    return ForkedWork(test, (test,), recorder, lambda: recorder.rows)


def _seen(row: list) -> SeenExchange:  # type: ignore[type-arg]
    method, target, headers, body, status, replied, content = row
    return SeenExchange(
        HttpCall(method, target, tuple(map(tuple, headers)), body.encode("latin-1")),
        HttpReply(status, tuple(map(tuple, replied)), content.encode("latin-1")),
    )
