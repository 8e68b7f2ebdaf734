"""The facts of a fact sheet: each sentence and each row of a table, with its tags and its id.

The sheets are not part of this repository, so a fact has an id in place of its words: its section
and a digest of its words. A sentence that changes is another fact, and has to be read again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

TAGS = ("doc", "client", "observed", "unknown")
_SHEETS = {
    # The file of each surface, and its sections without facts: sources, open questions, and a
    # checklist of what the other sections say.
    "tams": ("tams-api.md", ("12", "13", "14")),
    "workshop": ("workshop-api.md", ("12", "13")),
}
_NONE: tuple[str, ...] = ()
_HEADING = re.compile(r"#+ (\d[\d.]*\d|\d)?")
_ITEM = re.compile(r" *(?:[-*]|(\d+)\.) ")
_PART = re.compile(rf"\||```|{_ITEM.pattern}")
_TABLE_HEAD = re.compile(r"^ *\|.*\n *\|(?: *-+ *\|)+\n", re.MULTILINE)
_BLOCK = re.compile(
    r"^ *```[\s\S]*?^ *```$"  # code
    r"|^(?:#| *\|).*$"  # a heading or a row
    rf"|^ *\S.*(?:\n(?!#| *\||{_ITEM.pattern}|\s*```) *\S.*)*",  # a paragraph or an item
    re.MULTILINE,
)
_TAG = re.compile(rf"\[[^\]`\"]*\b(?:{'|'.join(TAGS)})\b[^\]`\"]*\]")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?;])(?<!e\.g\.)\s+(?=[A-Z\[`*«(])")


@dataclass(frozen=True)
class ReferenceFact:
    """One sentence or row of a sheet. Its text is for reading and is stored nowhere."""

    section: str
    tags: tuple[str, ...]
    text: str

    @property
    def id(self) -> str:
        """Return the digest of its words; white space does not count."""
        return hashlib.sha256(" ".join(self.text.split()).encode()).hexdigest()[:6]


def sheet_of(surface: str) -> str:
    """Return the file name of a surface's fact sheet."""
    return _SHEETS[surface][0]


def read_facts(surface: str, sheet: str) -> list[ReferenceFact]:
    """Return the facts of a sheet, in order, except those that are only tagged unknown."""
    facts: list[ReferenceFact] = []
    section, heading = "", _NONE
    tags = heading
    for block in _blocks(sheet):
        if match := _HEADING.match(block):
            section, heading = match[1] or section, tags_of(block)
            tags = heading
        elif section and section.partition(".")[0] not in _SHEETS[surface][1]:
            found = list(_facts_of(block, section, tags))
            facts += found
            if not _PART.match(block):  # "Rules [client]:" holds for the list below it
                tags = found[-1].tags if block.endswith(":") else heading
    return [fact for fact in facts if fact.tags != ("unknown",)]


def tags_of(text: str) -> tuple[str, ...]:
    """Return the tags in a text."""
    words = " ".join(_TAG.findall(text))
    return tuple(tag for tag in TAGS if re.search(rf"\b{tag}\b", words))


def _facts_of(block: str, section: str, tags: tuple[str, ...]) -> Iterator[ReferenceFact]:
    """Yield the facts of a row, a paragraph, an item of a list, or a piece of code.

    A tag before a sentence holds up to the next one, a tag behind it for the sentence alone.
    """
    whole = block.startswith(("|", "```"))
    if item := _ITEM.match(block):
        section = f"{section}.{item[1]}" if item[1] else section
        block = block[item.end() :]
    for sentence in [block] if whole else _BETWEEN_SENTENCES.split(block):
        own = tags_of(sentence)
        if sentence.startswith("["):
            tags = own
        elif own == ("unknown",):  # a part of it is unknown
            own = (*tags, *own)
        yield ReferenceFact(section, own or tags, sentence)


def _blocks(sheet: str) -> Iterator[str]:
    """Yield headings, rows of tables, paragraphs, items of lists, and pieces of code."""
    sheet = _TABLE_HEAD.sub("", sheet)
    for match in _BLOCK.finditer(sheet):
        yield match[0].strip()
