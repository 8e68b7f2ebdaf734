"""What browsers get at `/` and `/_mock`: a page that says what this is and where to go.

It has no secrets and changes nothing, so everyone may see it, also through a link from elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from string import Template

from mock_server.web.calls import Answer, Call
from mock_server.web.pipeline import Operation, public

FRONT = ("/", "/_mock", "/_mock/")
README = "/_mock/readme"
PAGES = frozenset((*FRONT, README))

_TEMPLATE = Path(__file__).with_name("front_page.html")
_README_FILE = Path(__file__).parents[2] / "README.md"  # in a checkout

_HEADERS = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
        b" form-action 'none'; frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"accept"),
    (b"x-content-type-options", b"nosniff"),
)

_GUARDED = (
    '<p class="note">Programs on other computers can reach this server. Most links here therefore'
    " need the control token that <code>serve</code> printed, as"
    " <code>Authorization: Bearer …</code>, which a browser does not send.</p>"
)


class FrontPage:
    """The pages; the first call reads them from their files."""

    def __init__(self, version: str, *, guarded: bool) -> None:
        self.version = version
        self.guarded = guarded
        self.operations = (
            *(Operation("GET", path, self.get_page, caller=public) for path in FRONT),
            Operation("GET", README, self.get_readme, caller=public),
        )

    async def get_page(self, call: Call) -> Answer:
        from html import escape

        note = _GUARDED if self.guarded else ""
        page = Template(_TEMPLATE.read_text("utf-8"))
        text = page.substitute(version=escape(self.version), note=note)
        return _answer(text, b"text/html")

    async def get_readme(self, call: Call) -> Answer:
        return _answer(_readme(), b"text/plain")


def _answer(text: str, media_type: bytes) -> Answer:
    content_type = (b"content-type", media_type + b"; charset=utf-8")
    return Answer(200, text.encode(), (content_type, *_HEADERS))


def _readme() -> str:
    if _README_FILE.is_file():
        return _README_FILE.read_text("utf-8")
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        return str(metadata("tams-mock").json["description"])
    except PackageNotFoundError:
        return "The README is not installed with this copy of tams-mock.\n"
