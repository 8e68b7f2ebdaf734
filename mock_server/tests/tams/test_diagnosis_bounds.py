"""How much work a diagnosis may be, counted and not timed."""

import asyncio
import base64
import json
from collections.abc import Iterable

import pytest

from mock_server.tams.auth_diagnostics.diagnosis import TamsDiagnoser
from mock_server.tams.key_pairs import key_pair
from mock_server.tams.settings import TamsSettings
from mock_server.tests.tams.signing import APP, TARGET, Sent, send
from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.findings import Diagnosis
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search_budget import (
    FULL,
    RULES_ONLY,
    SLICE,
    Paced,
    SearchBudget,
    SearchWork,
)
from mock_server.web.auth_diagnostics.turns import Turns, finish

MINE = KnownAccount("default", APP, key_pair(0).public_pem)
UNEXPLAINED = send(signed_body=b"something else entirely")


def diagnosed(
    sent: Sent, budget: SearchBudget = FULL, others: Iterable[KnownAccount] = (MINE,)
) -> Paced[Diagnosis]:
    evidence = Evidence(sent.capture, TamsSettings(), others=others)
    return TamsDiagnoser(evidence, budget).run()


def look(
    sent: Sent, budget: SearchBudget = FULL, others: Iterable[KnownAccount] = (MINE,)
) -> Diagnosis:
    return finish(diagnosed(sent, budget, others))


def crowd(size: int) -> tuple[KnownAccount, ...]:
    return (
        MINE,
        *(KnownAccount(f"a{n}", f"app{n}", key_pair(n).public_pem) for n in range(1, size)),
    )


def forged(size_bytes: int = 256) -> Sent:
    text = base64.b64encode(bytes(range(1, size_bytes // 2 + 1)) * 2).decode()
    return send(encode=lambda data: text)


def test_the_guesses_are_bounded():
    looked = look(UNEXPLAINED)

    assert not looked.complete
    assert 1000 < looked.hashes <= FULL.guesses + 1
    assert looked.doubt.startswith("not explained: none of the ")


def test_a_search_that_was_cut_short_says_so():
    looked = look(UNEXPLAINED, SearchBudget(guesses=100, units=FULL.units, keys=1))

    assert looked.doubt == (
        "not searched further: 101 strings were tried, and known mistakes make more"
    )
    assert not looked.complete


def test_with_no_budget_only_rules_are_looked_at():
    header = send().authorization.replace(b"TAMS-SHA256-RSA", b"RSA")
    broken = Sent("POST", TARGET, header, b"{}")
    looked = look(broken, RULES_ONLY)

    assert looked.ids == ("scheme-word",)
    assert looked.doubt.startswith("not searched further: too many wrong signatures at once")
    assert looked.hashes == 0


def test_a_forged_signature_costs_no_guess_at_all():
    looked = look(forged())

    assert looked.ids == ("key-not-registered",)
    assert looked.hashes == 0


def test_only_so_many_keys_are_tried_and_that_is_said():
    few, many = look(forged(), others=crowd(20)), look(forged(), others=crowd(FULL.keys + 20))

    assert dict(many.facts)["keysTried"] == str(FULL.keys + 1)
    assert few.found[0].how == "none of the 20 registered keys tried"
    assert many.found[0].how == f"none of the first {FULL.keys + 1} registered keys tried"


# Slices

TOKENS = json.dumps({str(n): [n, "é", None] for n in range(4000)}, ensure_ascii=False).encode()
PICTURE = b'{"image": "' + base64.b64encode(bytes(range(256)) * 2000) + b'"}'


@pytest.mark.parametrize(
    "sent",
    [
        UNEXPLAINED,
        send("GET", body=b"", signed_body=b"other"),
        send(body=TOKENS, signed_body=b"other"),
        send(body=PICTURE, signed_body=b"other"),
        send(body=b"x" * 2_000_000, signed_body=b"other"),
        send(sign=lambda message, key: bytes(32)),
        forged(),
    ],
    ids=["plain", "GET", "JSON", "picture", "bytes", "HMAC", "forged"],
)
def test_a_search_stops_after_each_slice_of_work(sent, monkeypatch):
    done: list[int] = []  # in the slice that is going on
    slices: list[int] = []
    for name in ("guess", "add"):
        count = getattr(SearchWork, name)

        def counted(self: SearchWork, units: int, count: object = count) -> None:
            before = self.units
            try:
                count(self, units)  # type: ignore[operator]
            finally:
                done.append(self.units - before)

        monkeypatch.setattr(SearchWork, name, counted)
    for _ in diagnosed(sent, SearchBudget(4000, 200_000_000, 64), crowd(100)):
        slices.append(sum(done))
        done.clear()

    assert len(slices) > 1
    # A piece of work may begin at the end of a slice; no piece is larger than another slice or two.
    assert max(slices) <= 4 * SLICE


async def test_searches_take_turns_and_let_others_run():
    turns, ticks, ended = Turns(), 0, []

    async def search(name: str, sent: Sent) -> None:
        await turns.finish(diagnosed(sent))
        ended.append((name, ticks))

    async def tick() -> None:
        nonlocal ticks
        while len(ended) < 2:
            ticks += 1
            await asyncio.sleep(0)

    await asyncio.gather(
        search("long", UNEXPLAINED), search("short", send(signed_method=b"post")), tick()
    )

    assert [name for name, _ in ended] == ["short", "long"]
    assert ended[1][1] > 30


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 50_000,
        b"[" * 5_000 + b"]" * 5_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":1e999,"b":NaN,"c":-0,"d":1e400}',
        b'{"a":"\\ud800","b":"\\"","c":"\xed\xa0\x80"}',
        json.dumps({str(n): [n, "é"] for n in range(3000)}).encode(),
    ],
    ids=["open", "deep", "deep object", "long number", "odd numbers", "lone surrogate", "many"],
)
def test_a_hostile_body_is_diagnosed_like_any_other(body):
    looked = look(send(body=body, signed_body=b"other"))

    assert not looked.complete
    assert looked.hashes <= FULL.guesses + 1


def test_a_hostile_query_is_diagnosed_like_any_other():
    target = TARGET + b"&" + b"%" * 2000 + b"=" * 2000 + b"/" * 2000
    looked = look(send(target=target, signed_target=b"other"))

    assert looked.hashes <= FULL.guesses + 1
