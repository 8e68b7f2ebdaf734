"""What the pytest plugin costs: the same tests without it, with it unused, with an account each.

Times are of the CPU, so that other programs change them little.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = """
import pytest

@pytest.mark.parametrize("number", range({number}))
def test_it({fixtures}): pass
"""
OTHERS = ("randomly", "xdist", "schemathesis", "hypothesispytest", "faker", "cacheprovider")
ACCOUNT = "number, tams_account"


def milliseconds(number: int, fixtures: str, *arguments: str) -> float:
    """Return what pytest takes for so many empty tests, at its best."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "test_it.py")
        file.write_text(TESTS.format(number=number, fixtures=fixtures), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", *arguments, str(file)]
        command += [word for name in OTHERS for word in ("-p", f"no:{name}")]
        return min(_cpu(command, folder) for _ in range(3)) * 1000


def _cpu(command: list[str], folder: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(number: int = 300) -> None:
    without = milliseconds(1, "number", "-p", "no:tams_mock")
    unused, used = milliseconds(1, "number"), milliseconds(1, ACCOUNT)
    accounts = milliseconds(number, ACCOUNT) - used - (milliseconds(number, "number") - unused)
    print(f"the plugin, unused:              {unused - without:8.1f} ms for a session")
    print(f"the mock starts and stops:       {used - unused:8.1f} ms for a session")
    print(f"an account is made and deleted:  {accounts / (number - 1):8.2f} ms for a test")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
