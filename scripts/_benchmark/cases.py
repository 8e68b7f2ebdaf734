"""The cases: for each of them, a prepared server and its requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, repeat

from scripts._benchmark import bare
from scripts._benchmark.client import BenchmarkClient, noise_picture, order, request
from scripts._benchmark.load import CONNECTIONS, drive
from scripts._benchmark.prepared import Prepared, poll_of_new_job, put_of_new_upload
from scripts._benchmark.servers import (
    BARE,
    MOCK,
    MOCK_WITHOUT_FAULTS,
    MOCK_WITHOUT_JOURNAL,
    BenchmarkServer,
    Servers,
)

UPLOAD_BYTES = 64 * 1024
FEW_JOBS = 100
# The number of jobs that are read in the cases with many jobs, spread over all jobs.
READ_JOBS = 100
# First fill everything with a limit (journal, caches), so that only the jobs grow afterwards.
WARM_UP_JOBS = 3000
BASELINE = "bare"
# More finished jobs than the mock keeps answers for.
ONCE_READ_JOBS = 1200


@dataclass(frozen=True, slots=True)
class Sizes:
    """The amount of work. `creates` is the maximum of signed creations in a slice.

    All servers are started `restarts` times, each time for `rounds` rounds. `kept` is the number of
    jobs that the mock keeps in the case with instant jobs, `growth` the numbers of jobs and other
    things among which operations are measured. `bodies` are sizes of hostile bodies in bytes; each
    is sent `repeats` times.
    """

    restarts: int
    rounds: int
    seconds: float
    creates: int
    jobs: int
    kept: int
    starts: int
    growth: tuple[int, ...]
    bodies: tuple[int, ...]
    repeats: int


FULL = Sizes(
    restarts=3, rounds=4, seconds=0.5, creates=1500, jobs=100_000, kept=10_000, starts=15,
    growth=(10, 1_000, 100_000), bodies=(30_000, 1_000_000), repeats=3,
)  # fmt: skip
QUICK = Sizes(
    restarts=1, rounds=3, seconds=0.2, creates=500, jobs=10_000, kept=1_000, starts=3,
    growth=(10, 100, 1_000), bodies=(200_000,), repeats=2,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BenchmarkCase:
    """One kind of request to one server. `like` is the case of the bare app that does the same.

    Each round calls `before`, which resets the server, and then `requests`.
    """

    name: str
    title: str
    server: BenchmarkServer
    requests: Callable[[int], Iterator[bytes]]
    like: str = ""
    before: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Growth:
    """The memory per finished job, measured with `jobs` jobs; None if it is unknown."""

    jobs: int
    bytes_per_job: float | None


class Cases:
    """Prepares servers and requests for groups of cases."""

    def __init__(
        self, servers: Servers, sizes: Sizes, show_progress: Callable[[str], None]
    ) -> None:
        self.servers = servers
        self.sizes = sizes
        self.show_progress = show_progress
        self.growth: Growth | None = None
        self.bare = servers.start("the bare app", BARE)
        self._bare_host = "{}:{}".format(*self.bare.address)
        self._shared: Prepared | None = None

    def baseline(self) -> BenchmarkCase:
        ask = request(self._bare_host, "GET", "/")
        return BenchmarkCase(BASELINE, "bare: GET, baseline", self.bare, lambda _: repeat(ask))

    # Groups

    def get(self) -> list[BenchmarkCase]:
        mock = self._mock()
        polls = mock.polls(mock.finished)
        return [
            self._like("bare-get", "bare: GET job", polls[0]),
            _case("get", "signed GET, finished job", mock, polls),
        ]

    def get_running(self) -> list[BenchmarkCase]:
        mock = self._mock()
        return [_case("get-running", "signed GET, running job", mock, mock.polls(mock.running))]

    def get_once(self) -> list[BenchmarkCase]:
        """Read each job once, like clients that stop polling when a job is finished."""
        server = self.servers.start("the mock for jobs read once", MOCK, "--progress", "instant")
        client = BenchmarkClient.of(server.announced)
        polls = [poll_of_new_job(client, server, number) for number in range(ONCE_READ_JOBS)]
        title = "signed GET, each job once"
        return [BenchmarkCase("get-once", title, server, lambda _: cycle(polls), "bare-get")]

    def get_token(self) -> list[BenchmarkCase]:
        mock = self._mock()
        poll = mock.client.with_token("GET", f"/v1/jobs/{mock.finished}")
        return [_case("get-token", "bearer GET, finished job", mock, [poll])]

    def create(self) -> list[BenchmarkCase]:
        """Create jobs that wait in the queue, as by default; each slice begins without jobs."""
        server = self.servers.start("the mock for creations", MOCK)
        client = BenchmarkClient.of(server.announced)
        sample = client.signed("POST", "/v1/jobs", order(0))
        return [
            self._like("bare-create", "bare: POST job", sample),
            self._creations("create", "signed POST job, waiting", server, client),
        ]

    def create_instant(self) -> list[BenchmarkCase]:
        """Create jobs that finish at once and replace older jobs, as in a long run."""
        options = ("--progress", "instant", "--keep-jobs", str(self.sizes.kept))
        server = self.servers.start("the mock for instant jobs", MOCK, *options)
        client = BenchmarkClient.of(server.announced)
        drive(server, client.orders(10**9, self.sizes.kept), warm_up=0)
        title = "signed POST job, instant"
        return [self._creations("create-instant", title, server, client, keep=True)]

    def upload(self) -> list[BenchmarkCase]:
        server = self.servers.start("the mock for uploads", MOCK)
        client = BenchmarkClient.of(server.announced)
        picture = noise_picture(UPLOAD_BYTES)
        puts = [put_of_new_upload(client, server, picture) for _ in range(CONNECTIONS)]
        return [
            self._like("bare-upload", "bare: PUT 64 KB", puts[0]),
            BenchmarkCase(
                "upload", "PUT 64 KB picture", server, lambda _: cycle(puts), "bare-upload"
            ),
        ]

    def picture(self) -> list[BenchmarkCase]:
        mock = self._mock()
        target, size_bytes = mock.picture_of_about(bare.PICTURE_BYTES)
        title = f"cached picture, {size_bytes / 1024:.0f} KB"
        get = request(mock.client.host, "GET", target)
        like = request(self._bare_host, "GET", "/picture")
        like_title = f"bare: GET {bare.PICTURE_BYTES / 1024:.0f} KB"
        return [
            BenchmarkCase("bare-picture", like_title, self.bare, lambda _: repeat(like)),
            _case("picture", title, mock, [get], like="bare-picture"),
        ]

    def journal(self) -> list[BenchmarkCase]:
        off = self._prepared("the mock, journal off", MOCK, "--journal-entries", "0")
        none = self._prepared("the mock without journal", MOCK_WITHOUT_JOURNAL)
        return [
            _case("journal-off", "signed GET, journal off", off, off.polls(off.finished)),
            _case("no-journal", "signed GET, no journal", none, none.polls(none.finished)),
        ]

    def faults(self) -> list[BenchmarkCase]:
        """Read a job where no faults are set, and where there are none."""
        unset = self._prepared("the mock, no faults set", MOCK)
        none = self._prepared("the mock without faults", MOCK_WITHOUT_FAULTS)
        return [
            _case("faults-unset", "signed GET, no faults set", unset, unset.polls(unset.finished)),
            _case("no-faults", "signed GET, without faults", none, none.polls(none.finished)),
        ]

    def log(self) -> list[BenchmarkCase]:
        """Read a job without a line in the log, to be compared with the case `get`."""
        quiet = self._prepared("the mock, quiet", MOCK, "--quiet")
        return [_case("quiet", "signed GET, --quiet", quiet, quiet.polls(quiet.finished))]

    def jobs(self) -> list[BenchmarkCase]:
        return [
            self._among("among-few", FEW_JOBS),
            self._among("among-many", self.sizes.jobs),
        ]

    # Helpers

    def _like(self, name: str, title: str, sample: bytes) -> BenchmarkCase:
        """Return the case of the bare app with the same request as the mock's."""
        ask = _HOST.sub(b"host: " + self._bare_host.encode() + b"\r\n", sample, count=1)
        return BenchmarkCase(name, title, self.bare, lambda _: repeat(ask))

    def _mock(self) -> Prepared:
        if self._shared is None:
            self._shared = self._prepared("the mock", MOCK)
        return self._shared

    def _prepared(self, name: str, module: tuple[str, ...], *options: str) -> Prepared:
        return Prepared(self.servers.start(name, module, "--clock-rate", "0", *options))

    def _creations(
        self,
        name: str,
        title: str,
        server: BenchmarkServer,
        client: BenchmarkClient,
        *,
        keep: bool = False,
    ) -> BenchmarkCase:
        each = self.sizes.creates
        self.show_progress(f"signing {each * self.sizes.rounds} requests")
        pool = client.signed_orders(1, each * self.sizes.rounds)

        def requests(round_number: int) -> Iterator[bytes]:
            return islice(pool, round_number * each, (round_number + 1) * each)

        def clear() -> None:
            server.json("POST", "/_mock/reset?only=jobs", {})

        before = (lambda: None) if keep else clear
        return BenchmarkCase(name, title, server, requests, "bare-create", before)

    def _among(self, name: str, count: int) -> BenchmarkCase:
        options = ("--progress", "instant", "--keep-jobs", str(max(200_000, 2 * count)))
        server = self.servers.start(f"the mock with {count} jobs", MOCK, *options)
        client = BenchmarkClient.of(server.announced)
        many = count > FEW_JOBS
        if many:
            drive(server, client.orders(10**9, WARM_UP_JOBS), warm_up=0)
        before = server.memory_bytes()
        asked: list[bytes] = []
        parts = 10 if many else 1
        for part in range(parts):
            first = part * count // parts
            self.show_progress(f"creating {count} jobs: {first}")
            own = READ_JOBS // parts
            numbers = range(first, first + own)
            asked += [poll_of_new_job(client, server, number) for number in numbers]
            rest = (part + 1) * count // parts - first - own
            if rest:
                drive(server, client.orders(first + own, rest), warm_up=0)
        after = server.memory_bytes()
        if many:
            known = None if before is None or after is None else (after - before) / count
            self.growth = Growth(count, known)
        return BenchmarkCase(
            name, f"signed GET among {count:,} jobs", server, lambda _: cycle(asked)
        )


def _case(
    name: str, title: str, mock: Prepared, asks: Sequence[bytes], *, like: str = "bare-get"
) -> BenchmarkCase:
    return BenchmarkCase(name, title, mock.server, lambda _: cycle(asks), like)


_HOST = re.compile(rb"host: [^\r]*\r\n")

GROUPS: dict[str, Callable[[Cases], list[BenchmarkCase]]] = {
    "get": Cases.get,
    "get-running": Cases.get_running,
    "get-once": Cases.get_once,
    "get-token": Cases.get_token,
    "create": Cases.create,
    "create-instant": Cases.create_instant,
    "upload": Cases.upload,
    "picture": Cases.picture,
    "journal": Cases.journal,
    "faults": Cases.faults,
    "log": Cases.log,
    "jobs": Cases.jobs,
}
