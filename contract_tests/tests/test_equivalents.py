"""Equivalent variants keep every promise, and no test accuses them."""

import json
import random
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from contract_tests.mutants.calls import HttpCall, HttpReply, Unanswered, a_reply
from contract_tests.mutants.catalogue import read_noticed
from contract_tests.mutants.equivalents import answers
from contract_tests.mutants.equivalents.catalogue import HIDDEN, VARIANTS, variant_named
from contract_tests.mutants.equivalents.checking import check_equivalents
from contract_tests.mutants.equivalents.choices import choices, mixed_variant, settings_of
from contract_tests.mutants.equivalents.command import variants
from contract_tests.tests.canned_service import CannedService, exchanges
from contract_tests.tests.long import long
from contract_tests.unknowns import questions

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"
BY_NAME = {variant.name: variant for variant in VARIANTS}
WORDS = ("message", "errCode", "errMessage", "subErrCode", "subErrMessage", "apiInvokeId")
BUSY = ("overloaded", "offline", "busy-page", "limited", "taken-later")


@cache
def of_the_mock(command):
    """Return what a command of the mock prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "mock_server", command, "--json"],
        capture_output=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return json.loads(done.stdout)


# What they stand for.


def test_there_are_at_least_forty_variants_with_their_own_names():
    assert len(BY_NAME) == len(VARIANTS) >= 40


def test_each_setting_of_the_mock_that_answers_an_open_question_has_other_values():
    told = {number: {*row, *row.get("excused", {})} for number, row in choices().items()}
    lost = [
        f"{setting['unknown']}: {setting['name']}"
        for setting in of_the_mock("settings")
        if (number := setting["unknown"]) and setting["name"] not in told.get(number, ())
    ]

    assert lost == []


def test_each_word_that_a_setting_may_have_is_a_variant():
    lost: list[str] = []
    for row in of_the_mock("fidelity"):
        name = row["setting"]
        if row["alternatives"] in ("", "any other value") or name in excused(row["reference"]):
            continue
        told = {f"{name}={value}" for value in settings_of(row["reference"]).get(name, ())}
        named = {f"{name}={word}" for word in row["alternatives"].split(", ")}
        lost += named - told - set(excused(row["reference"]))

    assert lost == []


def excused(number):
    return choices().get(number, {}).get("excused", {})


def test_choices_answer_known_questions_and_name_variants_that_exist():
    named = [name for row in choices().values() for name in row.get("variants", ())]

    assert set(choices()) <= set(questions())
    assert set(named) <= set(BY_NAME)


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="there is no ../shared/reference to compare")
def test_each_alternative_of_the_reference_is_a_variant_or_excused():
    """The last table of TAMS has a column for alternatives, with semicolons between them."""
    text = (REFERENCE / "tams-api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (U\d+) \|.*\| (.*?) ?\|$", text, re.MULTILINE)
    lost = {}
    for number, alternatives in rows:
        named = [part for part in re.split(r";(?![^(]*\))", alternatives) if part.strip()]
        row = choices().get(number, {})
        told = [value for values in settings_of(number).values() for value in values]
        told += [*row.get("variants", ()), *row.get("excused", {})]
        if len(told) < len(named):
            lost[number] = alternatives

    assert len(rows) == 65
    assert lost == {}


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="there is no ../shared/reference to compare")
def test_each_open_question_of_the_workshop_has_a_variant_or_an_excuse():
    """The last table of the Workshop names alternatives in free words."""
    text = (REFERENCE / "workshop-api.md").read_text(encoding="utf-8")
    numbers = re.findall(r"^\| (\d+) \|", text.partition("## 12.")[2], re.MULTILINE)

    assert len(numbers) == 44
    assert [number for number in numbers if f"W{number}" not in choices()] == []


def test_a_mixed_variant_is_the_same_for_the_same_seed_and_differs_from_others():
    assert mixed_variant(7) == variant_named("mixed-7")
    assert mixed_variant(7).settings != mixed_variant(8).settings


# What they do.


@pytest.mark.parametrize("name", [v.name for v in VARIANTS if not v.settings])
def test_a_variant_keeps_every_member_and_the_status(name):
    if name in (*BUSY, "idle-closed", "slower", "longer-ids"):
        pytest.skip("it answers some calls otherwise, or slowly, or with other ids")
    handle = BY_NAME[name].mutation.make()
    for call, reply in exchanges():
        told = handle(call, CannedService(reply))
        assert told.status == reply.status
        if not told.header("Content-Encoding"):
            assert_holds(reply.json, told.json)


def assert_holds(less, more):
    """Assert that all of `less` is in `more`, except free words."""
    if isinstance(less, dict):
        for key in less:
            if key not in WORDS:
                assert_holds(less[key], more[key])
    elif isinstance(less, list):
        assert len(less) <= len(more)
        for one, other in zip(less, more, strict=False):
            assert_holds(one, other)
    else:
        assert less == more


@pytest.mark.parametrize("name", BUSY)
def test_a_busy_service_takes_most_calls(name):
    handle, service = BY_NAME[name].mutation.make(), CannedService(a_reply(200, {}))
    call = HttpCall("POST", "/v1/jobs")

    statuses = [handle(call, service).status for _ in range(400)]

    assert statuses.count(200) == len(service.calls) == 390


def test_a_connection_ends_only_when_it_was_idle():
    handle, service = BY_NAME["idle-closed"].mutation.make(), CannedService(HttpReply(200))

    assert handle(HttpCall("GET", "/v1/jobs/1"), service).status == 200
    with pytest.raises(Unanswered):
        handle(HttpCall("GET", "/v1/jobs/1", earlier=1), service)
    assert len(service.calls) == 1


def test_a_denial_of_the_customer_is_still_quoted():
    told = {"status": 20, "errCode": "X", "errMessage": "no quota", "data": None}

    reply = answers.OTHER_WORDS.make()(
        HttpCall("POST", "/scc/sd_txt2img"), CannedService(a_reply(200, told))
    )

    assert "no quota" in reply.json["errMessage"] != "no quota"


def test_pictures_keep_their_pixels_and_their_length():
    from io import BytesIO

    from PIL import Image

    picture = Image.radial_gradient("L").convert("RGB")
    data = BytesIO()
    picture.save(data, "png", compress_level=1)
    reply = HttpReply(200, (("Content-Type", "image/png"),), data.getvalue())
    call = HttpCall("GET", "/resource-upload/short-term/2026-01-01/COMFY/images/1_0.png")
    for name in ("other-encoder", "alpha", "rows-in-pieces"):
        told = BY_NAME[name].mutation.make()(call, CannedService(reply)).body
        assert told != reply.body
        assert Image.open(BytesIO(told)).convert("RGB").tobytes() == picture.tobytes()
        assert name == "rows-in-pieces" or len(told) == len(reply.body)


def test_a_hidden_control_api_is_not_found():
    handle = HIDDEN.make()

    assert handle(HttpCall("GET", "/_mock/version"), CannedService(HttpReply(200))).status == 404
    assert handle(HttpCall("GET", "/v1/jobs/1"), CannedService(HttpReply(200))).status == 200


# The command.


def test_the_command_lists_variants_and_refuses_unknown_names():
    listed = CliRunner().invoke(variants, ["--list"])
    refused = CliRunner().invoke(variants, ["--only", "no-such-variant"])

    assert listed.exit_code == 0
    assert "tams.nonce_replay=refuse" in listed.output
    assert refused.exit_code == 2
    assert "no variant is named no-such-variant" in refused.output


# The suite at some of them.

SEED = 1
ALWAYS = ("all-together", "idle-closed", "overloaded", "mixed-1", "mixed-2", "mixed-3")
OTHERS = [v.name for v in VARIANTS if not v.settings and v.name not in ALWAYS]
SAMPLE = random.Random(SEED).sample(OTHERS, 2)


@long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [*ALWAYS, *SAMPLE])
def test_an_honest_service_is_accused_by_no_test(name):
    surfaces = variant_named(name).surfaces
    known = {tests[0] for tests in read_noticed().values()}
    tests = sorted(test for test in known if test.partition("/")[0] in surfaces)

    (verdict,) = check_equivalents([name], tests, 1)

    assert verdict.failures == {}
    assert verdict.good
