"""Balances and ledgers through the control API."""

import asyncio
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.accounts import Progression
from mock_server.tests.control.mock import Mock, a_client


async def test_a_balance_shows_its_parts_and_its_worth(http):
    await http("PUT", "/accounts/ready/balance", {"topUp": 20})
    job = (await http.mock.submit()).job

    shown = await http("GET", "/accounts/ready/balance")

    price = float(job.price)
    assert shown == {
        "account": "ready",
        "balance": 120 - price,
        "usd": pytest.approx((120 - price) * 0.003),
        "opening": 100,
        "toppedUp": 20,
        "charged": 0,
        "held": price,
    }


async def test_a_balance_is_set_or_topped_up(http):
    assert (await http("PUT", "/accounts/ready/balance", {"balance": 7.5}))["balance"] == 7.5
    assert (await http("PUT", "/accounts/ready/balance", {"topUp": 0.1}))["balance"] == 7.6
    assert (await http("GET", "/accounts/ready"))["balance"] == 7.6
    # A sum of binary fractions is the number that it stands for.
    assert (await http("PUT", "/accounts/ready/balance", {"balance": 0.1 + 0.2}))["balance"] == 0.3


@pytest.mark.parametrize("body", [{}, {"balance": 1, "topUp": 1}, {"reason": "why"}])
async def test_exactly_one_change_is_needed(http, body):
    problem = await http.problem(400, "PUT", "/accounts/ready/balance", body)

    assert "exactly one of balance, topUp" in problem["detail"]


@pytest.mark.parametrize("text", [b"1e999", b"-1e999", b"NaN", b"1" * 400, b"true", b'"5"', b"-1"])
async def test_an_invalid_amount_is_refused(http, text):
    content = b'{"balance": %s}' % text
    await http.problem(400, "PUT", "/accounts/ready/balance", content=content)


async def test_a_ledger_has_every_line_with_the_balance_after_it(http):
    await http("PUT", "/accounts/ready/balance", {"topUp": 5, "reason": "a gift"})
    await http("POST", "/clock/advance", {"seconds": 1})
    job = (await http.mock.submit()).job
    await http("POST", "/clock/advance", {"seconds": 1000})

    ledger = await http("GET", "/accounts/ready/ledger")

    kinds = [line["kind"] for line in ledger["lines"]]
    assert kinds == ["charge", "hold", "top-up", "opening"]
    assert ledger["lines"][2]["note"] == "a gift"
    assert ledger["lines"][1]["job"] == job.id
    assert ledger["lines"][0]["balance"] == ledger["sums"]["balance"]
    assert ledger["next"] is None
    assert ledger["holds"] is True
    price = float(job.price)
    assert ledger["equation"] == (
        f"{105 - price:g} = 100 opening + 5 topped up - {price:g} charged - 0 held"
    )


async def test_a_ledger_has_pages_whose_balances_go_on(http):
    for _ in range(3):
        await http("PUT", "/accounts/ready/balance", {"topUp": 5})
    await http.mock.submit(progress=Progression.INSTANT)
    path = "/accounts/ready/ledger"
    whole = await http("GET", path)

    lines, before = [], ""
    while True:
        page = await http("GET", f"{path}?limit=2{before}")
        assert len(page["lines"]) <= 2
        assert page["holds"] is True
        lines += page["lines"]
        if page["next"] is None:
            break
        before = f"&before={quote(page['next'])}"

    assert lines == whole["lines"]
    assert len(lines) == 6
    await http.problem(404, "GET", f"{path}?before=nothing")


async def test_credits_of_an_unknown_account_are_not_found(http):
    for method, path in (("GET", "balance"), ("GET", "ledger"), ("GET", "limits")):
        await http.problem(404, method, f"/accounts/unknown/{path}")


changes = st.one_of(
    st.fixed_dictionaries({"balance": st.integers(0, 10**6).map(lambda n: n / 1000)}),
    st.fixed_dictionaries({"topUp": st.integers(0, 10**6).map(lambda n: n / 1000)}),
    st.sampled_from(["submit", "complete", "fail", "advance"]),
)


@given(st.lists(changes, max_size=12))
def test_the_ledger_always_adds_up(steps):
    async def walk():
        async with a_client(Mock()) as http:
            for step in steps:
                if isinstance(step, dict):
                    await http("PUT", "/accounts/ready/balance", step)
                elif step == "submit":
                    if (await http("GET", "/accounts/ready/balance"))["balance"] >= 1:
                        await http.mock.submit()
                elif step == "advance":
                    await http("POST", "/clock/advance", {"seconds": 1})
                else:
                    open_jobs = (await http("GET", "/jobs?state=waiting"))["jobs"]
                    for job in open_jobs[:1]:
                        await http("POST", f"/jobs/{job['id']}/{step}")
                ledger = await http("GET", "/accounts/ready/ledger")
                assert ledger["holds"] is True
                assert ledger["sums"]["balance"] >= 0

    asyncio.run(walk())
