"""Templates: descriptions, documented errors, filled-in graphs, and template files."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mock_server.core.errors import Invalid, NotFound
from mock_server.tams.catalogue import Catalogue, demo_uploads, ids_of
from mock_server.tams.errors import FieldMismatch
from mock_server.tams.settings import TamsSettings
from mock_server.tams.wire import parse
from mock_server.tams.workflow.node_classes import UnreadableFile, load_classes
from mock_server.tams.workflow.orders import parse_graph
from mock_server.tams.workflow.requests import CheckTemplate, FieldAttrBody
from mock_server.tams.workflow.templates import Templates
from mock_server.tests.tams.graphs import example, node, text_to_image

ANIME, POSTER, PLUGIN = "676018193025756628", "934400000000000011", "840417077373405793"
DATA = Path(__file__).parents[2] / "data"
UPLOAD = "00000000-0000-4000-8000-000000000902"
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
    for field in wanted["fields"]["fieldAttrs"]:
        if field["fieldValue"] is None:  # The reference says that the printed reply has "".
            field["fieldValue"] = ""

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


def test_the_template_of_the_plugin_has_its_two_fields():
    fields = TEMPLATES.read(PLUGIN)["fields"]["fieldAttrs"]

    assert [(each["nodeId"], each["fieldName"], each["nodeName"]) for each in fields] == [
        ("5", "image", "TensorArt_LoadImage"),
        ("2", "Text", "TensorArt_PromptText"),
    ]
    assert [each["fieldValue"] for each in fields] == ["", "make it winter"]
    order = parsed(TEMPLATES.fill(PLUGIN, attrs(n5_image=UPLOAD, n2_Text="snow"))).order
    assert (order.source, order.prompt) == (UPLOAD, "snow")


def test_an_input_with_a_list_shows_its_choices(tmp_path):
    fields = {"4": "ckpt_name", "10": "lora_name", "3": "scheduler", "5": "width"}
    names = [{"nodeId": id, "fieldName": name} for id, name in fields.items()]
    shown = folder_of(tmp_path, {**MINE, "fields": names}).read("5")["fields"]["fieldAttrs"]
    options = [json.loads(each["inputString"]).get("options", {}).get("values") for each in shown]

    assert options[0] == list(ids_of("CHECKPOINT"))
    assert options[1] == ["643763684419793644"]
    assert {"normal", "karras"} <= set(options[2])
    assert options[3] is None


# Unknown ids

ANY = Templates(load_classes(), TamsSettings(unknown_template="accept"))


def test_an_unknown_template_may_make_pictures_from_a_prompt():
    shown = ANY.read("123")

    assert (shown["templateId"], shown["name"]) == ("123", "Template 123")
    assert [each["fieldName"] for each in shown["fields"]["fieldAttrs"]] == ["Text"]
    order = parsed(ANY.fill("123", [])).order
    assert (order.source, order.width, order.height) == ("", 1024, 1024)
    assert ANY.read(ANIME) == TEMPLATES.read(ANIME)


def test_the_fields_of_an_unknown_template_have_an_effect_by_their_names():
    graph = ANY.fill("123", attrs(n77_prompt="a red kite", n3_steps="30", n3_width=640, n9_x=1))
    order = parsed(graph).order

    assert (order.prompt, order.steps, order.width) == ("a red kite", 30, 640)
    assert graph.warnings == ["fields: the template has no field 9:x"]


def test_an_upload_for_an_unknown_template_is_the_start_image():
    made = parsed(ANY.fill("123", attrs(n4_photo=UPLOAD, n2_Text="a red kite")))

    assert (made.order.source, made.order.prompt) == (UPLOAD, "a red kite")
    assert made.work.inputs == (UPLOAD,)
    with pytest.raises(Invalid):
        ANY.fill("123", attrs(n4_image=""))


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
    return Templates(load_classes(), TamsSettings(), tmp_path)


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
    assert templates.read("6")["fields"]["fieldAttrs"][0]["fieldValue"] == ""
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
    values = {
        ANIME: attrs(n25_image="a", n27_text="b"),
        POSTER: attrs(n12_aspect="1:1"),
        PLUGIN: attrs(n5_image="a", n2_Text="b"),
    }

    for id, sent in values.items():
        assert TEMPLATES.fill(id, sent).problems == []


def test_the_example_of_the_documents_works(tmp_path):
    text = (DATA.parent / "docs" / "templates.md").read_text("utf-8")
    (example_file,) = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    templates = folder_of(tmp_path, example_file)

    SCHEMA.validate(json.loads(example_file))
    made = parsed(templates.fill("123456789012345678", attrs(n2_text="a kite", n5_width=640)))
    assert (made.order.prompt, made.order.width, made.work.price) == ("a kite", 640, Decimal("0.8"))


SCHEMA = Draft202012Validator(json.loads((DATA / "workflow-template.schema.json").read_bytes()))


def test_the_schema_describes_template_files():
    files = sorted((DATA / "templates").glob("*.json"))
    shipped = [json.loads(file.read_bytes()) for file in files]

    Draft202012Validator.check_schema(SCHEMA.schema)
    for each in (MINE, {**MINE, "templateId": 5, "fields": {"fieldAttrs": []}}, *shipped):
        SCHEMA.validate(each)
    assert {each["$schema"] for each in shipped} == {"../workflow-template.schema.json"}


@pytest.mark.parametrize(
    "change",
    [
        {"templateId": "x"},
        {"templateId": "0"},
        {"name": 1},
        {"params": []},
        {"params": {}},
        {"params": {"1": 1}},
        {"params": {"1": {"inputs": {}}}},
        {"fields": None},
        {"fields": ["x"]},
        {"fields": [{"nodeId": "5"}]},
        {"fields": [*MINE["fields"], *MINE["fields"]]},
    ],
)
def test_the_schema_refuses_what_the_mock_refuses(change):
    assert not SCHEMA.is_valid({**MINE, **change})
