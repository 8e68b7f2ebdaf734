"""The list of mistakes that the signature diagnosis knows, made from the catalogues."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

HEAD = """# Causes of a refused signature

A refusal names the mistake by its id: TAMS in `tips`, the Workshop in the header
`X-Mock-Signature-Diagnosis`. A cause is named only if a digest or a broken rule proves it.
[My signature is refused](signature-refused.md) says how to use it. `scripts/documents` makes this
page from the catalogues of the diagnosis.
"""


def page(catalogues: dict[str, Path]) -> str:
    """Return the page in Markdown, with a chapter for each vendor's catalogue."""
    return "\n".join([HEAD, *(line for each in catalogues.items() for line in _chapter(*each))])


def _chapter(vendor: str, file: Path) -> Iterator[str]:
    text = file.read_text("utf-8")
    # A comment above a group begins a section.
    titles = re.findall(r"^(?:# (.+)\n\n)?\[\[group\]\]$", text, re.MULTILINE)
    yield f"## {vendor}"
    for title, group in zip(titles, tomllib.loads(text)["group"], strict=True):
        if title:
            yield f"\n### {title}\n\n| cause | what happened | fix |\n| --- | --- | --- |"
        for name, words in group["causes"].items():
            sentence, fix = (words, group["fix"]) if isinstance(words, str) else words
            yield f"| `{name}` | {_cell(sentence)} | {_cell(fix)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
