"""Orders for TAMS: the cheapest that the reference allows.

512×512 is the smallest size, and 10 steps are within both published ranges (`TAMS › 6 Stages`).
Sampler and VAE are sent because a comment of the official demos calls them necessary.
"""

from __future__ import annotations

from typing import Any

SIDE = 512
MODEL = "600423083519508503"  # the checkpoint of the official demos


def a_small_order(
    *, count: int = 1, start: dict[str, Any] | None = None, **diffusion: Any
) -> dict[str, Any]:
    """Return the stages of a small text-to-image job; keywords change its diffusion."""
    return {"stages": small_stages(count=count, start=start, **diffusion)}


def small_stages(
    *, count: int = 1, start: dict[str, Any] | None = None, **diffusion: Any
) -> list[dict[str, Any]]:
    """Return the stages alone."""
    plain = {
        "width": SIDE,
        "height": SIDE,
        "prompts": [{"text": "a red kite over green hills"}],
        "sdModel": MODEL,
        "sdVae": "Automatic",
        "sampler": "Euler a",
        "steps": 10,
        "cfgScale": 7,
    }
    return [
        {
            "type": "INPUT_INITIALIZE",
            "inputInitialize": {"seed": 7, "count": count, **(start or {})},
        },
        {"type": "DIFFUSION", "diffusion": {**plain, **diffusion}},
    ]
