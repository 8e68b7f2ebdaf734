"""Answers of a running mock as text for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

MAX_CELL_LENGTH = 60
MAX_LINE_LENGTH = 4000


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    empty: str,
    *,
    max_cell_length: int = MAX_CELL_LENGTH,
) -> None:
    """Print rows in aligned columns, or the sentence `empty` if there are none."""
    cells = [[one_line(as_cell(value), max_cell_length) for value in row] for row in rows]
    if not cells:
        click.echo(empty)
        return
    lines = [[name.upper() for name in columns], *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (f"{cell:{width}}" for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def print_details(members: Mapping[str, Any]) -> None:
    """Print each member in a line; those of objects inside have names with dots."""
    lines = list(_flat(members))
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        click.echo(f"{name:{width}}  {value}".rstrip())


def as_cell(value: Any) -> str:
    """Return a value of JSON as people write it; a moment is its ISO form."""
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case {"at": _, "iso": str(iso), **others} if not others:
            return iso
        case dict():
            return ", ".join(f"{name} {as_cell(each)}" for name, each in value.items())
        case list():
            return ", ".join(map(as_cell, value))
    return str(value)


def one_line(text: str, max_length: int) -> str:
    """Return text as one line that changes nothing else in a terminal, cut off at a length."""
    if len(text) > max_length:
        text = text[: max_length - 1] + "…"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _flat(members: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in members.items():
        if isinstance(value, dict) and value and value.keys() != {"at", "iso"}:
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
            for number, each in enumerate(value):
                yield from _flat({str(number): each}, f"{prefix}{name}.")
        elif isinstance(value, str) and "\n" in value.strip():
            yield prefix + name, f"({len(value)} characters; see --json)"
        else:
            yield prefix + name, one_line(as_cell(value), MAX_LINE_LENGTH)
