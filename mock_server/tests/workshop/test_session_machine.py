"""Integrators and the keeper of the mock do whatever comes to their minds with two end users.

A model of a few lines says what every call answers, what the clock brings about, and who gets in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import astuple

from mock_server.core.sessions import Session
from mock_server.tests.makers import NOW, an_order, run, some_work
from mock_server.tests.workshop.visits import Reception
from mock_server.workshop.token_operations import whole_seconds

DEFAULTS = {10: 3600, 20: 86_400}

users = st.integers(0, 1)
products = st.sampled_from(["sd_webui", "comfyui_api"])
gadgets = st.sampled_from(["", "", "brush"])
modes = st.sampled_from([10, 20])
lifetimes = st.sampled_from([None, 1, 60, 600, 7200])
CHOICES: dict[str, Any] = {
    "session_url": ["stable", "fresh"],
    "second_session": ["replace", "keep", "refuse"],
    "live_session_terms": ["keep", "take"],
    "refresh_lifetime": ["live", "call", "session"],
    "refresh_missing_session": ["fail", "create"],
    "missing_session": ["null", "fail"],
    "delete_missing_session": ["succeed", "fail"],
    "delete_all_gadgets": [False, True],
    "gadget_sub_product": ["given", "sd_webui"],
    "used_time": ["ended", "live"],
    "after_expiry": ["refuse", "accept"],
    "cut_sessions": [False, True],
}


@dataclass
class Stay:
    """What the model knows of a live session."""

    url: str
    opened: float
    expires: float
    mode: int

    def use_until(self, moment: float) -> float:
        return max(0.0, moment - self.opened) if self.mode == 10 else 0.0


@dataclass
class User:
    """What the model knows of a token. `tasks` are metered: when each began, and its id."""

    token: str
    expires: float | None = None
    disabled: bool = False
    used: float = 0.0
    stays: dict[tuple[str, str], Stay] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    tasks: list[tuple[float, str]] = field(default_factory=list)

    def end(self, session_slot: tuple[str, str], why: str, at: float) -> None:
        stay = self.stays.pop(session_slot)
        self.used += stay.use_until(at)
        self.over[stay.url] = why


class Integration(RuleBasedStateMachine):
    @initialize(settings=st.fixed_dictionaries({k: st.sampled_from(v) for k, v in CHOICES.items()}))
    def open(self, settings: dict[str, Any]) -> None:
        self.page_operations = Reception(**settings)
        self.users = [User(self.page_operations.allocate(name=name)) for name in ("ada", "bob")]

    # What the model knows

    def chosen(self, name: str) -> Any:
        return getattr(self.page_operations.settings, name)

    @property
    def now(self) -> float:
        return self.page_operations.now

    def apply_due(self) -> list[tuple[float, str]]:
        """Let the model's sessions run out; return moments and ids of those that did."""
        expired = []
        for user in self.users:
            for session_slot, stay in list(user.stays.items()):
                if stay.expires <= self.now:
                    expired.append((stay.expires, stay.url.rpartition("/")[2]))
                    user.end(session_slot, "expired", stay.expires)
        return expired

    def session_slot(self, product: str, gadget: str) -> tuple[str, str]:
        fixed = gadget and self.chosen("gadget_sub_product") == "sd_webui"
        return ("sd_webui" if fixed else product, gadget)

    def barred(self, user: User) -> str:
        if user.disabled:
            return "token-disabled"
        expired = user.expires is not None and user.expires <= self.now
        return "token-expired" if expired and self.chosen("after_expiry") == "refuse" else ""

    def until(self, user: User, lifetime: float) -> float:
        moment = self.now + lifetime
        if user.expires is None or not self.chosen("cut_sessions"):
            return moment
        return max(self.now, min(moment, user.expires))

    def check(self, found: Any, user: User, session_slot: tuple[str, str]) -> None:
        """Compare an answer with the model's session there, whose URL it takes over if new."""
        stay = user.stays[session_slot]
        assert found == {
            "expiredAt": round(stay.expires * 1000),
            "apiToken": user.token,
            "sessionUrl": stay.url,
            "expiredInSeconds": whole_seconds(stay.expires - self.now),
        }
        assert user.token not in stay.url
        assert f"/{session_slot[0]}/" in stay.url

    def begin(
        self, found: Any, user: User, session_slot: tuple[str, str], lifetime: float, mode: int
    ) -> None:
        assert found["sessionUrl"] not in user.over or self.chosen("session_url") == "stable"
        user.over.pop(found["sessionUrl"], None)
        stay = Stay(found["sessionUrl"], self.now, self.until(user, lifetime), mode)
        user.stays[session_slot] = stay
        self.check(found, user, session_slot)

    def go_on(self, found: Any, user: User, session_slot: tuple[str, str], lifetime: float) -> None:
        stay = user.stays[session_slot]
        stay.expires = self.until(user, lifetime)
        self.moved(found["sessionUrl"], user, stay)
        self.check(found, user, session_slot)

    def moved(self, url: str, user: User, stay: Stay) -> None:
        """Note the URL of a session that goes on, which is another one only by choice."""
        if self.chosen("session_url") == "fresh":
            assert url != stay.url
            user.over[stay.url] = "replaced"
            stay.url = url
        assert url == stay.url

    # What the integrator calls

    @rule(
        who=users, product=products, gadget=gadgets, mode=modes, seconds=lifetimes,
        path=st.sampled_from(["spCreateSession", "spRefreshOrCreateSession"]),
    )  # fmt: skip
    def create(
        self, who: int, product: str, gadget: str, mode: int, seconds: int | None, path: str
    ) -> None:
        user, session_slot = self.users[who], self.session_slot(product, gadget)
        found = self.page_operations.outcome(
            path,
            apiToken=user.token,
            subProduct=product,
            gadgetId=gadget,
            sessionMode=mode,
            expiredInSeconds=seconds,
        )
        if barred := self.barred(user):
            assert found == barred
            return
        stay, second = user.stays.get(session_slot), self.chosen("second_session")
        lifetime = seconds or DEFAULTS[mode]
        if stay is None:
            self.begin(found, user, session_slot, lifetime, mode)
        elif path == "spRefreshOrCreateSession":
            by = {"live": stay.mode, "call": mode, "session": 10}[self.chosen("refresh_lifetime")]
            lifetime = seconds or DEFAULTS[by]
            if self.chosen("live_session_terms") == "take" and mode != stay.mode:
                self.replace(found, user, session_slot, lifetime, mode)
            else:
                self.go_on(found, user, session_slot, lifetime)
        elif second == "refuse":
            assert found == "session-live"
        elif second == "keep":
            self.check(found, user, session_slot)
        else:
            self.replace(found, user, session_slot, lifetime, mode)

    def replace(
        self, found: Any, user: User, session_slot: tuple[str, str], lifetime: float, mode: int
    ) -> None:
        before = user.stays[session_slot].url
        user.end(session_slot, "replaced", self.now)
        assert (found["sessionUrl"] == before) == (self.chosen("session_url") == "stable")
        self.begin(found, user, session_slot, lifetime, mode)

    @rule(who=users, product=products, gadget=gadgets, seconds=lifetimes)
    def refresh(self, who: int, product: str, gadget: str, seconds: int | None) -> None:
        user, session_slot = self.users[who], self.session_slot(product, gadget)
        found = self.page_operations.outcome(
            "spRefreshSession",
            apiToken=user.token,
            subProduct=product,
            gadgetId=gadget,
            expiredInSeconds=seconds,
        )
        if barred := self.barred(user):
            assert found == barred
        elif session_slot in user.stays:
            self.go_on(found, user, session_slot, seconds or 3600)
        elif self.chosen("refresh_missing_session") == "fail":
            assert found == "session-unknown"
        else:
            self.begin(found, user, session_slot, seconds or 3600, 10)

    @rule(who=users, product=products, gadget=gadgets)
    def query(self, who: int, product: str, gadget: str) -> None:
        user, session_slot = self.users[who], self.session_slot(product, gadget)
        found = self.page_operations.outcome(
            "spQuerySession", apiToken=user.token, subProduct=product, gadgetId=gadget
        )
        if barred := self.barred(user):
            assert found == barred
        elif session_slot in user.stays:
            self.check(found, user, session_slot)
        else:
            assert found == (
                None if self.chosen("missing_session") == "null" else "session-unknown"
            )

    @rule(who=users, product=products, gadget=gadgets)
    def delete(self, who: int, product: str, gadget: str) -> None:
        user, session_slot = self.users[who], self.session_slot(product, gadget)
        found = self.page_operations.outcome(
            "spDeleteSession", apiToken=user.token, subProduct=product, gadgetId=gadget
        )
        if barred := self.barred(user):
            assert found == barred
            return
        every = self.chosen("delete_all_gadgets") and not gadget
        meant = [
            each
            for each in user.stays
            if each == session_slot or (every and each[0] == session_slot[0])
        ]
        for each in meant:
            user.end(each, "closed", self.now)
        fails = not meant and self.chosen("delete_missing_session") == "fail"
        assert found == ("session-unknown" if fails else None)

    @rule(who=users)
    def ask_for_the_use(self, who: int) -> None:
        user = self.users[who]
        found = self.page_operations.call("spQueryToken", apiToken=user.token)
        expires = None if user.expires is None else round(user.expires * 1000)
        assert (found["apiToken"], found["tokenExpiredAt"]) == (user.token, expires)
        used = self.use_of(user, live=self.chosen("used_time") == "live")
        assert found["usedSessionTimeInSeconds"] == pytest.approx(used, abs=1)
        assert found["usedSessionTimeInSeconds"] == whole_seconds(used)

    @rule(who=users, metered=st.booleans())
    def work(self, who: int, metered: bool) -> None:
        user, session_service = self.users[who], self.page_operations.session_service
        submission = self.page_operations.account_service.job_service.submit
        job = run(submission(self.page_operations.account, an_order(), some_work(), self.now)).job
        run(
            session_service.remember(
                self.page_operations.account, user.token, job.id, self.now, metered=metered
            )
        )
        if metered:
            user.tasks.append((self.now, job.id))

    # What the keeper of the mock does

    @rule(seconds=st.sampled_from([0, 1, 59, 600, 3600, 90_000]))
    def advance(self, seconds: int) -> None:
        self.let_time_pass(self.now + seconds)

    @rule()
    def go_to_the_next_moment(self) -> None:
        moments = [stay.expires for user in self.users for stay in user.stays.values()]
        moments += [user.expires for user in self.users if user.expires is not None]
        moments = [moment for moment in moments if moment > self.now]
        before = self.now
        clock, _ = run(self.page_operations.account_service.advance(None, NOW, None))
        assert before <= clock.now(NOW) <= min(moments, default=clock.now(NOW))
        self.apply_due()

    def let_time_pass(self, to: float) -> None:
        before = self.now
        fired = self.page_operations.advance(to - before)
        told = {(each.at, each.kind, each.id) for each in fired if each.kind != "job"}
        expected = {(at, "session", id) for at, id in self.apply_due() if at > before}
        expected |= {
            (user.expires, "token", user.token)
            for user in self.users
            if user.expires is not None and before < user.expires <= to
        }
        assert told == expected
        assert [each.at for each in fired] == sorted(each.at for each in fired)

    @rule(who=users, disabled=st.booleans())
    def switch(self, who: int, disabled: bool) -> None:
        user = self.users[who]
        run(
            self.page_operations.session_service.change(
                self.page_operations.account, user.token, disabled=disabled
            )
        )
        user.disabled = disabled

    @rule(who=users, seconds=st.sampled_from([None, 0, 30, 5000]))
    def set_expiry(self, who: int, seconds: int | None) -> None:
        user = self.users[who]
        expires = None if seconds is None else self.now + seconds
        run(
            self.page_operations.session_service.set_expiry(
                self.page_operations.account, user.token, expires, self.now
            )
        )
        user.expires = expires
        if expires is not None and self.chosen("cut_sessions"):
            for stay in user.stays.values():
                stay.expires = min(stay.expires, expires)

    @precondition(lambda self: any(user.tasks for user in self.users))
    @rule(data=st.data(), well=st.booleans())
    def end_a_task(self, data: st.DataObject, well: bool) -> None:
        job_service, account = (
            self.page_operations.account_service.job_service,
            self.page_operations.account,
        )
        _, id = data.draw(st.sampled_from([task for user in self.users for task in user.tasks]))
        if not run(job_service.look(account, id, self.now)).state.final:
            run(job_service.finish(account, id, self.now, failure=None if well else "tired"))

    # What is always true

    def use_of(self, user: User, *, live: bool) -> float:
        used = user.used
        if live:
            used += sum(stay.use_until(self.now) for stay in user.stays.values())
        for began, id in user.tasks:
            job = run(
                self.page_operations.account_service.job_service.look(
                    self.page_operations.account, id, self.now
                )
            ).job
            if job.ended_at <= self.now:
                used += job.ended_at - began
        return used

    @invariant()
    def what_is_over_is_over_and_counted_once(self) -> None:
        self.apply_due()
        account, session_service = (
            self.page_operations.account,
            self.page_operations.session_service,
        )
        for user in self.users:
            for live in (False, True):
                found = run(session_service.used(account, user.token, self.now, live=live))
                assert found == pytest.approx(self.use_of(user, live=live), abs=1e-3)
            for stay in user.stays.values():
                assert self.page_operations.problem(stay.url) == (
                    "disabled" if user.disabled else ""
                )
            for url, why in user.over.items():
                if url not in [stay.url for stay in user.stays.values()]:
                    assert self.page_operations.problem(url) == why

    @invariant()
    def a_token_has_one_live_session_at_each_seat(self) -> None:
        self.apply_due()
        account, session_service = (
            self.page_operations.account,
            self.page_operations.session_service,
        )
        for user in self.users:
            kept: list[Session] = run(session_service.sessions(account, user.token))
            live = [astuple(each.session_slot) for each in kept if each.live_at(self.now)]
            assert sorted(live) == sorted(user.stays)


TestIntegration: type[Any] = Integration.TestCase
TestIntegration.settings = settings(max_examples=150, stateful_step_count=25)
