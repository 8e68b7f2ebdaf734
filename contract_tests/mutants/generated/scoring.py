"""Which generated mutants the suite notices, and by which test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import httpx

from contract_tests.answers import ReceivedAnswer, Remembered, SentRequest, Unmet
from contract_tests.clients import tams, workshop
from contract_tests.clients.wire import expect_documented
from contract_tests.mutants.calls import HttpCall, HttpReply
from contract_tests.mutants.forks import ForkedOutcome, ForkedWork, ForkingPlugin
from contract_tests.mutants.generated.making import ANY, GeneratedMutant, answers_of
from contract_tests.mutants.generated.members import surface_of
from contract_tests.mutants.generated.recording import SeenExchange, SeenTest
from contract_tests.mutants.seen_accounts import SeenAccounts

MANY = 12  # tests among which to look for one whose client would refuse a changed answer
RULES = {rules.surface: rules for rules in (tams.RULES, workshop.RULES)}


class Noticer:
    """Finds the tests that a mutant changes something for, from what all tests saw."""

    def __init__(self, seen: Iterable[SeenTest]) -> None:
        by_answers: dict[str, list[SeenTest]] = defaultdict(list)
        for test in seen:
            names = {answers_of(exchange.call, exchange.reply) for exchange in test.exchanges}
            for name in names | {f"{name.rpartition(':')[0]}:{ANY}" for name in names}:
                by_answers[name].append(test)
        self._by_answers = {name: _varied(tests) for name, tests in by_answers.items()}

    def predicted(self, mutant: GeneratedMutant) -> str:
        """Return a test whose client would refuse a changed answer; empty if there is none."""
        seen = self._by_answers.get(mutant.answers, [])[:MANY]
        return next((test.test for test in seen if refuses(mutant, test.exchanges)), "")

    def tests_for(self, mutant: GeneratedMutant, first: str = "") -> Iterator[str]:
        """Yield the tests that see something of a mutant, beginning with `first`, or the best."""
        if first := first or self.predicted(mutant):
            yield first
        for test in self._by_answers.get(mutant.answers, ()):
            if test.test != first and changes(mutant, test.exchanges):
                yield test.test


def _varied(tests: list[SeenTest]) -> list[SeenTest]:
    """Return tests, first one variant of each test function, the fastest ones first."""
    seen: dict[str, int] = defaultdict(int)
    places = {}
    for test in sorted(tests, key=lambda test: test.seconds):
        function = test.test.partition("[")[0]
        places[test.test] = seen[function]
        seen[function] += 1
    return sorted(tests, key=lambda test: (places[test.test], test.seconds))


def changes(mutant: GeneratedMutant, exchanges: Iterable[SeenExchange]) -> bool:
    """Say whether a mutant would change any of these exchanges."""
    handle = mutant.mutation.make()
    for exchange in exchanges:
        if mutant.mutation.concerns(exchange.call):
            service = _Replay(exchange.reply)
            if handle(exchange.call, service) != exchange.reply or service.call != exchange.call:
                return True
    return False


def refuses(mutant: GeneratedMutant, exchanges: Iterable[SeenExchange]) -> bool:
    """Say whether the checks of all answers fail for these exchanges, changed by a mutant."""
    handle = mutant.mutation.make()
    memories = {surface: (Remembered(), Remembered()) for surface in RULES}
    for exchange in exchanges:
        surface = surface_of(exchange.call.path)
        if surface is None:
            continue
        told = handle(exchange.call, _Replay(exchange.reply))
        before, after = memories[surface]
        fits = _accepts(surface, exchange.call, exchange.reply, before)
        if not _accepts(surface, exchange.call, told, after) and fits:
            return True
    return False


def _accepts(surface: str, call: HttpCall, reply: HttpReply, remembered: Remembered) -> bool:
    sent = SentRequest(call.method, f"http://host{call.target}", call.headers, call.body)
    answer = ReceivedAnswer(sent, reply.status, httpx.Headers(reply.headers), reply.body, "")
    try:
        expect_documented(RULES[surface], answer, call.path, remembered)
    except Unmet:
        return False
    return True


class _Replay(SeenAccounts):
    """The service as it answered once."""

    url = ""

    def __init__(self, reply: HttpReply) -> None:
        super().__init__()
        self.call: HttpCall | None = None
        self._reply = reply

    def __call__(self, call: HttpCall) -> HttpReply:
        self.call = call
        return self._reply


def score(
    plugin: ForkingPlugin,
    mutants: Iterable[GeneratedMutant],
    noticer: Noticer,
    known: Mapping[str, str],
) -> Iterator[ForkedOutcome]:
    """Return an outcome for each mutant; `known` are the tests that noticed mutants before."""
    return plugin.run(_work(plugin, mutant, noticer, known) for mutant in mutants)


def _work(
    plugin: ForkingPlugin, mutant: GeneratedMutant, noticer: Noticer, known: Mapping[str, str]
) -> ForkedWork:
    first = known.get(mutant.name, "")
    tests = noticer.tests_for(mutant, first if first in plugin.items else "")
    return ForkedWork(mutant.name, tests, mutant.mutation.make())
