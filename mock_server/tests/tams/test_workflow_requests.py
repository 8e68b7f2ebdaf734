"""Request bodies about graphs and templates, as clients send them."""

import json

import pytest

from mock_server.tams.wire import TamsBody, json_name, parse
from mock_server.tams.workflow.requests import (
    CheckTemplate,
    CheckWorkflow,
    CreateTemplateJob,
    CreateWorkflowJob,
    FieldAttrBody,
)
from mock_server.tests.tams.graphs import EXCHANGES, example
from mock_server.tests.tams.shapes import problem

KINDS: dict[str, type[TamsBody]] = {
    "create-workflow-job": CreateWorkflowJob,
    "workflow-params-check": CheckWorkflow,
    "template-check": CheckTemplate,
    "create-template-job": CreateTemplateJob,
}


@pytest.mark.parametrize(
    "path",
    [path for name in KINDS for path in sorted(EXCHANGES.glob(f"{name}*.json"))],
    ids=lambda path: path.stem,
)
def test_every_recorded_body_is_read(path):
    kind = KINDS[path.stem.partition(".")[0]]
    raw = example(path.stem)["request"]["rawBody"]
    sent, body = json.loads(raw), parse(kind, raw.encode())

    for name in set(kind.__struct_fields__) - {"request_id"}:
        value = sent[json_name(name)] if json_name(name) in sent else sent[name]
        assert bool(getattr(body, name)) == bool(value)


def test_graphs_are_not_changed():
    params = '{"node_id":{"class_type":"A","inputs":{"ckpt_name":null,"_height":[1,{"a_b":null}]}}}'
    body = parse(CreateWorkflowJob, f'{{"request_id":"r","params":{params}}}'.encode())

    assert body.request_id == "r"
    assert body.params == {
        "node_id": {
            "class_type": "A",
            "inputs": {"ckpt_name": None, "_height": [1, {"a_b": None}]},
        }
    }


@pytest.mark.parametrize("raw", ["{}", '{"params":null}', '{"running_notify_url":""}'])
def test_a_missing_graph_is_empty(raw):
    assert parse(CreateWorkflowJob, raw.encode()).params == {}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ('{"nodeId":25,"field_name":"image","fieldValue":7}', ("25", "image", 7)),
        ('{"node_id":"25","fieldName":"image","fieldValue":null}', ("25", "image", None)),
        ('{"nodeId":"25","fieldName":"image"}', ("25", "image", None)),
        ('{"fieldValue":{"a_b":[null]}}', ("", "", {"a_b": [None]})),
    ],
)
def test_fields_accept_any_value(sent, expected):
    raw = f'{{"templateId":1,"fields":{{"field_attrs":[{sent}]}}}}'.encode()
    (found,) = parse(CheckTemplate, raw).fields.field_attrs

    assert found == FieldAttrBody(
        node_id=expected[0], field_name=expected[1], field_value=expected[2]
    )


@pytest.mark.parametrize("sent", ["676018193025756628", '"676018193025756628"', '"06760181e0"'])
def test_a_template_id_is_a_number_or_a_string(sent):
    body = parse(CreateTemplateJob, f'{{"template_id":{sent}}}'.encode())

    assert body.template_id in ("676018193025756628", "6760181")
    assert body.fields.field_attrs == ()


@pytest.mark.parametrize(
    ("kind", "raw", "words"),
    [
        (CreateWorkflowJob, '{"params":[]}', "unexpected token ["),
        (CreateWorkflowJob, '{"params":"x"}', 'unexpected token "x"'),
        (CreateWorkflowJob, '{"requestId":1}', "invalid value for string field requestId: 1"),
        (CreateWorkflowJob, '{"runningNotifyUrl":{}}', "string field runningNotifyUrl: {"),
        (CheckTemplate, '{"templateId":"x"}', 'invalid value for uint64 field templateId: "x"'),
        (CheckTemplate, '{"templateId":-1}', "invalid value for uint64 field templateId: -1"),
        (CheckTemplate, '{"fields":[]}', "unexpected token ["),
        (CheckTemplate, '{"fields":{"fieldAttrs":{}}}', "unexpected token {"),
        (
            CheckTemplate,
            '{"fields":{"fieldAttrs":[{"nodeId":1.5}]}}',
            "invalid value for string field nodeId: 1.5",
        ),
        (
            CheckTemplate,
            '{"fields":{"fieldAttrs":[{"nodeId":true}]}}',
            "invalid value for string field nodeId: true",
        ),
        (
            CheckTemplate,
            '{"fields":{"fieldAttrs":[{"fieldName":[]}]}}',
            "invalid value for string field fieldName: [",
        ),
    ],
)
def test_a_wrong_type_is_refused(kind, raw, words):
    assert words in problem(kind, raw)


def test_both_spellings_are_accepted_or_refused():
    raw = example("create-template-job.both-request-id-spellings")["request"]["rawBody"].encode()

    assert parse(CreateTemplateJob, raw).request_id == "9d3f0000000000000000000000000027"
    assert "duplicate field" in problem(CreateTemplateJob, raw, both_spellings="refuse")
