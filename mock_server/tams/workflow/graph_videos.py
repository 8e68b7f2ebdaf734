"""Which output nodes of a graph make videos.

ComfyUI has no kind of output that says so. Nodes that save or combine videos are known by the words
in their class names and by an input for the speed. What a node makes here is always MP4, even where
the real one makes WebM or an animated picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mock_server.tams.workflow.graph import Graph, GraphNode
from mock_server.tams.workflow.graph_sampling import Picture

_VIDEO = re.compile(r"video|webm|mp4|movie", re.IGNORECASE)
_ANIMATION = re.compile(r"animated|gif|apng", re.IGNORECASE)
_SPEEDS = frozenset({"fps", "frame_rate"})


def videos_of(graph: Graph, made: Mapping[str, Picture]) -> dict[str, Picture]:
    """Return the pictures that become videos, by output node."""
    return {
        output: picture
        for output, picture in made.items()
        if _makes_video(graph.nodes[output], picture)
    }


def _makes_video(node: GraphNode, picture: Picture) -> bool:
    if _VIDEO.search(node.class_type):
        return True
    # A node for animations that gets one picture saves a picture.
    has_speed = bool(_SPEEDS & (node.values.keys() | node.links.keys()))
    return picture.images > 1 and (has_speed or bool(_ANIMATION.search(node.class_type)))
