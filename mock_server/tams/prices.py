"""Prices in credits, by the formula of the vendor's billing page (TAMS › 10).

Each stage has a price, and a job costs their sum. Graphs and templates cost what their samplers
cost, each as a DIFFUSION stage; nodes that do not sample are free. The page says nothing about
samplers of videos: each costs what a VIDEO_DIFFUSION stage costs.

The page says nothing about animations: they cost what a DIFFUSION stage costs (U62). It names no
count for videos, so that the price of a video job does not depend on it.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from math import prod
from typing import Any

from msgspec import Struct

from mock_server.tams.catalogue import Family, PriceGroup, constants
from mock_server.tams.settings import TamsSettings

_OTHER = "other"
_STEPS_PER_UNIT = 5
_UNIT_PIXELS = 1024 * 1024
_CENT = Decimal("0.01")


class Rate(Struct, frozen=True):
    """What sampling with one model costs, for `count` pictures at once; sizes in pixels."""

    group: PriceGroup
    factor: Decimal
    count: int

    def diffusion(self, steps: int) -> Decimal:
        """Return the price of a DIFFUSION stage, whatever its size."""
        units = self.count * -(-steps // _STEPS_PER_UNIT)
        return self.factor * units / _STEPS_PER_UNIT

    def repaint(self, steps: int, width: int, height: int) -> Decimal:
        """Return the price of repair or inpainting."""
        return self.diffusion(steps) * _halves(2 * width * height)

    def upscaler(self, steps: int, width: int, height: int) -> Decimal:
        """Return the price of upscaling to this size."""
        weight = 3 if self.group == "FLUX" else 2
        return self.diffusion(steps) * _halves(weight * width * height)


def _halves(pixels: int) -> Decimal:
    return Decimal(-(-pixels // _UNIT_PIXELS)) / 2


def rate_of(model_id: str, family: Family, settings: TamsSettings, count: int) -> Rate:
    """Return what sampling with a model costs; settings may change its factor (U34)."""
    group = family.price_group
    factor = _factor(model_id, group, settings.sdxl_factor, settings.model_factors)
    return Rate(group, factor, count)


@lru_cache(maxsize=4096)
def _factor(model_id: str, group: PriceGroup, sdxl: Decimal, others: tuple[str, ...]) -> Decimal:
    # A discount makes SDXL as cheap as SD in the documents, but twice that was observed.
    documented = sdxl if group == "SDXL" else Decimal(constants()["prices"]["model_factors"][group])
    named = {name: Decimal(factor) for name, _, factor in (each.partition("=") for each in others)}
    return named.get(model_id, named.get(group, documented))


def is_video_model(name: str) -> bool:
    """Return whether a model of videos is named as in the price list."""
    rows = _videos()["coefficients"]
    return any(row.partition(" ")[0] == name.upper() for row in rows)


@lru_cache(maxsize=4096)
def video(model: str, frames: int, *, fast: bool, from_image: bool, area: int) -> Decimal:
    """Return the price of a VIDEO_DIFFUSION stage; `model` is a name of the price list."""
    listed, name = _videos(), model.upper()
    coefficients, discounts = listed["coefficients"], listed["fast_discounts"]
    row = coefficients.get(_row(name, area), coefficients[_OTHER])
    discount = discounts.get(name, discounts[_OTHER]) if fast else 1
    terms = (str(each) for each in (row[from_image], discount, listed["per_frame"]))
    price = prod(map(Decimal, terms), start=Decimal(frames + 1))
    return price.quantize(_CENT, ROUND_HALF_UP)


@lru_cache(maxsize=4096)
def video_model_of(file_name: str) -> str:
    """Return the video model in the price list that a file of a graph is named after, or ""."""
    name = _letters(file_name)
    rows = {row.partition(" ")[0] for row in _videos()["coefficients"]} - {_OTHER}
    return max((row for row in rows if _letters(row) in name), key=len, default="")


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _row(model: str, area: int) -> str:
    """Return the name of a row; one model has a row for each of its two sizes in pixels."""
    if model == "PYRAMID_FLOW_MINIFLUX":
        return f"{model} 640x384" if area <= 640 * 384 else f"{model} 1280x768"
    return model


def _videos() -> dict[str, Any]:
    listed: dict[str, Any] = constants()["prices"]["video"]
    return listed


@lru_cache(maxsize=4096)
def total(price: Decimal, fixed: Decimal | None) -> Decimal:
    """Return the fixed price if there is one; equal amounts are one object."""
    return price if fixed is None else fixed
