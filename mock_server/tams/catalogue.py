"""The models and the lists of values that the mock knows, from `data/tams-constants.json`.

Ids and families are those that public clients use. Names and texts are made by Faker from the
account's seed and the model's id. Prices and rules need only the family.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from mock_server.web.fake_data import faker

_DATA = Path(__file__).resolve().parents[1] / "data" / "tams-constants.json"

ModelType = Literal["CHECKPOINT", "LORA", "CONTROLNET"]

# The models that cost the same, as the vendor's billing page names them.
PriceGroup = Literal["SD", "SDXL", "FLUX"]


class Family(Struct, frozen=True):
    """A family of models: its price group, and the allowed areas and sides in pixels.

    `effort` is the time for one picture, where SDXL takes 1.
    """

    base_model: str
    price_group: PriceGroup
    effort: Decimal
    min_area: int = 262_144
    max_area: int = 2_073_600
    max_side: int = 1536


# Price groups are documented for SD, SDXL and FLUX (TAMS › 10); Pony and Illustrious are made from
# SDXL. Efforts are choices of the mock. Areas and sides are documented for SD 1.5 (the 512 engine)
# and SDXL (TAMS › 6); the other families get the rule of SDXL, which is the widest.
SD15 = Family("SD 1.5", "SD", Decimal("0.6"), max_area=1_048_576, max_side=1024)
SDXL = Family("SDXL 1.0", "SDXL", Decimal(1))
PONY = Family("Pony", "SDXL", Decimal(1))
ILLUSTRIOUS = Family("Illustrious", "SDXL", Decimal(1))
SD35 = Family("SD 3.5", "SD", Decimal(1))
FLUX = Family("FLUX.1", "FLUX", Decimal(3))

# Words in the constants file, tried in this order: "FLUX/Pony" gets the higher price.
_FAMILIES = (
    ("SD 1.5", SD15),
    ("FLUX", FLUX),
    ("Pony", PONY),
    ("Illustrious", ILLUSTRIOUS),
    ("Stable Diffusion 3.5", SD35),
)

_TYPES: dict[str, ModelType] = {
    "checkpoints": "CHECKPOINT",
    "loras": "LORA",
    "controlnets": "CONTROLNET",
}


class Model(Struct, frozen=True):
    """A version of a model, with the members of GET /v1/models/{modelId}."""

    id: str
    name: str
    description: str
    base_model: str
    model_type: ModelType
    project_name: str
    trigger_words: str = ""
    showcase_count: int = 0


class Catalogue:
    """Answers questions about models. It has no state, so all accounts share one."""

    def type_of(self, model_id: str) -> ModelType | None:
        """Return the type of a model, or None if the mock does not know the model."""
        known = _known().get(model_id)
        return known[1] if known else None

    def family_of(self, model_id: str) -> Family:
        """Return the family of a model; an unknown model counts as SDXL."""
        known = _known().get(model_id)
        return known[0] if known else SDXL

    def model(self, model_id: str, seed: int) -> Model | None:
        """Return a known model as the account with this seed sees it; None for an unknown one."""
        known = _known().get(model_id)
        return _described(model_id, *known, seed) if known else None


def known_ids() -> tuple[str, ...]:
    """Return the ids of all known models."""
    return tuple(_known())


@cache
def ids_of(model_type: str) -> tuple[str, ...]:
    """Return the ids of the known models of a type."""
    return tuple(id for id, (_, type) in _known().items() if type == model_type)


@cache
def listed(name: str) -> frozenset[str]:
    """Return the values of a list of plain strings in the constants file, such as `samplers`."""
    return frozenset(constants()[name]["values"])


@cache
def constants() -> dict[str, Any]:
    """Return the constants file."""
    data: dict[str, Any] = json.loads(_DATA.read_bytes())
    return data


@cache
def _known() -> dict[str, tuple[Family, ModelType]]:
    ids = constants()["known_ids"]
    return {
        entry["id"]: (_family_named(entry["family"]), model_type)
        for group, model_type in _TYPES.items()
        for entry in ids[group]
    }


def _family_named(text: str) -> Family:
    return next((family for words, family in _FAMILIES if words in text), SDXL)


@lru_cache(maxsize=1024)
def _described(model_id: str, family: Family, model_type: ModelType, seed: int) -> Model:
    text = faker(seed, "model", model_id)
    noun = {"CHECKPOINT": "", "LORA": " LoRA", "CONTROLNET": " ControlNet"}[model_type]
    return Model(
        id=model_id,
        name=f"v{text.random_int(1, 9)}.{text.random_int(0, 5)}",
        description=text.sentence(nb_words=10),
        base_model=family.base_model,
        model_type=model_type,
        project_name=f"{text.word().title()} {text.word().title()}{noun}",
        # Clients use them for LoRAs; for other types the member is empty.
        trigger_words=", ".join(text.words(2)) if model_type == "LORA" else "",
        showcase_count=text.random_int(1, 3),
    )


def demo_uploads() -> tuple[str, ...]:
    """Return the ids of images that the vendor's demos use without an upload."""
    return tuple(constants()["known_ids"]["image_resources"])
