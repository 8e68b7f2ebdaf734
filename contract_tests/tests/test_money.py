"""The budget is never exceeded, with several, killed and resumed processes."""

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.money import BudgetUsedUp, Ledger, SpendingAllowance
from contract_tests.outcomes import Disabled, SuiteError

RESERVE = """
import sys
from decimal import Decimal
from pathlib import Path
from contract_tests.money import BudgetUsedUp, Ledger

ledger = Ledger(Path(sys.argv[1]), {"credits": Decimal(sys.argv[2])})
for _ in range(int(sys.argv[3])):
    try:
        ledger.reserve("credits", Decimal("1"), "a test")
        print("reserved", flush=True)
    except BudgetUsedUp:
        pass
"""


def ledger(path, budget="10"):
    return Ledger(path / "ledger.jsonl", {"credits": Decimal(budget)})


def reserving(path, budget, times, more=""):
    return subprocess.Popen(
        [sys.executable, "-c", RESERVE + more, str(path / "ledger.jsonl"), budget, str(times)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_parallel_processes_share_one_budget(tmp_path):
    processes = [reserving(tmp_path, "7", 6) for _ in range(3)]

    said = [process.communicate()[0].count("reserved") for process in processes]

    assert sum(said) == 7
    assert ledger(tmp_path, "7").left("credits") == 0


def test_what_a_killed_process_reserved_counts_as_spent(tmp_path):
    kill = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    process = reserving(tmp_path, "2", 1, kill)
    process.communicate()

    assert process.returncode == -signal.SIGKILL
    assert ledger(tmp_path, "2").spent("credits") == 1
    with pytest.raises(BudgetUsedUp, match="1 of 2 are spent or reserved"):
        ledger(tmp_path, "2").reserve("credits", Decimal("1.5"), "t")


def test_half_a_line_of_a_killed_process_loses_no_other_line(tmp_path):
    book = ledger(tmp_path)
    book.reserve("credits", Decimal(1), "t")
    with (tmp_path / "ledger.jsonl").open("a") as file:
        file.write('{"kind": "reserve", "id": "x", "unit": "cre')

    book.reserve("credits", Decimal(2), "t")

    assert book.spent("credits") == 3


def test_the_reservation_is_on_disk_before_reserve_returns(tmp_path, monkeypatch):
    seen = []
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(path.read_text(encoding="utf-8")))

    ledger(tmp_path).reserve("credits", Decimal("0.3"), "t")

    assert len(seen) == 1
    assert '"amount": "0.3"' in seen[0]


def test_a_line_is_read_once_by_each_process(tmp_path, monkeypatch):
    book, read = ledger(tmp_path, "99"), Mock(wraps=json.loads)
    monkeypatch.setattr(json, "loads", read)

    for _ in range(9):
        book.settle(book.reserve("credits", Decimal(1), "t"), Decimal("0.5"))

    assert book.spent("credits") == Decimal("4.5")
    assert read.call_count == 18


@given(
    st.lists(
        st.tuples(
            st.decimals(min_value=0, max_value=5, places=2),
            st.sampled_from(["keep", "settle", "release"]),
        ),
        max_size=20,
    )
)
def test_no_order_of_events_crosses_the_budget(tmp_path_factory, steps):
    book = ledger(tmp_path_factory.mktemp("ledger"), "6")
    kept = Decimal(0)
    for amount, then in steps:
        try:
            reservation = book.reserve("credits", amount, "t")
        except BudgetUsedUp:
            assert kept + amount > 6
            continue
        if then == "release":
            book.release(reservation)
            continue
        paid = amount / 2 if then == "settle" else amount
        if then == "settle":
            book.settle(reservation, paid)
        kept += paid

    assert book.spent("credits") == kept <= 6


def test_without_a_budget_there_is_no_limit(tmp_path):
    book = Ledger(tmp_path / "l", {"credits": None})

    book.reserve("credits", Decimal(10**9), "t")

    assert book.left("credits") is None


def test_a_test_without_a_declaration_may_not_spend(tmp_path):
    with pytest.raises(SuiteError, match="has no @spends"):
        SpendingAllowance(Decimal(0), "credits", "t").take(ledger(tmp_path), Decimal("0.1"))


def test_a_price_above_the_declaration_is_not_paid(tmp_path):
    book = ledger(tmp_path)

    with pytest.raises(Disabled, match=r"asks 1\.5 credits"):
        SpendingAllowance(Decimal(1), "credits", "t").take(book, Decimal("1.5"))

    assert book.spent("credits") == 0


def test_without_a_price_the_whole_declaration_is_reserved(tmp_path):
    book = ledger(tmp_path)

    SpendingAllowance(Decimal(2), "credits", "t").take(book, None)

    assert book.spent("credits") == 2
