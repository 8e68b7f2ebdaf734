"""The files of the pages, read once and held in memory: nothing in a request names a path."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template
from types import MappingProxyType

_HERE = Path(__file__).resolve().parent
TEMPLATES = _HERE / "templates"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def static_files() -> MappingProxyType[str, tuple[bytes, str]]:
    """Return bytes and media type of each file that pages load, by its name."""
    found = {
        path.name: (path.read_bytes(), _MEDIA_TYPES[path.suffix])
        for path in sorted((_HERE / "static").iterdir())
        if path.suffix in _MEDIA_TYPES
    }
    return MappingProxyType(found)


def fill(name: str, parts: dict[str, str] | None = None, **texts: str) -> str:
    """Return a template with texts put in, harmless whatever they say; `parts` are HTML already."""
    shown = {key: escape(text) for key, text in texts.items()}
    return _template(name).substitute(shown | (parts or {}))


@cache
def _template(name: str) -> Template:
    return Template((TEMPLATES / name).read_text("utf-8"))
