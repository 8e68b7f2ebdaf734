"""What is wrong with a graph, as data and in the documented words (TAMS › 4 and 5.8).

One line for the node's id, one for its class, one per bad input, each ended by LF. Only the text
for a value that is missing is documented; the others are made up.
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
    """What is wrong with one input of a node, or with the node where `input` is no input's."""

    node: str
    class_type: str
    input: str
    text: str


def refused(problems: Iterable[GraphProblem]) -> Invalid:
    """Return the refusal of a graph, in the documented form."""
    blocks: dict[tuple[str, str], list[str]] = {}
    left_out = 0
    for count, each in enumerate(problems):
        if count < MAX_LINES:
            blocks.setdefault((each.node, each.class_type), []).append(
                f"{printable(each.input)}: {each.text}\n"
            )
        else:
            left_out += 1
    text = "".join(
        f"node id: {printable(node)}\nclass type: {printable(class_type)}\n" + "".join(lines)
        for (node, class_type), lines in blocks.items()
    )
    return Invalid("workflow", text + (f"… and {left_out} more\n" if left_out else ""))


def printable(text: str) -> str:
    """Return a name that somebody else chose as one short line."""
    text = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
    return text if text.isprintable() else ascii(text)[1:-1]
