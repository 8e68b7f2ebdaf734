"""What is measured: for each case a server that is prepared for it, and the requests it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, repeat

from scripts._benchmark import bare
from scripts._benchmark.customer import BenchmarkClient, noise_picture, order, request
from scripts._benchmark.load import CONNECTIONS, drive
from scripts._benchmark.prepared import Prepared, poll_of_new_job, put_of_new_upload
from scripts._benchmark.servers import BARE, MOCK, MOCK_WITHOUT_JOURNAL, BenchmarkServer, Servers

UPLOAD_BYTES = 64 * 1024
FEW_JOBS = 100
# How many jobs, spread over all that there are, the cases with many jobs ask for.
ASKED_FOR = 100
# Filling goes first to what has a bound (journal, caches), so that only jobs grow afterwards.
BEFORE_COUNTING = 3000
YARDSTICK = "bare"
# More finished jobs than the mock keeps answers of.
FIRST_LOOKS = 1200


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done. `creates` is the most signed creations that a slice has.

    Servers are started anew for each of the `crews`, which has so many `rounds`. `kept` is how
    many jobs there are before instant ones push others out.
    """

    crews: int
    rounds: int
    seconds: float
    creates: int
    jobs: int
    kept: int
    starts: int


FULL = Sizes(crews=3, rounds=4, seconds=0.5, creates=1500, jobs=100_000, kept=10_000, starts=15)
QUICK = Sizes(crews=1, rounds=3, seconds=0.2, creates=500, jobs=10_000, kept=1_000, starts=3)


@dataclass(frozen=True, slots=True)
class BenchmarkCase:
    """One kind of request to one server. `like` names the bare app's case that does the same.

    `requests` is asked anew for each round, after `before` has put the server in order.
    """

    name: str
    title: str
    server: BenchmarkServer
    requests: Callable[[int], Iterator[bytes]]
    like: str = ""
    before: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Growth:
    """What so many finished jobs made a server grow by; None where nobody can say."""

    jobs: int
    bytes_per_job: float | None


class Cases:
    """Prepares servers and requests for the groups of cases that are asked for."""

    def __init__(self, servers: Servers, sizes: Sizes, say: Callable[[str], None]) -> None:
        self.servers = servers
        self.sizes = sizes
        self.say = say
        self.growth: Growth | None = None
        self.bare = servers.start("the bare app", BARE)
        self._bare_host = "{}:{}".format(*self.bare.address)
        self._shared: Prepared | None = None

    def yardstick(self) -> BenchmarkCase:
        ask = request(self._bare_host, "GET", "/")
        return BenchmarkCase(
            YARDSTICK, "bare: GET, the yardstick", self.bare, lambda _: repeat(ask)
        )

    # The groups

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
        """Each time another job, as clients do that stop polling once a job is finished."""
        server = self.servers.start("the mock for first looks", MOCK, "--progress", "instant")
        customer = BenchmarkClient.of(server.announced)
        polls = [poll_of_new_job(customer, server, number) for number in range(FIRST_LOOKS)]
        title = "signed GET, another job each time"
        return [BenchmarkCase("get-once", title, server, lambda _: cycle(polls), "bare-get")]

    def get_token(self) -> list[BenchmarkCase]:
        mock = self._mock()
        poll = mock.customer.with_token("GET", f"/v1/jobs/{mock.finished}")
        return [_case("get-token", "bearer GET, finished job", mock, [poll])]

    def create(self) -> list[BenchmarkCase]:
        """Creations that wait in line, as by default; each slice begins with an empty line."""
        server = self.servers.start("the mock for creations", MOCK)
        customer = BenchmarkClient.of(server.announced)
        sample = customer.signed("POST", "/v1/jobs", order(0))
        return [
            self._like("bare-create", "bare: POST job", sample),
            self._creations("create", "signed POST job, waiting", server, customer),
        ]

    def create_instant(self) -> list[BenchmarkCase]:
        """Creations that end at once and push older jobs out, as a long run has them."""
        options = ("--progress", "instant", "--keep-jobs", str(self.sizes.kept))
        server = self.servers.start("the mock for instant jobs", MOCK, *options)
        customer = BenchmarkClient.of(server.announced)
        drive(server, customer.orders(10**9, self.sizes.kept), warm_up=0)
        title = "signed POST job, instant"
        return [self._creations("create-instant", title, server, customer, keep=True)]

    def upload(self) -> list[BenchmarkCase]:
        server = self.servers.start("the mock for uploads", MOCK)
        customer = BenchmarkClient.of(server.announced)
        picture = noise_picture(UPLOAD_BYTES)
        puts = [put_of_new_upload(customer, server, picture) for _ in range(CONNECTIONS)]
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
        get = request(mock.customer.host, "GET", target)
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

    def jobs(self) -> list[BenchmarkCase]:
        return [
            self._among("among-few", FEW_JOBS),
            self._among("among-many", self.sizes.jobs),
        ]

    # Inside

    def _like(self, name: str, title: str, sample: bytes) -> BenchmarkCase:
        """Return the bare app's answer to what the mock is sent."""
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
        customer: BenchmarkClient,
        *,
        keep: bool = False,
    ) -> BenchmarkCase:
        each = self.sizes.creates
        self.say(f"signing {each * self.sizes.rounds} requests")
        pool = customer.signed_orders(1, each * self.sizes.rounds)

        def requests(round_number: int) -> Iterator[bytes]:
            return islice(pool, round_number * each, (round_number + 1) * each)

        def clear() -> None:
            server.json("POST", "/_mock/reset?only=jobs", {})

        before = (lambda: None) if keep else clear
        return BenchmarkCase(name, title, server, requests, "bare-create", before)

    def _among(self, name: str, count: int) -> BenchmarkCase:
        options = ("--progress", "instant", "--keep-jobs", str(max(200_000, 2 * count)))
        server = self.servers.start(f"the mock with {count} jobs", MOCK, *options)
        customer = BenchmarkClient.of(server.announced)
        many = count > FEW_JOBS
        if many:
            drive(server, customer.orders(10**9, BEFORE_COUNTING), warm_up=0)
        before = server.memory_bytes()
        asked: list[bytes] = []
        parts = 10 if many else 1
        for part in range(parts):
            first = part * count // parts
            self.say(f"creating {count} jobs: {first}")
            own = ASKED_FOR // parts
            numbers = range(first, first + own)
            asked += [poll_of_new_job(customer, server, number) for number in numbers]
            rest = (part + 1) * count // parts - first - own
            if rest:
                drive(server, customer.orders(first + own, rest), warm_up=0)
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
    "jobs": Cases.jobs,
}
