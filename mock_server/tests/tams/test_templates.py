"""Templates: descriptions, documented errors, filled-in graphs, and template files."""

import json
from decimal import Decimal
from typing import Any

import pytest

from mock_server.core.errors import Invalid, NotFound
from mock_server.tams.catalogue import Catalogue, demo_uploads
from mock_server.tams.errors import FieldMismatch
from mock_server.tams.settings import TamsSettings
from mock_server.tams.wire import parse
from mock_server.tams.workflow.node_classes import UnreadableFile, load_classes
from mock_server.tams.workflow.node_inputs import InputRules
from mock_server.tams.workflow.orders import parse_graph
from mock_server.tams.workflow.requests import CheckTemplate, FieldAttrBody
from mock_server.tams.workflow.templates import Templates
from mock_server.tests.tams.graphs import example, node, text_to_image

ANIME, POSTER = "676018193025756628", "934400000000000011"
TEMPLATES = Templates(load_classes())


def attrs(**values):
    """Return fields as they are sent: `n25_image=…` is the input image of node 25."""
    pairs = {tuple(name.removeprefix("n").split("_", 1)): each for name, each in values.items()}
    return [
        FieldAttrBody(node_id=id, field_name=name, field_value=value)
        for (id, name), value in pairs.items()
    ]


def fill_like(name, **options):
    body = parse(CheckTemplate, example(name)["request"]["rawBody"].encode())
    return TEMPLATES.fill(body.template_id, body.fields.field_attrs, **options)


def parsed(graph):
    return parse_graph(graph, TamsSettings(), Catalogue())


# The recorded exchanges


@pytest.mark.parametrize("name", ["get-workflow-template", "get-workflow-template.combo-field"])
def test_a_template_is_described_as_recorded(name):
    wanted = example(name)["response"]["body"]

    assert TEMPLATES.read(wanted["templateId"]) == wanted


def test_an_unknown_template_is_not_found():
    wanted = example("get-workflow-template.error-not-found")["response"]["body"]

    for ask in (TEMPLATES.read, TEMPLATES.template, lambda id: TEMPLATES.fill(id, [])):
        with pytest.raises(NotFound) as caught:
            ask("934400000000000099")
        assert str(caught.value) == wanted["message"]


def test_a_missing_field_has_the_documented_message():
    name = "template-check.error-field-missing"
    with pytest.raises(FieldMismatch) as caught:
        fill_like(name)

    assert caught.value.problem == example(name)["response"]["body"]["message"]


def test_a_null_image_has_the_documented_message():
    name = "template-check.error-required-field-null"
    (detail,) = example(name)["response"]["body"]["details"]
    with pytest.raises(Invalid) as caught:
        fill_like(name)

    assert not isinstance(caught.value, FieldMismatch)
    assert (caught.value.field, caught.value.problem) == (detail["field"], detail["message"])


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("template-check", "1 girl"),
        ("create-template-job", "1 girl, amber_eyes"),
        ("create-template-job.no-request-id", "1 girl"),
        ("create-template-job.both-request-id-spellings", "1 girl"),
    ],
)
def test_a_filled_in_template_shows_the_values_that_were_sent(name, prompt):
    made = parsed(fill_like(name))

    assert (made.order.prompt, made.order.source) == (prompt, demo_uploads()[0])
    assert made.work.inputs == demo_uploads()[:1]
    assert made.work.price == Decimal(1)  # the documented estimate
    assert made.warnings == ()


# The fields


def test_a_ratio_field_decides_the_size():
    sizes = {}
    for aspect in ("1:1", "3:4", "16:9"):
        order = parsed(TEMPLATES.fill(POSTER, attrs(n12_aspect=aspect))).order
        sizes[aspect] = (order.width, order.height)

    assert sizes == {"1:1": (1024, 1024), "3:4": (896, 1152), "16:9": (1344, 768)}


def test_the_first_missing_field_is_reported():
    with pytest.raises(FieldMismatch, match=r"^fields: can't find .* 25:image in fields param"):
        TEMPLATES.fill(ANIME, [])
    with pytest.raises(FieldMismatch, match="27:text in fields parameter"):
        TEMPLATES.fill(ANIME, attrs(n25_image="a"))


def test_of_two_values_for_one_field_the_last_counts():
    sent = [*attrs(n12_aspect="1:1"), *attrs(n12_aspect="16:9")]

    assert parsed(TEMPLATES.fill(POSTER, sent)).order.width == 1344


def test_a_field_that_the_template_does_not_have_is_ignored_or_refused():
    sent = attrs(n12_aspect="1:1", n3_steps=1)

    graph = TEMPLATES.fill(POSTER, sent)
    assert graph.warnings == ["fields: the template has no field 3:steps"]
    assert parsed(graph).order.steps == 20
    with pytest.raises(FieldMismatch) as caught:
        TEMPLATES.fill(POSTER, sent, extra_fields="refuse")
    assert caught.value.problem == ("can't find [nodeId:fieldName] 3:steps in workflow template")


@pytest.mark.parametrize("value", [{}, ["99", 0], ["12", 0], [1]])
def test_an_invalid_value_is_refused(value):
    with pytest.raises(Invalid) as caught:
        TEMPLATES.fill(POSTER, attrs(n12_aspect=value))

    assert caught.value.problem.startswith("node id: 12\nclass type: TensorArt_Ratio\naspect: must")


def test_filling_does_not_change_the_template():
    before = json.dumps(TEMPLATES.template(ANIME).params)
    TEMPLATES.fill(ANIME, attrs(n25_image="a", n27_text="b"))

    assert json.dumps(TEMPLATES.template(ANIME).params) == before


def test_a_failing_job_waits_for_a_missing_upload():
    made = TEMPLATES.doomed(ANIME, attrs(n25_image=None), TamsSettings(), Catalogue())

    assert made.work.inputs == ("25:image",)
    assert made.work.price > 0


# Files

MINE: dict[str, Any] = {
    "templateId": "5",
    "name": "Mine",
    "fields": [{"nodeId": "5", "fieldName": "width"}],
    "params": text_to_image(),
}


def folder_of(tmp_path, *templates):
    for number, each in enumerate(templates):
        text = each if isinstance(each, str) else json.dumps(each)
        (tmp_path / f"{number}.json").write_text(text)
    (tmp_path / "notes.txt").write_text("no template")
    return Templates(load_classes(), InputRules(), tmp_path)


def test_templates_are_read_from_a_folder(tmp_path):
    templates = folder_of(
        tmp_path,
        MINE,
        {
            **MINE,
            "templateId": 6,
            "fields": {"fieldAttrs": [{"nodeId": "2", "fieldName": "image"}]},
            "params": text_to_image(
                n2=node("LoadImage", image=None), n1=node("PreviewImage", images=["2", 0])
            ),
        },
        {**MINE, "templateId": POSTER},
    )

    assert parsed(templates.fill("5", attrs(n5_width=640))).order.width == 640
    assert templates.read("6")["fields"]["fieldAttrs"][0]["fieldValue"] is None
    assert templates.read(POSTER)["name"] == "Mine"
    assert templates.read(ANIME)["templateId"] == ANIME


BROKEN = {"9": node("SaveImage", images=["8", 0], filename_prefix="x")}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "must be an object"),
        ({**MINE, "templateId": "x"}, "templateId: must be a decimal number, found 'x'"),
        ({**MINE, "templateId": "0"}, "templateId: must be a decimal number"),
        ({**MINE, "name": 1}, "name: must be a string, found 1"),
        ({**MINE, "params": []}, "params: must be an object"),
        ({**MINE, "fields": None}, "fields: must be a list"),
        ({**MINE, "fields": ["x"]}, "fields[0]: must be an object with nodeId and fieldName"),
        (
            {**MINE, "fields": [{"nodeId": 99, "fieldName": "x"}]},
            "fields[0]: nodeId: there is no node 99 in params",
        ),
        (
            {**MINE, "fields": [{"nodeId": 5, "fieldName": "x"}]},
            "fields[0]: fieldName: node 5 has no input x",
        ),
        (
            {**MINE, "fields": [*MINE["fields"], *MINE["fields"]]},
            "fields: must name every field once",
        ),
        ({**MINE, "fields": [], "params": {"1": 1}}, "params: node id: 1; class type: ; node:"),
        ({**MINE, "fields": [], "params": BROKEN}, "params: node id: 9; class type: SaveImage;"),
    ],
)
def test_an_invalid_template_file_is_reported_with_the_position(tmp_path, bad, words):
    with pytest.raises(UnreadableFile) as caught:
        folder_of(tmp_path, bad)

    assert str(caught.value).startswith(f"{tmp_path / '0.json'}: ")
    assert words in str(caught.value)


def test_two_files_with_one_id_are_refused(tmp_path):
    with pytest.raises(UnreadableFile, match=r"5 is also the template of 0\.json"):
        folder_of(tmp_path, MINE, MINE)


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(UnreadableFile, match="nowhere"):
        Templates(load_classes(), folder=tmp_path / "nowhere")


def test_shipped_templates_are_valid(tmp_path):
    values = {ANIME: attrs(n25_image="a", n27_text="b"), POSTER: attrs(n12_aspect="1:1")}

    for id, sent in values.items():
        assert TEMPLATES.fill(id, sent).problems == []
