"""The HTTP clients that make the calls, and what each of them can do.

`scripts/documents` writes the table of this module to `mock_server/docs/clients.md`, and `.ci/run`
installs the packages that `python -m mock_server.tests.stacks.clients --missing` prints.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from msgspec import Struct

JARS = Path("/usr/share/java")  # where Debian's packages put them

# What each call shows; a client's program prints these names, with the status of each answer.
CHECKS = {
    "body": "POST",
    "keep-alive": "keep-alive",
    "expect": "`100-continue`",
    "chunked": "chunked POST",
    "upload": "PUT of a picture",
    "chunked-upload": "chunked PUT",
}


class HttpClient(Struct, frozen=True):
    """A client: its command, the programs, jars and PHP extension it needs, their Debian package.

    `cannot` names the checks that it has no way to make.
    """

    name: str
    command: tuple[str, ...]
    programs: tuple[str, ...] = ()
    jars: tuple[str, ...] = ()
    extension: str = ""
    package: str = ""
    cannot: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """What it needs and this computer does not have."""
        programs = [each for each in self.programs if shutil.which(each) is None]
        jars = [jar for jar in self.jars if not (JARS / jar).exists()]
        return programs or jars or self._missing_extension()

    def _missing_extension(self) -> list[str]:
        if not self.extension:
            return []
        loaded = subprocess.run(["php", "-m"], capture_output=True, text=True, check=False).stdout
        return [] if self.extension in loaded.split() else [f"its {self.extension} extension"]


def _java(name: str, class_name: str, package: str, *jars: str) -> HttpClient:
    class_path = ":".join(str(JARS / jar) for jar in jars) or "."
    command = ("sh", "calls_java.sh", class_name, class_path)
    return HttpClient(name, command, ("java", "javac"), jars, package=package)


CLIENTS = (
    _java("Java: HttpClient of the JDK", "JdkCalls", "default-jdk-headless"),
    _java("Java: OkHttp", "OkHttpCalls", "libokhttp-java", "okhttp.jar", "okio.jar"),
    _java(
        "Java: Apache HttpClient 5", "ApacheCalls", "libhttpclient5-java",
        "httpclient5.jar", "httpcore5.jar", "httpcore5-h2.jar", "slf4j-api.jar",
    ),
    HttpClient("curl `--http2`", ("sh", "calls.sh"), ("curl",), package="curl"),
    HttpClient("Node.js: `fetch` (undici)", ("node", "calls.mjs"), ("node",), package="nodejs"),
    HttpClient("Python: `http.client`", (sys.executable, "calls.py")),
    HttpClient("Go: `net/http`", ("go", "run", "calls.go"), ("go",), package="golang-go"),
    HttpClient("PHP: curl", ("php", "calls_curl.php"), ("php",), (), "curl", "php-curl"),
    HttpClient(
        "PHP: streams", ("php", "calls_streams.php"), ("php",), package="php-cli",
        cannot=("keep-alive", "chunked", "chunked-upload"),
    ),
    HttpClient("Ruby: `Net::HTTP`", ("ruby", "calls.rb"), ("ruby",), package="ruby"),
)  # fmt: skip


def table() -> str:
    """Return the clients and their checks as a table in Markdown."""
    heads = ["client", *CHECKS.values()]
    rows = [
        [client.name, *("–" if check in client.cannot else "yes" for check in CHECKS)]
        for client in CLIENTS
    ]
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    if "--missing" in sys.argv:
        print(*(client.package for client in CLIENTS if client.missing))
    else:
        print(table(), end="")
