"""The known models, and the families that prices and rules use."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mock_server.tams.catalogue import FLUX, ILLUSTRIOUS, SD15, SD35, SDXL, Catalogue, listed

ROOT = Path(__file__).resolve().parents[3]
CONSTANTS = json.loads((ROOT / "mock_server" / "data" / "tams-constants.json").read_bytes())
CHECKPOINT, LORA, CONTROLNET = "600423083519508503", "643763684419793644", "619225630271212879"
UNKNOWN = "934400000000000077"

catalogue = Catalogue()


@pytest.mark.parametrize(
    ("model_id", "model_type"),
    [
        (entry["id"], model_type)
        for group, model_type in (
            ("checkpoints", "CHECKPOINT"),
            ("loras", "LORA"),
            ("controlnets", "CONTROLNET"),
        )
        for entry in CONSTANTS["known_ids"][group]
    ],
)
def test_every_public_id_is_known_with_its_type(model_id, model_type):
    model = catalogue.model(model_id, seed=1)

    assert model is not None
    assert (model.id, model.model_type) == (model_id, model_type)
    assert catalogue.type_of(model_id) == model_type
    assert model.name.startswith("v")
    assert model.description
    assert model.project_name
    assert model.base_model == catalogue.family_of(model_id).base_model
    assert 1 <= model.showcase_count <= 3


def test_other_ids_are_unknown():
    assert catalogue.model(UNKNOWN, seed=1) is None
    assert catalogue.type_of(UNKNOWN) is None


@pytest.mark.parametrize(
    ("model_id", "family", "price_group"),
    [
        (CHECKPOINT, SD15, "SD"),
        ("757279507095956705", FLUX, "FLUX"),
        ("763947005736342551", FLUX, "FLUX"),  # named FLUX/Pony by its only user
        ("808939700149555823", ILLUSTRIOUS, "SDXL"),
        ("808211415430243917", SD35, "SD"),
        ("834401335727231078", SDXL, "SDXL"),  # its family is not published
        (UNKNOWN, SDXL, "SDXL"),
        ("", SDXL, "SDXL"),
    ],
)
def test_a_family_decides_the_price_group(model_id, family, price_group):
    assert catalogue.family_of(model_id) is family
    assert family.price_group == price_group


def test_the_rules_of_families_are_the_documented_ones():
    area = CONSTANTS["numeric_limits"]["values"]["area"]

    for family, name in ((SD15, "engine_512"), (SDXL, "sdxl_1_0")):
        assert area[name] == {
            "min": family.min_area,
            "max": family.max_area,
            "max_side": family.max_side,
        }


def test_texts_depend_on_the_seed_and_on_the_id():
    texts = {
        model.description
        for seed in (1, 2, 3)
        for model_id in (CHECKPOINT, LORA)
        if (model := catalogue.model(model_id, seed))
    }

    assert len(texts) == 6


def test_texts_are_the_same_in_another_process():
    code = (
        "from mock_server.tams.catalogue import Catalogue\n"
        f"Catalogue().model({LORA!r}, 99)\n"
        f"print(repr(Catalogue().model({CHECKPOINT!r}, 7)))"
    )

    assert run(code) == repr(catalogue.model(CHECKPOINT, seed=7))


def test_only_loras_have_trigger_words():
    lora, checkpoint = catalogue.model(LORA, seed=1), catalogue.model(CHECKPOINT, seed=1)

    assert lora is not None
    assert checkpoint is not None
    assert lora.trigger_words
    assert checkpoint.trigger_words == ""


@pytest.mark.parametrize(
    "name",
    ["samplers", "vaes", "upscalers", "schedulers", "controlnet_models", "adetailer_models"],
)
def test_lists_are_those_of_the_constants_file(name):
    assert listed(name) == set(CONSTANTS[name]["values"])


def test_faker_is_not_imported_for_prices():
    code = (
        "import sys\n"
        "from mock_server.tams.catalogue import Catalogue\n"
        "import mock_server.tams.stages\n"
        f"Catalogue().family_of({CHECKPOINT!r})\n"
        "print('faker' in sys.modules)"
    )

    assert run(code) == "False"


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
