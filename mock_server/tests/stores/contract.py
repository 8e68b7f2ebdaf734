"""What every store promises, as tests that run on any store.

A store's tests subclass `StoreContract` with a fixture `store`, and give `machine_for` a function
that makes an empty store, for the comparison with plain dictionaries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from decimal import Decimal
from operator import methodcaller
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.account_service import AccountCounter
from mock_server.core.accounts import SERVER, Credential, InitialAccount, Limits, Progression
from mock_server.core.credits import TopUp, Wallet
from mock_server.core.jobs.job import Ending, JobState
from mock_server.core.jobs.plans import PlannedFailure
from mock_server.core.jobs.queue import QueuePlace, QueueState
from mock_server.core.jobs.service import RequestKey
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.nonces import Nonce
from mock_server.core.outbox import Attempt, Delivery
from mock_server.core.rate_limit import AdmittedCalls, Window
from mock_server.core.store import Store, View
from mock_server.core.unit_of_work import ServerClock
from mock_server.tests.makers import a_clock, a_job, a_picture, a_plan, an_account, an_order


class Thing(Struct, frozen=True):
    """A record without anything to come."""

    id: str
    account: str
    text: str = ""


class Chore(Struct, frozen=True):
    """A record that may fall due, and is over if it does not."""

    id: str
    account: str
    due_at: float | None = None

    @property
    def is_over(self) -> bool:
        return self.due_at is None


class Errand(Struct, frozen=True):
    """Another kind of record that may fall due, with a group for each full second."""

    id: str
    account: str
    due_at: float | None = None

    @property
    def due_group(self) -> str:
        return str(self.due_at or 0)[0]


OWN = (("slots", 3), ("tams.locked_models", ("1", "2")), ("tams.strict", True))
ADA = an_account("ada", clock=a_clock(), settings=OWN, limits=Limits(window=0.5))

# One record of every kind that the core keeps, with every kind of value in it.
RECORDS = (
    ADA,
    InitialAccount("ada", "ada", ADA),
    Credential("app:1", "ada"),
    Wallet("ada", "ada", Decimal("1000.000001"), held=Decimal("0.10")),
    TopUp("ada/1", "ada", 1_750_000_000.123456, Decimal("-5"), "a reason – with “signs” 🦊"),
    QueueState("ada", "ada", 3, 7, free_at=(1.5, 2.5), waiting=1, last_start=0.1),
    QueuePlace("1", "ada", 0.1),
    Window("ada/jobs", "ada", 7, 5),
    AdmittedCalls("ada/jobs/0", "ada", (1_750_000_000.3, 0.5)),
    Nonce("ada/5f", "ada", 0.1),
    a_picture(keep_until=None),
    a_job(
        order=an_order(prompt="quotes ' \" \\ and\nlines\t\x00", seed=2**32 - 1, count=4),
        plan=a_plan(stages=(0.1, 0.2), failure=PlannedFailure(0.5, "out of memory")),
        price=Decimal("0.8"),
        waits_for=("one", "two"),
        request_key="ada/key",
        progress=Progression.MANUAL,
        ending=Ending(107.25, JobState.CANCELED, ""),
        applied=3,
    ),
    Delivery(
        id="1-1",
        account="ada",
        job="1",
        number=1,
        watch=Watch("http://127.0.0.1:1/", "toy", Notify.CHANGES, on_success=("a", "b")),
        state=JobState.RUNNING,
        done=0.25,
        made_at=101.5,
        due_at=None,
        attempts=(Attempt(102.0, 500, "not today"),),
        content=b"\x00\xff",
        claim="1-1",
        claimed_until=1_750_000_000.1,
    ),
    RequestKey("ada/key", "ada", "1", 2**63 - 1, 100.0),
    ServerClock(SERVER, SERVER, a_clock(rate=60.0)),
    AccountCounter(SERVER, SERVER, 12, 34),
    Chore("never", "ada", None),
    Thing("", "", ""),
)


async def put(store: Store, *records: Any) -> None:
    """Put records in one transaction of the first one's account."""
    async with store.transaction(records[0].account) as tx:
        for record in records:
            await tx.put(record)


async def put_blobs(store: Store, account: str, **blobs: bytes) -> None:
    """Put bytes in one transaction."""
    async with store.transaction(account) as tx:
        for id, data in blobs.items():
            await tx.put_blob(id, data)


async def take(store: Store, kind: type, *ids: str, account: str = "ada") -> None:
    async with store.transaction(account) as tx:
        for id in ids:
            await tx.delete(kind, id)


async def look(store: Store, how: Callable[[View], Awaitable[Any]]) -> Any:
    """Look at what is committed, in a view and alone; both must see the same."""
    async with store.view() as view:
        together = await how(view)
    assert together == await how(store)
    return together


def ids_of(records: Iterable[Any]) -> list[str]:
    return [each.id for each in records]


async def get(store: Store, kind: type[Any], id: str) -> Any:
    return await look(store, lambda view: view.get(kind, id))


async def ids(store: Store, kind: type[Any] = Thing, account: str | None = None) -> list[str]:
    return [record.id for record in await look(store, lambda view: view.list(kind, account))]


async def due(store: Store, before: float, account: str = "ada") -> list[str]:
    found = await look(store, lambda view: view.due(Chore, account, before))
    return [record.id for record in found]


async def page(store: Store, account: str | None, **options: Any) -> str:
    found = await look(store, lambda view: view.page(Thing, account, **options))
    return "".join(record.id for record in found)


class BrokenOff(Exception):
    """Something in the middle of a transaction that goes wrong."""


class PausePoint:
    """Lets a test hold a transaction open at a point, and go on when it likes."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def pause(self) -> None:
        self.reached.set()
        await self.go_on.wait()


async def idle() -> None:
    """Let everything that can run do so, until all that is left waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


class StoreContract:
    """The promises. Every test gets an empty store."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    # Records

    @pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
    async def test_what_was_put_comes_back_equal(self, store, record):
        await put(store, record)

        found = await get(store, type(record), record.id)
        assert found == record
        assert repr(found) == repr(record)

    async def test_what_is_not_there_is_none(self, store):
        assert await get(store, Thing, "1") is None
        await put(store, Thing("1", "ada"))
        assert await get(store, Thing, "2") is None
        assert await get(store, Chore, "1") is None

    async def test_a_put_replaces_what_has_the_id(self, store):
        await put(store, Thing("1", "ada", "old"))
        await put(store, Thing("1", "ada", "new"))

        assert (await get(store, Thing, "1")).text == "new"
        assert await ids(store) == ["1"]

    async def test_kinds_have_ids_of_their_own(self, store):
        await put(store, Thing("1", "ada"), Chore("1", "ada"))
        await take(store, Thing, "1")

        assert await get(store, Thing, "1") is None
        assert await get(store, Chore, "1") == Chore("1", "ada")

    async def test_deleting_what_is_not_there_does_nothing(self, store):
        await take(store, Thing, "1")
        await put(store, Thing("1", "ada"))
        await take(store, Thing, "2")

        assert await ids(store) == ["1"]

    async def test_a_transaction_may_touch_other_accounts_records(self, store):
        await put(store, Thing("1", "ada"), Thing("2", "bob"))

        assert await ids(store, account="bob") == ["2"]

    # Order

    async def test_records_are_listed_in_the_order_of_their_first_put(self, store):
        await put(store, *(Thing(id, "ada") for id in ("b", "a", "10", "9")))
        await put(store, Thing("c", "bob"))
        await put(store, Thing("a", "ada", "changed"), Thing("d", "ada"))

        assert await ids(store) == ["b", "a", "10", "9", "c", "d"]
        assert await ids(store, account="ada") == ["b", "a", "10", "9", "d"]
        assert await ids(store, account="bob") == ["c"]
        assert await ids(store, account="eve") == []

    @pytest.mark.parametrize("together", [True, False])
    async def test_one_that_was_deleted_and_put_again_is_the_newest(self, store, together):
        await put(store, *(Thing(id, "ada") for id in "abc"))
        if together:
            async with store.transaction("ada") as tx:
                await tx.delete(Thing, "a")
                await tx.put(Thing("a", "ada"))
                inside = [record.id for record in await tx.list(Thing)]
                assert inside == ["b", "c", "a"]
                assert await tx.count(Thing) == 3
        else:
            await take(store, Thing, "a")
            await put(store, Thing("a", "ada"))

        assert await ids(store) == ["b", "c", "a"]
        assert await ids(store, account="ada") == ["b", "c", "a"]

    @pytest.mark.parametrize(("limit", "found"), [(0, ""), (1, "a"), (2, "ab"), (9, "abc")])
    async def test_no_more_than_the_oldest_are_listed(self, store, limit, found):
        await put(store, *(Thing(id, "ada") for id in "abc"))
        async with store.view() as view:
            assert "".join(each.id for each in await view.list(Thing, limit=limit)) == found
            mine = await view.list(Thing, "ada", limit=limit)
            assert "".join(each.id for each in mine) == found

    async def test_pages_go_from_the_newest_to_the_oldest(self, store):
        await put(store, *(Thing(id, "ada") for id in "abc"), Thing("x", "bob"), Thing("d", "ada"))

        assert await page(store, None, limit=2) == "dx"
        assert await page(store, None, limit=2, before="x") == "cb"
        assert await page(store, "ada", limit=3) == "dcb"
        assert await page(store, "ada", limit=3, before="b") == "a"
        assert await page(store, "ada", limit=3, before="a") == ""
        assert await page(store, "ada", limit=0) == ""
        assert await page(store, "eve", limit=3) == ""

    async def test_pages_of_all_accounts_follow_what_changed_since_the_last_one(self, store):
        await put(store, *(Thing(id, "ada") for id in "cab"), Thing("x", "bob"))
        assert await page(store, None, limit=9, before="x") == "bac"

        await put(store, Thing("d", "ada"))
        await take(store, Thing, "a")
        assert await page(store, None, limit=9, before="d") == "xbc"
        await store.drop("bob")
        assert await page(store, None, limit=9, before="d") == "bc"
        await put(store, Thing("x", "ada"))
        assert await page(store, None, limit=9, before="x") == "dbc"

    async def test_new_records_do_not_move_the_pages_behind_a_cursor(self, store):
        await put(store, *(Thing(id, "ada") for id in "abcd"))
        await put(store, Thing("e", "ada"), Thing("b", "ada", "changed"))
        await take(store, Thing, "a")

        assert await page(store, "ada", limit=9, before="d") == "cb"
        assert await page(store, "ada", limit=9, before="a") == ""  # It was deleted.

    async def test_a_transaction_sees_its_own_changes_in_pages(self, store):
        await put(store, *(Thing(id, "ada") for id in "abcd"))
        async with store.transaction("ada") as tx:
            await tx.delete(Thing, "b")
            await tx.put(Thing("c", "ada", "changed"))
            await tx.put(Thing("e", "ada"))
            await tx.delete(Thing, "a")
            await tx.put(Thing("a", "ada"))
            first = await tx.page(Thing, "ada", limit=3)
            rest = await tx.page(Thing, "ada", limit=3, before=first[-1].id)

        assert [each.id for each in (*first, *rest)] == ["a", "e", "d", "c"]
        assert rest[0].text == "changed"
        assert await page(store, "ada", limit=9) == "aedc"

    async def test_what_was_listed_does_not_change_afterwards(self, store):
        await put(store, Thing("1", "ada"), Chore("1", "ada", 1.0))
        async with store.view() as view:
            things, chores = await view.list(Thing), await view.due(Chore, "ada", 9.0)
        await put(store, Thing("2", "ada"), Chore("2", "ada", 2.0))

        assert (len(things), len(chores)) == (1, 1)

    async def test_records_are_counted(self, store):
        await put(store, Thing("1", "ada"), Thing("2", "ada"), Thing("3", "bob"))
        for account, expected in ((None, 3), ("ada", 2), ("bob", 1), ("eve", 0)):
            assert await look(store, methodcaller("count", Thing, account)) == expected
        assert await look(store, methodcaller("count", Chore)) == 0

    # What is due

    async def test_what_is_due_comes_earliest_first_and_with_the_moment_itself(self, store):
        chores = [("d", 3.0), ("b", 1.0), ("a", 2.0), ("c", 2.0), ("e", None)]
        await put(store, *(Chore(id, "ada", due_at) for id, due_at in chores))
        await put(store, Chore("f", "bob", 0.0))

        assert await due(store, 0.999) == []
        assert await due(store, 1.0) == ["b"]
        assert await due(store, 2.0) == ["b", "a", "c"]
        assert await due(store, float("inf")) == ["b", "a", "c", "d"]
        assert await due(store, 5.0, "bob") == ["f"]

    async def test_what_is_due_changes_with_its_record(self, store):
        await put(store, Chore("1", "ada", 1.0), Chore("2", "ada", 2.0), Chore("3", "ada", 3.0))
        await put(store, Chore("1", "ada", 9.0), Chore("2", "ada", None), Chore("3", "ada", 0.5))
        assert await due(store, 5.0) == ["3"]
        assert await due(store, 9.0) == ["3", "1"]

        await put(store, Chore("2", "ada", 4.0))
        await take(store, Chore, "3")
        assert await due(store, 9.0) == ["2", "1"]

    async def test_of_what_is_due_a_part_is_listed_and_all_is_counted(self, store):
        await put(
            store, *(Errand(id, "ada", at) for id, at in (("a", 1.5), ("b", 1.0), ("c", 2.0)))
        )
        await put(store, Errand("d", "bob", 0.0))
        for moment, number in ((0.9, 0), (1.0, 1), (float("inf"), 3)):
            assert await look(store, methodcaller("count_due", Errand, "ada", moment)) == number

        async def found(**options):
            return ids_of(await look(store, lambda view: view.due(Errand, "ada", **options)))

        assert await found(limit=2) == ["b", "a"]
        assert await found(group="1") == ["b", "a"]
        assert await found(group="1", limit=1) == ["b"]
        assert await found(group="0") == []
        assert await look(store, methodcaller("due_groups", Errand, "ada")) == ["1", "2"]
        await take(store, Errand, "a", "c")
        assert await look(store, methodcaller("due_groups", Errand, "ada")) == ["1"]

    async def test_those_that_have_been_over_for_longest_come_first(self, store):
        await put(store, *(Chore(id, "ada", 1.0) for id in "abcd"), Chore("x", "bob"))
        for id in "cab":
            await put(store, Chore(id, "ada"))
        await put(store, Chore("b", "ada", 2.0))

        async def over(limit):
            return ids_of(await look(store, lambda view: view.over(Chore, "ada", limit=limit)))

        assert (await over(1), await over(9)) == (["c"], ["c", "a"])
        async with store.transaction("ada") as tx:
            await tx.delete(Chore, "c")
            await tx.put(Chore("d", "ada"))
            assert ids_of(await tx.over(Chore, "ada", limit=9)) == ["a", "d"]
        assert await over(9) == ["a", "d"]

    async def test_what_is_over_can_be_put_in_another_order(self, store):
        await put(store, *(Chore(id, "ada", None) for id in "abc"), Chore("d", "bob", None))
        async with store.transaction("ada") as tx:
            await tx.clear(Chore)
            for id in "abcef":
                await tx.put(Chore(id, "ada", None if id < "f" else 1.0))
            await tx.order_over(Chore, ["e", "f", "x", "b", "d"])
            await tx.savepoint()
            await tx.order_over(Chore, ["c"])
            await tx.rollback()
        found = await look(store, lambda view: view.over(Chore, "ada", limit=9))
        assert ids_of(found) == ["e", "b", "a", "c"]
        assert ids_of(await store.over(Chore, "bob", limit=9)) == ["d"]
        await put(store, Chore("e", "ada", 2.0))
        assert ids_of(await store.over(Chore, "ada", limit=9)) == ["b", "a", "c"]

    async def test_moments_are_compared_exactly(self, store):
        await put(store, Chore("1", "ada", 1_750_000_000.1234567), Chore("2", "ada", 0.1 + 0.2))

        assert await due(store, 0.3) == []
        assert await due(store, 0.1 + 0.2) == ["2"]
        assert await due(store, 1_750_000_000.1234567) == ["2", "1"]
        assert await due(store, 1_750_000_000.1234564) == ["2"]

    async def test_of_several_kinds_the_earliest_is_due_next(self, store):
        await put(store, Chore("b", "ada", 2.0), Chore("a", "ada", 2.0), Chore("c", "ada"))
        await put(store, Errand("e", "ada", 1.0), Errand("d", "ada", 2.0), Errand("f", "bob", 0.0))

        for kinds, before, expected in (
            ([Chore, Errand], 0.999, None),
            ([Chore, Errand], 1.0, "e"),
            ([Chore], 1.999, None),
            ([Chore], 2.0, "a"),
            ([], 9.0, None),
            ([Thing, Chore], float("inf"), "a"),
        ):
            found = await look(store, methodcaller("next_due", kinds, "ada", before))
            assert getattr(found, "id", None) == expected
        await take(store, Errand, "e")
        # At one moment the kind that is named first comes first.
        for kinds, expected in (([Chore, Errand], "a"), ([Errand, Chore], "d")):
            assert (await look(store, methodcaller("next_due", kinds, "ada", 2.0))).id == expected

    async def test_the_next_moment_lies_after_the_one_that_is_named(self, store):
        await put(store, Chore("1", "ada", 2.0), Errand("1", "ada", 1.0), Chore("2", "ada"))
        await put(store, Chore("3", "bob", 0.5))

        for kinds, after, expected in (
            ([Chore, Errand], 0.0, 1.0),
            ([Chore, Errand], 1.0, 2.0),
            ([Chore, Errand], 2.0, None),
            ([Errand, Chore], 0.999, 1.0),
            ([Errand], 1.0, None),
            ([Thing], 0.0, None),
            ([], 0.0, None),
        ):
            assert await look(store, methodcaller("due_after", kinds, "ada", after)) == expected

    async def test_a_transaction_applies_what_is_due_one_after_the_other(self, store):
        await put(store, *(Chore(str(number), "ada", float(number)) for number in range(1, 5)))
        seen = []
        async with store.transaction("ada") as tx:
            await tx.delete(Chore, "2")
            await tx.put(Errand("e", "ada", 2.5))
            while (record := await tx.next_due([Chore, Errand], "ada", 4.5)) is not None:
                seen.append((record.id, record.due_at))
                # Each is put again: at once with the same moment, later, or never.
                later = record.due_at + 3.0 if record.due_at < 4.0 else None
                await tx.put(replace(record, due_at=9.0))
                await tx.put(replace(record, due_at=later))
                assert len(seen) < 20
            assert await tx.next_due([Chore], "ada", 9.0) == Chore("3", "ada", 6.0)
            assert await tx.due_after([Chore, Errand], "ada", 4.5) == 5.5

        assert seen == [("1", 1.0), ("e", 2.5), ("3", 3.0), ("1", 4.0), ("4", 4.0)]
        assert await due(store, 9.0) == ["3"]

    async def test_a_transaction_sees_what_is_due_for_another_account(self, store):
        await put(store, Chore("1", "ada", 1.0), Chore("2", "bob", 2.0))
        async with store.transaction("ada") as tx:
            await tx.put(Chore("3", "ada", 0.5))
            await tx.put(Chore("4", "bob", 1.5))
            assert (await tx.next_due([Chore], "bob", 9.0)).id == "4"
            assert (await tx.next_due([Chore], "ada", 9.0)).id == "3"
            assert await tx.due_after([Chore], "bob", 1.5) == 2.0

    async def test_accounts_with_something_to_come_are_found(self, store):
        assert await store.accounts_due(Chore) == []
        await put(store, Chore("1", "ada", 1.0), Chore("2", "bob", 1.0), Chore("3", "eve"))
        await put(store, Errand("1", "eve", 1.0), Chore("4", "joe", 1.0))
        assert sorted(await store.accounts_due(Chore)) == ["ada", "bob", "joe"]

        await put(store, Chore("1", "ada"), Chore("5", "ada", 7.0))
        await take(store, Chore, "2")
        await store.drop("joe")
        assert await store.accounts_due(Chore) == ["ada"]

    # All or nothing

    @pytest.mark.parametrize("error", [BrokenOff, asyncio.CancelledError, KeyboardInterrupt])
    async def test_a_transaction_that_breaks_leaves_no_trace(self, store, error):
        await put(store, Thing("1", "ada", "old"), Thing("2", "ada"), Chore("1", "ada", 1.0))
        await put(store, Errand("1", "ada"))
        await put_blobs(store, "ada", old=b"data")

        async def change_everything_and_break():
            async with store.transaction("ada") as tx:
                await tx.put(Thing("1", "ada", "new"))
                await tx.delete(Thing, "2")
                await tx.put(Thing("3", "ada"))
                await tx.put(Chore("1", "ada", 7.0))
                await tx.clear(Errand)
                await tx.clear_blobs()
                await tx.put_blob("new", b"data")
                raise error

        with pytest.raises(error):
            await change_everything_and_break()
        assert await ids(store) == ["1", "2"]
        assert (await get(store, Thing, "1")).text == "old"
        assert await due(store, 9.0) == ["1"]
        assert await get(store, Chore, "1") == Chore("1", "ada", 1.0)
        assert await ids(store, Errand) == ["1"]
        assert [await store.blobs.get(id) for id in ("old", "new")] == [b"data", None]
        assert await store.blobs.all("ada") == [("old", b"data")]
        assert await store.blobs.all("bob") == []
        await put(store, Thing("3", "ada"))  # The account is free again.
        assert await ids(store) == ["1", "2", "3"]

    async def test_a_transaction_sees_its_own_changes(self, store):
        await put(store, *(Thing(id, "ada", "old") for id in "abc"), Thing("d", "bob"))
        await put(store, Chore("1", "ada", 1.0), Chore("2", "ada", 2.0), Chore("3", "ada", 3.0))
        async with store.transaction("ada") as tx:
            await tx.put(Thing("b", "ada", "new"))
            await tx.delete(Thing, "a")
            await tx.put(Thing("e", "ada"))
            await tx.delete(Thing, "e")
            await tx.put(Thing("f", "ada"))
            await tx.put(Chore("3", "ada", 0.5))
            await tx.put(Chore("1", "ada", None))
            await tx.delete(Chore, "2")
            await tx.put(Chore("4", "ada", 0.25))

            assert await tx.get(Thing, "a") is None
            assert await tx.get(Thing, "e") is None
            changed = await tx.get(Thing, "b")
            assert changed is not None
            assert changed.text == "new"
            assert [each.id for each in await tx.list(Thing)] == ["b", "c", "d", "f"]
            assert [each.id for each in await tx.list(Thing, "ada")] == ["b", "c", "f"]
            assert [each.id for each in await tx.list(Thing, "ada", limit=2)] == ["b", "c"]
            counts = [await tx.count(Thing, account) for account in (None, "ada", "bob", "eve")]
            assert counts == [4, 3, 1, 0]
            assert [each.id for each in await tx.due(Chore, "ada", 9.0)] == ["4", "3"]
            assert [each.id for each in await tx.due(Chore, "ada", 0.25)] == ["4"]

        assert await ids(store) == ["b", "c", "d", "f"]
        assert await due(store, 9.0) == ["4", "3"]

    async def test_clearing_a_kind_deletes_all_of_it_that_the_account_has(self, store):
        await put(store, Thing("1", "ada"), Chore("1", "ada", 1.0))
        await put(store, Thing("2", "bob"), Chore("2", "bob", 1.0))
        await put_blobs(store, "ada", picture=b"data")
        async with store.transaction("ada") as tx:
            await tx.put(Chore("3", "ada", 2.0))
            await tx.clear(Chore)
            assert await tx.list(Chore, "ada") == []
            assert await tx.next_due([Chore], "ada", 9.0) is None
            await tx.put(Chore("4", "ada", 3.0))

        assert await ids(store) == ["1", "2"]
        assert await ids(store, Chore) == ["2", "4"]
        assert await due(store, 9.0) == ["4"]
        assert await due(store, 9.0, "bob") == ["2"]
        assert await store.blobs.get("picture") == b"data"

    async def test_a_rollback_undoes_what_was_done_since_the_savepoint(self, store):
        await put(store, Thing("1", "ada", "old"), Thing("2", "ada"))
        await put(store, Chore("1", "ada", 1.0), Chore("2", "ada", 2.0))
        await put_blobs(store, "ada", old=b"data")
        async with store.transaction("ada") as tx:
            await tx.put(Thing("1", "ada", "new"))
            await tx.put(Thing("3", "ada"))
            await tx.delete(Thing, "2")
            await tx.put(Chore("1", "ada", 5.0))
            await tx.put_blob("saved", b"data")
            await tx.savepoint()
            for _ in range(2):
                await tx.put(Thing("1", "ada", "lost"))
                await tx.put(Thing("2", "ada"))
                await tx.delete(Thing, "3")
                await tx.put(Thing("4", "ada"))
                await tx.put(Chore("1", "ada", 0.5))
                await tx.clear(Chore)
                await tx.put_blob("lost", b"data")
                await tx.clear_blobs()
                assert await tx.next_due([Chore], "ada", 9.0) is None
                await tx.rollback()
                assert [each.id for each in await tx.list(Thing)] == ["1", "3"]
                assert [each.id for each in await tx.due(Chore, "ada", 9.0)] == ["2", "1"]
                assert await tx.next_due([Chore], "ada", 9.0) == Chore("2", "ada", 2.0)
            await tx.put(Thing("5", "ada"))

        assert await ids(store) == ["1", "3", "5"]
        assert (await get(store, Thing, "1")).text == "new"
        assert await due(store, 9.0) == ["2", "1"]
        blobs = [await store.blobs.get(id) for id in ("old", "saved", "lost")]
        assert blobs == [b"data", b"data", None]

    # Alone

    async def test_what_is_not_committed_is_not_seen(self, store):
        await put(store, Thing("1", "ada", "old"), Chore("1", "ada", 1.0))
        step = PausePoint()

        async def write():
            async with store.transaction("ada") as tx:
                await tx.put(Thing("1", "ada", "new"))
                await tx.put(Thing("2", "ada"))
                await tx.put(Chore("1", "ada", 5.0))
                await step.pause()

        writing = asyncio.ensure_future(write())
        await step.reached.wait()
        assert await ids(store) == ["1"]
        assert (await get(store, Thing, "1")).text == "old"
        assert await due(store, 3.0) == ["1"]
        async with store.view() as view:
            assert await view.count(Thing) == 1

        step.go_on.set()
        await writing
        assert await ids(store) == ["1", "2"]
        assert (await get(store, Thing, "1")).text == "new"
        assert await due(store, 3.0) == []

    async def test_a_transaction_of_another_account_does_not_see_it_either(self, store):
        await put(store, Thing("1", "ada", "old"))
        step = PausePoint()

        async def write():
            async with store.transaction("ada") as tx:
                await tx.put(Thing("1", "ada", "new"))
                await step.pause()

        writing = asyncio.ensure_future(write())
        await step.reached.wait()
        async with store.transaction("bob") as tx:
            [thing] = await tx.list(Thing)
            assert thing.text == "old"
        step.go_on.set()
        await writing

    async def test_two_transactions_of_one_account_come_one_after_the_other(self, store):
        await put(store, Thing("sum", "ada", "0"))
        inside = 0

        async def add_one():
            nonlocal inside
            async with store.transaction("ada") as tx:
                inside += 1
                assert inside == 1
                thing = await tx.get(Thing, "sum")
                assert thing is not None
                await asyncio.sleep(0)
                await tx.put(replace(thing, text=str(int(thing.text) + 1)))
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(add_one() for _ in range(20)))

        assert (await get(store, Thing, "sum")).text == "20"

    async def test_transactions_of_two_accounts_do_not_wait_for_each_other(self, store):
        step = PausePoint()

        async def write():
            async with store.transaction("ada") as tx:
                await tx.put(Thing("1", "ada"))
                await step.pause()

        writing = asyncio.ensure_future(write())
        await step.reached.wait()
        await asyncio.wait_for(put(store, Thing("2", "bob")), 5)
        assert await ids(store) == ["2"]
        step.go_on.set()
        await writing
        assert sorted(await ids(store)) == ["1", "2"]

    async def test_a_transaction_that_gave_up_waiting_blocks_no_other(self, store):
        step = PausePoint()

        async def hold():
            async with store.transaction("ada"):
                await step.pause()

        holding = asyncio.ensure_future(hold())
        await step.reached.wait()
        waiting = asyncio.ensure_future(put(store, Thing("1", "ada")))
        await idle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        step.go_on.set()
        await holding

        await asyncio.wait_for(put(store, Thing("2", "ada")), 5)
        assert await ids(store) == ["2"]

    # Dropping

    async def test_dropping_an_account_takes_everything_it_has(self, store):
        await put(store, Thing("1", "ada"), Chore("1", "ada", 1.0), Thing("2", "bob"))
        await put_blobs(store, "ada", mine=b"data")
        await put_blobs(store, "bob", other=b"data")

        assert await store.drop("ada")
        assert not await store.drop("ada")

        assert await ids(store) == ["2"]
        assert await ids(store, Chore) == []
        assert await due(store, 9.0) == []
        assert await store.blobs.get("mine") is None
        assert await store.blobs.get("other") == b"data"
        await put(store, Thing("1", "ada"), Chore("1", "ada", 2.0))
        assert await ids(store) == ["2", "1"]
        assert await due(store, 9.0) == ["1"]

    async def test_dropping_waits_for_a_transaction_of_the_account(self, store):
        step = PausePoint()

        async def write():
            async with store.transaction("ada") as tx:
                await tx.put(Thing("1", "ada"))
                await step.pause()

        writing = asyncio.ensure_future(write())
        await step.reached.wait()
        dropping = asyncio.ensure_future(store.drop("ada"))
        await idle()
        step.go_on.set()
        await asyncio.gather(writing, dropping)

        assert await ids(store) == []

    async def test_an_account_that_is_dropped_again_and_again_is_still_one_at_a_time(self, store):
        inside = 0

        async def work():
            nonlocal inside
            async with store.transaction("ada") as tx:
                inside += 1
                assert inside == 1
                await tx.put(Thing("1", "ada"))
                await asyncio.sleep(0)
                inside -= 1

        async def again_and_again(do):
            for _ in range(10):
                await do()
                await asyncio.sleep(0)

        await asyncio.gather(
            *(again_and_again(work) for _ in range(3)),
            again_and_again(lambda: store.drop("ada")),
        )
        await work()

        assert await ids(store) == ["1"]

    # Blobs

    async def test_bytes_are_kept_as_they_are(self, store):
        data = bytes(range(256)) * 10
        await put_blobs(store, "ada", one=b"old")
        await put_blobs(store, "ada", one=data, two=b"")

        assert await store.blobs.get("one") == data
        assert await store.blobs.get("two") == b""
        assert await store.blobs.get("three") is None

    async def test_bytes_of_one_account_are_cleared(self, store):
        await put_blobs(store, "ada", mine=b"data")
        await put_blobs(store, "bob", other=b"data")
        async with store.transaction("ada") as tx:
            await tx.put_blob("lost", b"data")
            await tx.clear_blobs()
            await tx.put_blob("kept", b"data")
            assert await store.blobs.get("mine") == b"data"
            assert await store.blobs.get("kept") is None

        names = ("mine", "other", "lost", "kept")
        assert [await store.blobs.get(id) for id in names] == [None, b"data", None, b"data"]


async def check_blob_limit(store: Store, limit_bytes: int) -> None:
    """Check that a store for at most so many bytes keeps the newest of them."""
    size = limit_bytes // 4
    for number in range(10):
        await put_blobs(store, "ada", **{str(number): bytes([number]) * size})
        assert await store.blobs.get(str(number)) == bytes([number]) * size
    kept = [number for number in range(10) if await store.blobs.get(str(number)) is not None]
    assert kept == [6, 7, 8, 9]

    await put_blobs(store, "ada", **{"9": b"x" * size})  # A replacement takes no further room.
    assert await store.blobs.get("6") is not None

    await put_blobs(store, "ada", whole=b"x" * limit_bytes)
    assert await store.blobs.get("whole") == b"x" * limit_bytes
    assert await store.blobs.get("9") is None

    await put_blobs(store, "ada", more=b"x" * (limit_bytes + 1))
    assert await store.blobs.get("more") is None
    assert await store.blobs.get("whole") == b"x" * limit_bytes


# Against plain dictionaries

_IDS = [f"{account}-{number}" for account in ("ada", "bob") for number in range(3)]
_KINDS = (Thing, Chore, Errand)
_changes = st.lists(
    st.tuples(
        st.sampled_from(
            [*["put"] * 6, *["delete"] * 3, "clear", "save", "undo", "put blob", "clear blobs"]
        ),
        st.sampled_from(_KINDS),
        st.sampled_from(_IDS),
        st.sampled_from([None, 0.0, 1.0, 1.5, 2.0]),
    ),
    max_size=8,
)


class _Model:
    """What a store should hold: records by kind and id, and bytes by id."""

    def __init__(self, other: _Model | None = None) -> None:
        self.records: dict[type[Any], dict[str, Any]] = {
            kind: dict(other.records[kind]) if other else {} for kind in _KINDS
        }
        self.blobs: dict[str, bytes] = dict(other.blobs) if other else {}

    def clear(self, kind: type[Any], account: str) -> None:
        records = self.records[kind].items()
        self.records[kind] = {id: each for id, each in records if each.account != account}

    def clear_blobs(self, account: str) -> None:
        self.blobs = {id: data for id, data in self.blobs.items() if id[:3] != account}

    def due(self, kind: type[Any], account: str) -> list[Any]:
        found = [
            each
            for each in self.records[kind].values()
            if each.account == account and getattr(each, "due_at", None) is not None
        ]
        return sorted(found, key=lambda each: (each.due_at, each.id))


def machine_for(make_store: Callable[[], Store]) -> type[Any]:
    """Return a test case that does the same to a store and to plain dictionaries."""

    class Stores(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.runner = asyncio.Runner()
            self.model = _Model()

        def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
            return self.runner.run(coroutine)

        @initialize()
        def make(self) -> None:
            self.store = make_store()

        @rule(
            account=st.sampled_from(["ada", "bob"]),
            changes=_changes,
            breaks=st.booleans(),
            looks=st.booleans(),
        )
        def change(self, account: str, changes: list[Any], breaks: bool, looks: bool) -> None:
            model = _Model(self.model)

            async def do() -> None:
                nonlocal model
                saved = None
                async with self.store.transaction(account) as tx:
                    for number, (what, kind, id, due_at) in enumerate(changes):
                        match what:
                            case "put":
                                value = str(number) if kind is Thing else due_at
                                model.records[kind][id] = record = kind(id, id[:3], value)
                                await tx.put(record)
                            case "delete":
                                model.records[kind].pop(id, None)
                                await tx.delete(kind, id)
                            case "clear":
                                model.clear(kind, account)
                                await tx.clear(kind)
                            case "save":
                                saved = _Model(model)
                                await tx.savepoint()
                            case "undo" if saved is not None:
                                model = _Model(saved)
                                await tx.rollback()
                            case "put blob" if id[:3] == account:
                                model.blobs[id] = data = str(number).encode()
                                await tx.put_blob(id, data)
                            case "clear blobs":
                                model.clear_blobs(account)
                                await tx.clear_blobs()
                        if looks:
                            await self.compare(tx, model)
                    await self.compare(tx, model)
                    if breaks:
                        raise BrokenOff

            if breaks:
                with pytest.raises(BrokenOff):
                    self.run(do())
            else:
                self.run(do())
                self.model = model
            self.run(self.compare_committed())

        @rule(account=st.sampled_from(["ada", "bob"]))
        def drop(self, account: str) -> None:
            self.run(self.store.drop(account))
            for kind in _KINDS:
                self.model.clear(kind, account)
            self.model.clear_blobs(account)
            self.run(self.compare_committed())

        async def compare_committed(self) -> None:
            async with self.store.view() as view:
                await self.compare(view, self.model)
            for id in _IDS:
                assert await self.store.blobs.get(id) == self.model.blobs.get(id)
            for kind in _KINDS:
                found = sorted(await self.store.accounts_due(kind))
                assert found == [each for each in ("ada", "bob") if self.model.due(kind, each)]

        async def compare(self, view: View, model: _Model) -> None:
            for kind, records in model.records.items():
                for id in _IDS:
                    assert await view.get(kind, id) == records.get(id)
                for account in (None, "ada", "bob"):
                    expected = [
                        record for record in records.values() if account in (None, record.account)
                    ]
                    assert list(await view.list(kind, account)) == expected
                    assert list(await view.list(kind, account, limit=2)) == expected[:2]
                    newest = expected[::-1]
                    assert list(await view.page(kind, account, limit=2)) == newest[:2]
                    for at, record in enumerate(newest[:2], 1):
                        rest = await view.page(kind, account, limit=2, before=record.id)
                        assert list(rest) == newest[at : at + 2]
                    assert await view.count(kind, account) == len(expected)
                    if kind is Chore and account:
                        over = sorted(each.id for each in expected if each.is_over)
                        assert sorted(ids_of(await view.over(kind, account, limit=9))) == over
                        assert len(await view.over(kind, account, limit=2)) == min(2, len(over))
            for account in ("ada", "bob"):
                await self.compare_due(view, model, account)

        async def compare_due(self, view: View, model: _Model, account: str) -> None:
            groups: dict[str, list[Any]] = {}
            for each in model.due(Errand, account):
                groups.setdefault(each.due_group, []).append(each)
            assert sorted(await view.due_groups(Errand, account)) == sorted(groups)
            for group in "012":
                due = groups.get(group, [])
                assert list(await view.due(Errand, account, group=group)) == due
            for moment in (-1.0, 0.0, 1.0, 1.7, float("inf")):
                for kind in (Chore, Errand):
                    due = [each for each in model.due(kind, account) if each.due_at <= moment]
                    assert list(await view.due(kind, account, moment)) == due
                    assert list(await view.due(kind, account, moment, limit=1)) == due[:1]
                    assert await view.count_due(kind, account, moment) == len(due)
                for kinds in ((Thing, Chore, Errand), (Errand, Chore)):
                    both = [each for kind in kinds for each in model.due(kind, account)]
                    by_moment = sorted(both, key=lambda each: each.due_at)  # It is stable.
                    first = next((each for each in by_moment if each.due_at <= moment), None)
                    assert await view.next_due(kinds, account, moment) == first
                    later = [each.due_at for each in both if each.due_at > moment]
                    found = await view.due_after(kinds, account, moment)
                    assert found == min(later, default=None)

        def teardown(self) -> None:
            if hasattr(self, "store"):
                self.run(self.store.close())
            self.runner.close()

    case: type[Any] = Stores.TestCase
    case.settings = settings(max_examples=50, stateful_step_count=15)
    return case
