"""A state machine of integrators and control operations with two end users.

A small model predicts every answer, what the clock does, and which sessions give access.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import astuple

from mock_server.core.unit_of_work import UnitOfWork
from mock_server.tests.makers import NOW, an_order, loaded, run, some_work
from mock_server.tests.workshop.session_bench import SessionCalls
from mock_server.workshop.token_history import remember
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
class LiveSession:
    """What the model knows of a live session."""

    url: str
    opened: float
    expires: float
    mode: int

    def use_until(self, moment: float) -> float:
        return max(0.0, moment - self.opened) if self.mode == 10 else 0.0


@dataclass
class EndUser:
    """What the model knows of a token. `tasks` are metered: when each began, and its id."""

    token: str
    expires: float | None = None
    disabled: bool = False
    used: float = 0.0
    live: dict[tuple[str, str], LiveSession] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    tasks: list[tuple[float, str]] = field(default_factory=list)

    def end(self, slot: tuple[str, str], why: str, at: float) -> None:
        session = self.live.pop(slot)
        self.used += session.use_until(at)
        self.over[session.url] = why


class Integration(RuleBasedStateMachine):
    @initialize(settings=st.fixed_dictionaries({k: st.sampled_from(v) for k, v in CHOICES.items()}))
    def open(self, settings: dict[str, Any]) -> None:
        self.calls = SessionCalls(**settings)
        self.users = [EndUser(self.calls.allocate(name=name)) for name in ("ada", "bob")]

    # What the model knows

    def chosen(self, name: str) -> Any:
        return getattr(self.calls.settings, name)

    @property
    def now(self) -> float:
        return self.calls.now

    def apply_due(self) -> list[tuple[float, str]]:
        """Let the model's sessions run out; return moments and ids of those that did."""
        expired = []
        for user in self.users:
            for slot, session in list(user.live.items()):
                if session.expires <= self.now:
                    expired.append((session.expires, session.url.rpartition("/")[2]))
                    user.end(slot, "expired", session.expires)
        return expired

    def slot_of(self, product: str, gadget: str) -> tuple[str, str]:
        fixed = gadget and self.chosen("gadget_sub_product") == "sd_webui"
        return ("sd_webui" if fixed else product, gadget)

    def barred(self, user: EndUser) -> str:
        if user.disabled:
            return "token-disabled"
        expired = user.expires is not None and user.expires <= self.now
        return "token-expired" if expired and self.chosen("after_expiry") == "refuse" else ""

    def until(self, user: EndUser, lifetime: float) -> float:
        moment = self.now + lifetime
        if user.expires is None or not self.chosen("cut_sessions"):
            return moment
        return max(self.now, min(moment, user.expires))

    def check(self, found: Any, user: EndUser, slot: tuple[str, str]) -> None:
        """Compare an answer with the model's session there, whose URL it takes over if new."""
        session = user.live[slot]
        assert found == {
            "expiredAt": round(session.expires * 1000),
            "apiToken": user.token,
            "sessionUrl": session.url,
            "expiredInSeconds": whole_seconds(session.expires - self.now),
        }
        assert user.token not in session.url
        assert f"/{slot[0]}/" in session.url

    def begin(
        self, found: Any, user: EndUser, slot: tuple[str, str], lifetime: float, mode: int
    ) -> None:
        assert found["sessionUrl"] not in user.over or self.chosen("session_url") == "stable"
        user.over.pop(found["sessionUrl"], None)
        session = LiveSession(found["sessionUrl"], self.now, self.until(user, lifetime), mode)
        user.live[slot] = session
        self.check(found, user, slot)

    def go_on(self, found: Any, user: EndUser, slot: tuple[str, str], lifetime: float) -> None:
        session = user.live[slot]
        session.expires = self.until(user, lifetime)
        self.moved(found["sessionUrl"], user, session)
        self.check(found, user, slot)

    def moved(self, url: str, user: EndUser, session: LiveSession) -> None:
        """Note the URL of a session that goes on, which is another one only by choice."""
        if self.chosen("session_url") == "fresh":
            assert url != session.url
            user.over[session.url] = "replaced"
            session.url = url
        assert url == session.url

    # What the integrator calls

    @rule(
        who=users, product=products, gadget=gadgets, mode=modes, seconds=lifetimes,
        path=st.sampled_from(["spCreateSession", "spRefreshOrCreateSession"]),
    )  # fmt: skip
    def create(
        self, who: int, product: str, gadget: str, mode: int, seconds: int | None, path: str
    ) -> None:
        user, slot = self.users[who], self.slot_of(product, gadget)
        found = self.calls.outcome(
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
        session, second = user.live.get(slot), self.chosen("second_session")
        lifetime = seconds or DEFAULTS[mode]
        if session is None:
            self.begin(found, user, slot, lifetime, mode)
        elif path == "spRefreshOrCreateSession":
            by = {"live": session.mode, "call": mode, "session": 10}[
                self.chosen("refresh_lifetime")
            ]
            lifetime = seconds or DEFAULTS[by]
            if self.chosen("live_session_terms") == "take" and mode != session.mode:
                self.replace(found, user, slot, lifetime, mode)
            else:
                self.go_on(found, user, slot, lifetime)
        elif second == "refuse":
            assert found == "session-live"
        elif second == "keep":
            self.check(found, user, slot)
        else:
            self.replace(found, user, slot, lifetime, mode)

    def replace(
        self, found: Any, user: EndUser, slot: tuple[str, str], lifetime: float, mode: int
    ) -> None:
        before = user.live[slot].url
        user.end(slot, "replaced", self.now)
        assert (found["sessionUrl"] == before) == (self.chosen("session_url") == "stable")
        self.begin(found, user, slot, lifetime, mode)

    @rule(who=users, product=products, gadget=gadgets, seconds=lifetimes)
    def refresh(self, who: int, product: str, gadget: str, seconds: int | None) -> None:
        user, slot = self.users[who], self.slot_of(product, gadget)
        found = self.calls.outcome(
            "spRefreshSession",
            apiToken=user.token,
            subProduct=product,
            gadgetId=gadget,
            expiredInSeconds=seconds,
        )
        if barred := self.barred(user):
            assert found == barred
        elif slot in user.live:
            self.go_on(found, user, slot, seconds or 3600)
        elif self.chosen("refresh_missing_session") == "fail":
            assert found == "session-unknown"
        else:
            self.begin(found, user, slot, seconds or 3600, 10)

    @rule(who=users, product=products, gadget=gadgets)
    def query(self, who: int, product: str, gadget: str) -> None:
        user, slot = self.users[who], self.slot_of(product, gadget)
        found = self.calls.outcome(
            "spQuerySession", apiToken=user.token, subProduct=product, gadgetId=gadget
        )
        if barred := self.barred(user):
            assert found == barred
        elif slot in user.live:
            self.check(found, user, slot)
        else:
            assert found == (
                None if self.chosen("missing_session") == "null" else "session-unknown"
            )

    @rule(who=users, product=products, gadget=gadgets)
    def delete(self, who: int, product: str, gadget: str) -> None:
        user, slot = self.users[who], self.slot_of(product, gadget)
        found = self.calls.outcome(
            "spDeleteSession", apiToken=user.token, subProduct=product, gadgetId=gadget
        )
        if barred := self.barred(user):
            assert found == barred
            return
        every = self.chosen("delete_all_gadgets") and not gadget
        meant = [each for each in user.live if each == slot or (every and each[0] == slot[0])]
        for each in meant:
            user.end(each, "closed", self.now)
        fails = not meant and self.chosen("delete_missing_session") == "fail"
        assert found == ("session-unknown" if fails else None)

    @rule(who=users)
    def ask_for_the_use(self, who: int) -> None:
        user = self.users[who]
        found = self.calls.call("spQueryToken", apiToken=user.token)
        expires = None if user.expires is None else round(user.expires * 1000)
        assert (found["apiToken"], found["tokenExpiredAt"]) == (user.token, expires)
        used = self.use_of(user, live=self.chosen("used_time") == "live")
        assert found["usedSessionTimeInSeconds"] == pytest.approx(used, abs=1)
        assert found["usedSessionTimeInSeconds"] == whole_seconds(used)

    @rule(who=users, metered=st.booleans())
    def work(self, who: int, metered: bool) -> None:
        user = self.users[who]

        async def submit(world: UnitOfWork) -> str:
            job = (await world.jobs.submit(an_order(), some_work())).job
            await remember(world, user.token, job.id, metered=metered)
            return job.id

        id = self.calls.do(submit)
        if metered:
            user.tasks.append((self.now, id))

    # What control operations do

    @rule(seconds=st.sampled_from([0, 1, 59, 600, 3600, 90_000]))
    def advance(self, seconds: int) -> None:
        self.let_time_pass(self.now + seconds)

    @rule()
    def go_to_the_next_moment(self) -> None:
        moments = [session.expires for user in self.users for session in user.live.values()]
        moments += [user.expires for user in self.users if user.expires is not None]
        moments = [moment for moment in moments if moment > self.now]
        before = self.now
        self.calls.advance()
        assert before <= self.now <= min(moments, default=self.now)
        self.apply_due()

    def let_time_pass(self, to: float) -> None:
        before = self.now
        fired = self.calls.advance(to - before)
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
        service = self.calls.service
        self.calls.do(lambda world: service.change(world, user.token, disabled=disabled))
        user.disabled = disabled

    @rule(who=users, seconds=st.sampled_from([None, 0, 30, 5000]))
    def set_expiry(self, who: int, seconds: int | None) -> None:
        user = self.users[who]
        expires = None if seconds is None else self.now + seconds
        service = self.calls.service
        self.calls.do(lambda world: service.set_expiry(world, user.token, expires))
        user.expires = expires
        if expires is not None and self.chosen("cut_sessions"):
            for session in user.live.values():
                session.expires = min(session.expires, expires)

    @rule()
    def load_the_state_in_its_place(self) -> None:
        bench = self.calls.bench
        loaded(bench.accounts, NOW, bench.accounts, resets=bench.resets)

    @precondition(lambda self: any(user.tasks for user in self.users))
    @rule(data=st.data(), well=st.booleans())
    def end_a_task(self, data: st.DataObject, well: bool) -> None:
        _, id = data.draw(st.sampled_from([task for user in self.users for task in user.tasks]))

        async def finish(world: UnitOfWork) -> None:
            if not (await world.jobs.look(id)).state.final:
                await world.jobs.finish(id, failure=None if well else "tired")

        self.calls.do(finish)

    # What is always true

    def use_of(self, user: EndUser, *, live: bool) -> float:
        used = user.used
        if live:
            used += sum(session.use_until(self.now) for session in user.live.values())
        for began, id in user.tasks:
            job = run(self.calls.bench.calls.look("ready", id)).job
            if job.ended_at <= self.now:
                used += job.ended_at - began
        return used

    @invariant()
    def what_is_over_is_over_and_counted_once(self) -> None:
        self.apply_due()
        for user in self.users:
            for live in (False, True):
                found = self.calls.bench.used(user.token, NOW, "ready", live=live)
                assert found == pytest.approx(self.use_of(user, live=live), abs=1e-3)
            for session in user.live.values():
                assert self.calls.problem(session.url) == ("disabled" if user.disabled else "")
            for url, why in user.over.items():
                if url not in [session.url for session in user.live.values()]:
                    assert self.calls.problem(url) == why

    @invariant()
    def a_token_has_one_live_session_in_each_slot(self) -> None:
        self.apply_due()
        for user in self.users:
            kept = self.calls.bench.sessions(NOW, "ready")
            own = [each for each in kept if each.token == user.token and each.over is None]
            assert sorted(astuple(each.session_slot) for each in own) == sorted(user.live)


TestIntegration: type[Any] = Integration.TestCase
TestIntegration.settings = settings(max_examples=150, stateful_step_count=25)
