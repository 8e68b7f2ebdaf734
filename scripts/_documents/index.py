"""The list of all pages for language models (llmstxt.org), made from the site's navigation."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def llms_txt(configuration: Path) -> str:
    """Return the list: each chapter of the navigation, each page with its first sentence."""
    project = tomllib.loads(configuration.read_text("utf-8"))["project"]
    docs = configuration.parent / project["docs_dir"]
    lines = [f"# {project['site_name']}\n", f"> {project['site_description']}\n"]
    for entry in project["nav"]:
        ((title, value),) = entry.items()
        if isinstance(value, str):
            lines.append(_line(docs, title, value))
        else:
            lines += [f"\n## {title}\n", *(_line(docs, *page) for page in pages_of(value))]
    return "\n".join(lines) + "\n"


def pages_of(entries: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield title and file of each page in a part of the navigation."""
    for entry in entries:
        for title, value in entry.items():
            if isinstance(value, str):
                yield title, value
            else:
                yield from pages_of(value)


def _line(docs: Path, title: str, page: str) -> str:
    return f"- [{title}]({page}): {first_sentence((docs / page).read_text('utf-8'))}"


def first_sentence(text: str) -> str:
    """Return the first sentence below the title of a page, in plain text."""
    prose = next(
        part for part in re.split(r"\n\s*\n", text) if not part.lstrip().startswith(("#", "<!--"))
    )
    plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", " ".join(prose.split()))
    return re.split(r"(?<=[.!?])\s|:\s(?=- )", plain, maxsplit=1)[0].rstrip(":")
