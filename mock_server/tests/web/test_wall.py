"""Wall time after the computer slept, and after the system's clock was set."""

from mock_server.web.wall import SteadyWall


class Times:
    """A system's clock and a monotonic one, moved by hand."""

    def __init__(self) -> None:
        self.system, self.monotonic = 1_000_000.0, 50.0
        self.wall = SteadyWall(lambda: self.system, lambda: self.monotonic)

    def pass_by(self, system: float, monotonic: float) -> float:
        self.system += system
        self.monotonic += monotonic
        return self.wall()


def test_it_runs_with_the_clock_of_the_system():
    assert Times().pass_by(5, 5) == 1_000_005


def test_it_is_right_after_a_sleep_that_the_monotonic_clock_does_not_count():
    times = Times()

    assert times.pass_by(3600, 0) == 1_003_600
    assert times.pass_by(5, 5) == 1_003_605


def test_it_follows_a_step_of_the_clock_in_both_directions():
    times = Times()

    assert times.pass_by(7200, 1) == 1_007_200
    assert times.pass_by(-3600, 1) == 1_003_600


def test_a_small_correction_does_not_make_it_step_back():
    times = Times()

    assert times.pass_by(-0.5, 0) == 1_000_000
    assert times.pass_by(1, 1) == 1_000_001
