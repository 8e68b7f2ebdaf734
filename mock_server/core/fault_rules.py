"""Rules that make calls fail on demand, as records; `web.faults` knows what they mean."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from mock_server.core.store import Count, Transaction

Moment = Literal["received", "before", "after"]

MAX_RULES = 1000  # of an account, and of the server


class FaultLife(Struct, frozen=True):
    """Which of the calls that match a rule are hit: none of the `skipped` first, then each
    `every`-th, at most `times`, and none from the moment `until` on (virtual seconds).
    """

    skipped: Count = 0
    every: Annotated[int, Meta(ge=1)] = 1
    times: int | None = None
    until: float | None = None


class FaultRule(Struct, frozen=True):
    """A rule of one account, or of all (SERVER). `spec` is what it matches and does, as JSON."""

    id: str
    account: str
    spec: bytes
    life: FaultLife
    made_at: float
    matches: Count = 0
    hits: Count = 0

    def ended_at(self, now: float) -> bool:
        """Return whether the rule hits no call any more."""
        life = self.life
        return (life.times is not None and self.hits >= life.times) or (
            life.until is not None and now >= life.until
        )

    def hits_next(self, now: float) -> bool:
        """Return whether the next call that matches is hit, apart from its chance."""
        place = self.matches - self.life.skipped
        return place >= 0 and (place + 1) % self.life.every == 0 and not self.ended_at(now)


class FaultCounter(Struct, frozen=True):
    """How many rules an owner ever had, so that ids do not come twice."""

    id: str
    account: str
    made: Count = 0


async def add_rule(
    tx: Transaction, owner: str, spec: bytes, life: FaultLife, now: float
) -> FaultRule:
    """Write a new rule of an account, or of SERVER."""
    counter = await tx.get(FaultCounter, owner) or FaultCounter(owner, owner)
    made = counter.made + 1
    rule = FaultRule(f"{owner}-f{made}", owner, spec, life, now)
    await tx.put(replace(counter, made=made))
    await tx.put(rule)
    return rule


async def count_match(tx: Transaction, rule: FaultRule, *, is_hit: bool) -> None:
    """Count a call that matched."""
    await tx.put(replace(rule, matches=rule.matches + 1, hits=rule.hits + is_hit))
