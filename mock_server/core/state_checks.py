"""Whether the records of a saved account fit together, before they are put into a server."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from mock_server.core.account_service import check_id
from mock_server.core.accounts import Account, Credential, InitialAccount, credential_ids
from mock_server.core.clock import Clock
from mock_server.core.credits import ZERO, TopUp, Wallet
from mock_server.core.errors import Invalid
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.queue import QueuePlace, QueueState
from mock_server.core.outbox import Delivery
from mock_server.core.rate_limit import AdmittedCalls, Window, blocks_of
from mock_server.core.states import SavedAccount


def check_account(saved: SavedAccount, place: str) -> None:
    """Raise Invalid, with the place, for an account that could not have become like this."""
    if saved.clock is not None:
        clock = saved.clock
        Clock.at(clock.wall_anchor, start=clock.virtual_anchor, rate=clock.rate)
        Clock.at(clock.wall_anchor, rate=clock.rate_before)
    at = f"{place}/records"
    check_id(saved.id, place)
    kind: type[Any]
    for kind in (Account, InitialAccount):
        if [each.id for each in _of(saved, kind)] != [saved.id]:
            raise Invalid(f"{at}/{kind.__name__}", f"must be one, with the id {saved.id!r}")
    for kind in (Wallet, QueueState):
        if any(each.id != saved.id for each in _of(saved, kind)):
            raise Invalid(f"{at}/{kind.__name__}", f"must have the id {saved.id!r}")
    account = saved.only(Account)
    if saved.only(InitialAccount).first.id != saved.id:
        raise Invalid(f"{at}/InitialAccount/0/first/id", f"is not {saved.id!r}")
    shown = {each.id for each in _of(saved, Credential) if not each.revoked}
    if shown != set(credential_ids(account.credentials)):
        raise Invalid(f"{at}/Credential", "are not those of the account")
    _check_money(saved, at)
    _check_queue(saved, at)
    _check_plans(saved, at)
    _check_limits(saved, at)
    _check_notices(saved, at)


def _check_money(saved: SavedAccount, at: str) -> None:
    for kind, members in _AMOUNTS.items():
        for number, record in enumerate(_of(saved, kind)):
            for member in members:
                where = f"{at}/{kind.__name__}/{number}/{member}"
                amount = getattr(record, member)
                least = -_MAX_AMOUNT if member in _SIGNED else ZERO
                if not (amount.is_finite() and least <= amount <= _MAX_AMOUNT):
                    raise Invalid(where, f"must be from {least} to {_MAX_AMOUNT}, found {amount}")
    if (opening := saved.only(InitialAccount).first.opening) < ZERO or not opening.is_finite():
        raise Invalid(f"{at}/InitialAccount/0/first/opening", f"must not be {opening}")
    held = _sum(job.price for job in _of(saved, Job) if job.ending is None)
    added = _sum(each.amount for each in _of(saved, TopUp))
    for wallet in _of(saved, Wallet) or [Wallet(saved.id, saved.id, ZERO)]:
        if wallet.held != held:
            raise Invalid(f"{at}/Wallet/0/held", f"is {wallet.held}, but open jobs hold {held}")
        if wallet.topped_up != added:
            found = f"is {wallet.topped_up}, but the top-ups are {added}"
            raise Invalid(f"{at}/Wallet/0/topped_up", found)


_MAX_AMOUNT = Decimal(10**15)
_SIGNED = ("amount", "topped_up")
_AMOUNTS: dict[type[Any], tuple[str, ...]] = {
    Account: ("opening",),
    Wallet: ("opening", "topped_up", "charged", "held"),
    TopUp: ("amount",),
    Job: ("price",),
}


def _check_queue(saved: SavedAccount, at: str) -> None:
    jobs = {job.id: job for job in _of(saved, Job)}
    places = _of(saved, QueuePlace)
    for number, place in enumerate(places):
        if place.id not in jobs or jobs[place.id].ending is not None:
            raise Invalid(f"{at}/QueuePlace/{number}/id", "is not that of a job that waits")
    watched = sum(job.watch is not None and job.ending is None for job in jobs.values())
    for queue in _of(saved, QueueState) or [QueueState(saved.id, saved.id)]:
        for member, counted in (("waiting", len(places)), ("watched", watched)):
            if (found := getattr(queue, member)) != counted:
                raise Invalid(f"{at}/QueueState/0/{member}", f"is {found}, but there are {counted}")
        if any(job.serial > queue.serial for job in jobs.values()):
            raise Invalid(f"{at}/QueueState/0/serial", "is smaller than that of a job")


def _check_plans(saved: SavedAccount, at: str) -> None:
    for number, job in enumerate(_of(saved, Job)):
        plan = job.plan
        if plan.failure is not None and plan.sizes and plan.failure.kept > len(plan.sizes):
            raise Invalid(f"{at}/Job/{number}/plan/failure/kept", "is more than there are stages")


def _check_limits(saved: SavedAccount, at: str) -> None:
    """Refuse rings of admitted calls in which a time is missing."""
    blocks = {each.id: len(each.times) for each in _of(saved, AdmittedCalls)}
    for number, window in enumerate(_of(saved, Window)):
        if any(blocks.get(id, 0) < times for id, times in blocks_of(window)):
            raise Invalid(f"{at}/Window/{number}/calls", "is more than there are AdmittedCalls")


def _check_notices(saved: SavedAccount, at: str) -> None:
    told = {job.id: job.told for job in _of(saved, Job)}
    for number, notice in enumerate(_of(saved, Delivery)):
        if notice.number > told.get(notice.job, notice.number):
            raise Invalid(f"{at}/Delivery/{number}/number", "is more than its job has told")


def _of(saved: SavedAccount, kind: type[Any]) -> Sequence[Any]:
    return saved.records.get(kind, ())


def _sum(amounts: Any) -> Decimal:
    return sum(amounts, ZERO)
