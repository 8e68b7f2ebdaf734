"""Plans repeat, and are quick enough for tests."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.core.jobs.plans import PROFILES, Pass, Plan, PlannedFailure, TimingProfile, Work
from mock_server.tests.makers import a_pass, a_plan, a_planner, some_work, too_much_for_memory

sides = st.integers(1, 32).map(lambda number: number * 64)
passes = st.builds(
    Pass,
    st.sampled_from(["diffusion", "upscaler"]),
    sides,
    sides,
    st.integers(1, 60),
    st.integers(1, 3),
)
factors = st.decimals("0.1", 10, places=2)
works = st.builds(
    Work,
    st.lists(passes, min_size=1, max_size=4).map(tuple),
    st.just(Decimal(1)),
    st.integers(1, 4),
    factors,
)
draws = st.integers(0, 2**64 - 1)


@given(works, draws)
def test_a_plan_depends_on_nothing_but_luck_and_work(work, draw_number):
    plan = a_planner().plan(work, draw_number)
    elsewhere = a_planner()
    elsewhere.plan(some_work(), draw_number + 1)

    assert elsewhere.plan(work, draw_number) == plan
    assert elsewhere.plan(replace(work, inputs=("a", "b")), draw_number) == plan


def test_plans_differ_from_luck_to_luck():
    assert len({a_planner().plan(some_work(), draw_number).wait for draw_number in range(100)}) > 50


def effort_of(work):
    return sum(each.effort for each in work.passes) * work.factor * work.count


@given(works, draws, st.sampled_from(sorted(PROFILES)))
def test_a_plan_keeps_to_its_profile(work, draw_number, name):
    profile = PROFILES[name]
    plan = a_planner(name).plan(replace(work, pending=0.5), draw_number)

    assert (plan.created, plan.pending) == (profile.created, 0.5)
    assert profile.wait[0] <= plan.wait <= profile.wait[1]
    assert profile.ahead[0] <= plan.ahead <= profile.ahead[1]
    assert profile.behind[0] <= plan.behind <= profile.behind[1]
    assert len(plan.stages) == len(work.passes)
    sampling = float(effort_of(work)) * profile.per_effort
    least, most = (profile.load + profile.sampling(part * sampling) for part in (0.89, 1.11))
    assert least <= plan.run <= most


@given(works, draws)
def test_the_short_profile_takes_a_few_seconds_for_any_work(work, draw_number):
    work = replace(work, count=100 * work.count)
    plan = a_planner("short").plan(work, draw_number)

    assert plan.lead + plan.run < 6


@given(works, draws)
def test_the_realistic_profile_takes_time_in_proportion(work, draw_number):
    once, twice = (
        a_planner("realistic").plan(replace(work, count=count), draw_number).run - 3
        for count in (1, 2)
    )

    assert twice == pytest.approx(2 * once)


def test_every_rank_of_a_profile_comes_up():
    plans = [a_planner().plan(some_work(), draw_number) for draw_number in range(200)]

    assert {plan.ahead for plan in plans} == {1, 2, 3}
    assert {plan.behind for plan in plans} == {0, 1, 2}


def test_a_small_picture_is_done_within_three_seconds():
    for draw_number in range(500):
        plan = a_planner("short").plan(some_work(a_pass(512, 512, 15)), draw_number)
        assert 1.0 < plan.lead + plan.until_end < 3.0


def test_plans_of_one_kind_are_shared():
    planner = a_planner()
    plans = [planner.plan(some_work(), draw_number) for draw_number in range(2000)]

    assert len({id(plan) for plan in plans}) <= 256


def test_the_price_does_not_change_the_plan():
    dear = some_work(price=Decimal(30))

    assert a_planner().plan(dear, 7) == a_planner().plan(some_work(), 7)


@given(works, draws)
def test_more_work_never_takes_less_time(work, draw_number):
    plan = a_planner().plan(work, draw_number)
    longer = a_planner().plan(replace(work, count=work.count + 1), draw_number)

    assert longer.run > plan.run


def test_what_fits_into_memory_does_not_fail():
    assert a_planner().plan(some_work(a_pass(1024, 1024)), 7).failure is None


@pytest.mark.parametrize(
    "passes",
    [
        (a_pass(1025, 1024, name="upscaler"),),
        (a_pass(), a_pass(2048, 2048, name="upscaler")),
        (a_pass(2048, 2048, name="upscaler"), a_pass()),
        (a_pass(), a_pass(2048, 2048, name="upscaler"), a_pass(4096, 4096), a_pass()),
    ],
)
def test_a_picture_that_does_not_fit_fails_at_the_start_of_its_pass(passes):
    plan = a_planner().plan(some_work(*passes), 7)
    index = next(index for index, each in enumerate(passes) if each.name == "upscaler")

    assert plan.failure is not None
    assert "out of memory: upscaler at" in plan.failure.reason
    load = PROFILES["short"].load / len(passes)
    assert plan.until_end == pytest.approx(sum(plan.stages[:index]) + load)


def test_a_profile_that_takes_no_time_can_still_run_out_of_memory():
    profile = TimingProfile(created=0, wait=(0, 0), load=0, per_effort=0)
    plan = a_planner(profile=profile).plan(too_much_for_memory(), 7)

    assert plan.failure is not None
    assert plan.until_end == 0


def test_a_plan_adds_up():
    plan = Plan(created=1, pending=2, wait=4, stages=(8, 16))
    assert (plan.lead, plan.run, plan.until_end) == (7, 24, 24)

    assert a_plan(stages=(8, 16), failure=PlannedFailure(0.25, "why")).until_end == 6
