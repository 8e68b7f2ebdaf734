"""At most four calls are sent in any second."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from contract_tests.pacing import OwnPacer, SharedPacer

TAKE_TURNS = """
import sys
from pathlib import Path
from contract_tests.pacing import SharedPacer

waits = []
pacer = SharedPacer(Path(sys.argv[1]), lambda: 100.0, waits.append)
for _ in range(5):
    pacer.take_turn()
print(*waits)
"""


class PausedTime:
    def __init__(self):
        self.now = 0.0

    def elapsed(self):
        return self.now

    def pause(self, seconds):
        self.now += seconds


def max_in_a_second(times):
    return max(sum(1 for time in times if start <= time < start + 1) for start in times)


@given(st.lists(st.tuples(st.floats(0, 2), st.booleans()), min_size=1, max_size=40))
def test_no_second_has_five_paced_calls(steps):
    time, left = PausedTime(), []
    pacer = OwnPacer(time.elapsed, time.pause)
    for idle, _ in steps:
        time.pause(idle)
        pacer.take_turn()
        left.append(time.now)

    assert max_in_a_second(left) <= 4


def test_unpaced_calls_do_not_wait_and_paced_ones_wait_for_them():
    time = PausedTime()
    pacer = OwnPacer(time.elapsed, time.pause)
    for _ in range(6):
        pacer.take_turn(paced=False)
    assert time.now == 0

    pacer.take_turn()

    assert time.now > 1


def test_processes_that_share_an_account_share_its_pace(tmp_path):
    command = [sys.executable, "-c", TAKE_TURNS, str(tmp_path / "pace.json")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    waits = [float(wait) for p in processes for wait in p.communicate()[0].split()]

    assert len(waits) == 10
    assert max_in_a_second(waits) <= 4


def test_a_damaged_file_does_not_stop_the_run(tmp_path):
    path = tmp_path / "pace.json"
    path.write_text("[1, 2", encoding="utf-8")

    SharedPacer(path, lambda: 5.0, lambda _: None).take_turn()

    assert path.read_text(encoding="utf-8") == "[5.0]"
