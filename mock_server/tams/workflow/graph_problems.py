"""Problems of a graph, as data and as the documented message (TAMS › 4 and 5.8).

The message has a line for the node's id, one for its class, and one per invalid input, each with
LF at its end. Only the text for a missing value is documented; the others are made up.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from mock_server.core.errors import Invalid

# The documented words for "field is required".
REQUIRED = "字段必填"

MAX_LINES = 200
_MAX_SHOWN = 60


class GraphProblem(Struct, frozen=True):
    """A problem with one input of a node, or with the node itself."""

    node: str
    class_type: str
    input: str
    text: str


def refused(problems: Iterable[GraphProblem]) -> Invalid:
    """Return the error for a graph, in the documented form."""
    blocks: dict[tuple[str, str], list[str]] = {}
    omitted = 0
    for count, each in enumerate(problems):
        if count < MAX_LINES:
            blocks.setdefault((each.node, each.class_type), []).append(
                f"{printable(each.input)}: {each.text}\n"
            )
        else:
            omitted += 1
    text = "".join(
        f"node id: {printable(node)}\nclass type: {printable(class_type)}\n" + "".join(lines)
        for (node, class_type), lines in blocks.items()
    )
    return Invalid("workflow", text + (f"… and {omitted} more\n" if omitted else ""))


def printable(text: str) -> str:
    """Return a client's name as one short printable line."""
    text = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
    return text if text.isprintable() else ascii(text)[1:-1]
