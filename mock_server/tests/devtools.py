"""A headless browser that is told what to do, over the pipes of its DevTools protocol."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from mock_server.tests.browser import browser_command

PATIENCE = 30

# The browser reads commands from its descriptor 3 and writes to 4, whichever they are here.
_PLUMBER = """
import os, sys
from fcntl import F_DUPFD, fcntl
ends = [fcntl(int(end), F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""

# Asks again and again inside the page, so that nobody has to sleep here.
_WAIT = """
new Promise((resolve, reject) => {
  const until = performance.now() + %d
  const look = () => {
    let found
    try { found = (%s) } catch (error) { found = undefined }
    if (found) resolve(found)
    else if (performance.now() > until) reject(new Error(document.body.innerText))
    else setTimeout(look, 20)
  }
  look()
})
"""

_KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowRight": 39, "ArrowLeft": 37}


class Broken(AssertionError):
    """The page, or the browser, did not do what it was told."""


class Page:
    """One tab, in a browser of its own as far as cookies go."""

    def __init__(self, wire: Wire, session: str) -> None:
        self._wire = wire
        self._session = session
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return what the browser answers to a command."""
        return self._wire.send(method, parameters, self._session)

    def open(self, url: str) -> None:
        """Go to an address, and stay until it is loaded."""
        self._wire.forget(self._session)
        self.send("Page.navigate", url=url)
        self._wire.until("Page.loadEventFired", self._session)

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, or of the promise that it gives."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise Broken(answer["exceptionDetails"].get("exception", {}).get("description", answer))
        return answer["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = PATIENCE) -> Any:
        """Return the value of an expression once it is true."""
        return self.evaluate(_WAIT % (int(seconds * 1000), expression))

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a person would."""
        place = self.wait_for(
            "(e => e && (e.scrollIntoView({block: 'center'}), e.getBoundingClientRect().toJSON()))"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def write(self, selector: str, text: str) -> None:
        """Put the text into a field in place of what was there."""
        field = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{field}.focus(); {field}.select?.()")
        self.send("Input.insertText", text=text)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key and let it go."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        modifiers = 8 if shift else 0
        self.send("Input.dispatchKeyEvent", type="keyDown", modifiers=modifiers, **about, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **about)

    def resize(self, width: int, height: int) -> None:
        """Look at the page through a window of so many pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def prefer(self, **features: str) -> None:
        """Say what the user likes, such as `prefers_color_scheme="dark"`."""
        named = [{"name": key.replace("_", "-"), "value": value} for key, value in features.items()]
        self.send("Emulation.setEmulatedMedia", features=named)

    def picture(self, path: Path) -> None:
        """Keep what can be seen as a PNG."""
        path.write_bytes(b64decode(self.send("Page.captureScreenshot")["data"]))

    @property
    def complaints(self) -> list[str]:
        """What the browser's console says of errors since the last `open`."""
        entries = [each["params"] for each in self._wire.of(self._session)]
        logged = [e["entry"] for e in entries if e.get("entry", {}).get("level") == "error"]
        thrown = [e["exceptionDetails"] for e in entries if "exceptionDetails" in e]
        return [
            *(f"{each['text']} {each.get('url', '')}" for each in logged),
            *(each.get("exception", {}).get("description", each["text"]) for each in thrown),
        ]


class Wire:
    """Messages to and from the browser: JSON, each ended by a zero byte."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._serial = 0
        self._left = b""
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, parameters: dict[str, Any], session: str = "") -> dict[str, Any]:
        """Return the answer to a command; what happens meanwhile goes to `events`."""
        self._serial += 1
        message = {"id": self._serial, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._serial:
            self.events.append(answer)
        if "error" in answer:
            raise Broken(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def of(self, session: str) -> list[dict[str, Any]]:
        """Return what has happened in a page."""
        return [each for each in self.events if each.get("sessionId") == session]

    def forget(self, session: str) -> None:
        """Drop what has happened in a page."""
        self.events = [each for each in self.events if each.get("sessionId") != session]

    def until(self, event: str, session: str) -> None:
        """Read on until something has happened in a page."""
        while all(each["method"] != event for each in self.of(session)):
            self.events.append(self._read())

    def _read(self) -> dict[str, Any]:
        until = monotonic() + 2 * PATIENCE
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._answers], [], [], until - monotonic())
            piece = os.read(self._answers, 1 << 20) if ready else b""
            if not piece:
                raise Broken("the browser says nothing more")
            self._left += piece
        first, _, self._left = self._left.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        return message


class Browser:
    """A running browser; each page is another person's."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def page(self) -> Page:
        """Open an empty page with cookies of its own."""
        context = self._wire.send("Target.createBrowserContext", {})["browserContextId"]
        about = {"url": "about:blank", "browserContextId": context}
        target = self._wire.send("Target.createTarget", about)["targetId"]
        attached = self._wire.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        return Page(self._wire, attached["sessionId"])


@contextmanager
def a_browser(folder: Path) -> Iterator[Browser]:
    """Run a browser that keeps what it remembers in the folder."""
    command = [*browser_command(folder), "--remote-debugging-pipe", "--no-startup-window"]
    read_commands, commands = os.pipe()
    answers, write_answers = os.pipe()
    theirs = (read_commands, write_answers)
    process = subprocess.Popen(
        [sys.executable, "-c", _PLUMBER, *map(str, theirs), *command],
        pass_fds=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for each in theirs:
        os.close(each)
    wire = Wire(commands, answers)
    try:
        yield Browser(wire)
        wire.send("Browser.close", {})
    finally:
        os.close(commands)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(answers)
