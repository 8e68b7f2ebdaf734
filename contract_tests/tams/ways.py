"""The ways in which jobs are made, each with a cheap order that tests share.

Each kind of result and of order is among them: one picture, many, none; stages, graphs, a template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from contract_tests.answers import RefusedCall
from contract_tests.markers import slow, spends
from contract_tests.tams.chains import UNKNOWN_IMAGE, UPLOADED, a_film, a_start, sampled, upscaled
from contract_tests.tams.graphs import TEMPLATE, WIDTH, a_graph, a_vendor_graph, filled_in
from contract_tests.tams.orders import SIDE, a_small_order

Made = TypeVar("Made")
CHEAP_VIDEO = "LTX_VIDEO_2B"  # the cheapest model of the price list


@dataclass(frozen=True)
class JobWay:
    """An order of one way: how many files it makes, and their size in pixels; None if unknown.

    `optional` means that a service may refuse it.
    """

    order: Mapping[str, Any]
    files: int = 1
    size: tuple[int, int] | None = (SIDE, SIDE)
    optional: bool = False

    def made(self, make: Callable[[Mapping[str, Any]], Made]) -> Made:
        """Return what `make` makes of the order; skips the test if a service may refuse it."""
        try:
            return make(self.order)
        except RefusedCall as refusal:
            if not self.optional:
                raise
            pytest.skip(f"this host refuses the order: {refusal}")


WAYS = {
    "a picture": JobWay(a_small_order()),
    "two pictures": JobWay(a_small_order(count=2, width=576), 2, (576, SIDE)),
    "four pictures": JobWay(a_small_order(count=4), 4),
    "over an upload": JobWay(
        a_small_order(start={"imageResourceId": UPLOADED}, denoisingStrength=0.5)
    ),
    "two upscaled": JobWay(
        # The scale wins over the sizes.
        {"stages": [a_start(count=2), sampled(), upscaled(
            diffusion=False, hrScale=2, hrResizeX=640, hrResizeY=640,
        )]},
        2, (2 * SIDE, 2 * SIDE),
    ),
    "a graph": JobWay({"params": a_graph(), "runningNotifyUrl": ""}, size=(WIDTH, SIDE)),
    "a graph of the vendor": JobWay({"params": a_vendor_graph(UPLOADED)}),
    "a template": JobWay(
        {"templateId": TEMPLATE, "fields": {"fieldAttrs": filled_in(UPLOADED)}},
        size=None, optional=True,
    ),
    "a video": JobWay({"stages": [a_start(), a_film(sdModel=CHEAP_VIDEO, width=WIDTH)]},
        size=(WIDTH, SIDE), optional=True,
    ),
    "a failure": JobWay({"stages": [a_start(UNKNOWN_IMAGE), sampled()]}, files=0, optional=True),
}  # fmt: skip


def _each(keep: Callable[[JobWay], object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "way",
        [
            pytest.param(way, id=name, marks=(spends(2), *([slow] if name == "a video" else [])))
            for name, way in WAYS.items()
            if keep(way)
        ],
    )


EACH_WAY = _each(lambda way: True)
GOOD_WAYS = _each(lambda way: way.files)
GRAPHS = _each(lambda way: "stages" not in way.order)
