"""A headless browser that opens a page of ours and stays until the page says that it is done."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PROGRAM = "chromium"
PATIENCE = 60

Files = dict[str, tuple[str, bytes]]

# Put at a page's end, this image keeps it loading, and the browser from going, until `done()`.
STAY = """
<img src="/stay" alt="">
<script>function done() { fetch("/done", {method: "POST"}) }</script>
"""


def browser_command(folder: Path) -> list[str]:
    """Return what starts a fresh browser that keeps what it remembers in the folder.

    Without a browser the test is skipped, or fails where everything is required.
    """
    if shutil.which(PROGRAM) is None:
        reason = f"{PROGRAM} is not installed, so no browser has looked at this"
        assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), reason
        pytest.skip(reason)
    return [
        PROGRAM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--autoplay-policy=no-user-gesture-required",
        f"--user-data-dir={folder / 'profile'}",
    ]


def looked_at(files: Files, folder: Path, *options: str) -> str:
    """Open "/" of the files (path: media type, bytes) in a fresh browser.

    Returns the document as it was when the page called `done()`.
    """
    command = browser_command(folder)
    with _served(files) as url:
        finished = subprocess.run(
            [*command, *(options or ("--dump-dom",)), url],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        return finished.stdout.decode()


@contextmanager
def _served(files: Files) -> Iterator[str]:
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/stay":
                done.wait(PATIENCE)
            media_type, data = files.get(self.path, ("text/plain", b""))
            self.send_response(200 if self.path in files else 404)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            with suppress(ConnectionError):  # a browser that has seen enough goes away
                self.wfile.write(data)

        def do_POST(self) -> None:
            done.set()
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            done.set()
            server.shutdown()
            thread.join()
