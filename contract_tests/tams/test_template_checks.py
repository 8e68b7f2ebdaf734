"""Workflow templates: their fields, and the free check."""

import pytest

from contract_tests.clients.tams_answers import expect_refusal
from contract_tests.markers import observes, source
from contract_tests.tams.graphs import TEMPLATE
from contract_tests.tams.refusals import PARAMS, refused

CHECK = "/v1/workflows/template/check"
PICTURE = "f29036b4-ff7b-4394-8c26-aabc1bdae008"  # a resource that the demos use

OF_THE_PLUGIN = "840417077373405793"
VALUES = {
    "nothing": "",
    "letters beyond ASCII": "二次元 girl",
    "a long text": "x" * 2000,
    "a number": 5,
    "a fraction": 1.5,
    "a truth": True,
    "a list": ["a", 1],
    "an object": {"Any": {"Thing": 1}},
}


@pytest.fixture(scope="session")
def template(tams):
    answer = tams.call("GET", f"/v1/workflows/{TEMPLATE}")
    if answer.status == 404:
        pytest.skip("this host does not have the template of the documentation")
    return answer.expect(200)


@pytest.fixture(scope="session")
def filled(template):
    """Every field with a value."""
    return [
        {
            "nodeId": field["nodeId"],
            "fieldName": field["fieldName"],
            "fieldValue": PICTURE if field["fieldName"] == "image" else "1 girl",
        }
        for field in template["fields"]["fieldAttrs"]
    ]


def check(tams, fields, template_id=TEMPLATE):
    body = {"templateId": template_id, "fields": {"fieldAttrs": fields}}
    return tams.call("POST", CHECK, json=body)


@source("TAMS › 5.7")
def test_a_template_is_not_wrapped_and_is_the_one_asked_for(template):
    assert template["templateId"] == TEMPLATE
    assert template["name"]


@source("TAMS › 5.7")
def test_each_field_of_a_template_names_its_node_and_itself(template):
    fields = template["fields"]["fieldAttrs"]

    names = [(field["nodeId"], field["fieldName"]) for field in fields]
    assert set(names) >= {("25", "image"), ("27", "text")}, "the documented fields"
    assert len(set(names)) == len(names)


@source("TAMS › 5.7")
def test_a_template_says_what_it_presently_holds(template, observe):
    fields = template["fields"]["fieldAttrs"]

    observe("U53", "fields of a template without fieldValue", [
        field["fieldName"] for field in fields if "fieldValue" not in field
    ])  # fmt: skip
    assert any(field.get("fieldValue") == "1 girl" or "fieldValue" in field for field in fields)


@source("TAMS › 5.7")
def test_the_template_of_the_plugin_can_be_read(tams):
    answer = tams.call("GET", f"/v1/workflows/{OF_THE_PLUGIN}")
    if answer.status == 404:
        pytest.skip("this host does not have the template of the plugin's example files")
    found = answer.expect(200)
    assert found["templateId"] == OF_THE_PLUGIN
    for field in found["fields"]["fieldAttrs"]:
        for name in ("nodeId", "fieldName"):
            assert field[name], f"a field without its {name}: {field}"


@source("TAMS › 5.7", "TAMS › 4")
@pytest.mark.parametrize("unknown", ["1", "934400000000000099", str(2**64 - 1)])
def test_an_unknown_template_is_not_found(tams, unknown, observe):
    body = refused(tams.call("GET", f"/v1/workflows/{unknown}"), 404)

    observe("U43", "the body for an unknown template", body)


@source("TAMS › 5.8")
def test_a_template_that_is_filled_in_has_a_price(tams, filled, observe):
    body = check(tams, filled).expect(200)

    assert body["credits"] > 0
    assert body.get("valid", True) is True
    observe("U40", "the good answer of the template check", sorted(body))


@source("TAMS › 5.8", "TAMS › 2.4")
def test_the_id_of_a_template_may_be_a_number(tams, filled):
    assert check(tams, filled, int(TEMPLATE)).expect(200) == check(tams, filled).expect(200)


@source("TAMS › 5.8", "TAMS › 2.3")
def test_a_template_check_takes_both_spellings(tams, filled):
    fields = [
        {"node_id": f["nodeId"], "field_name": f["fieldName"], "field_value": f["fieldValue"]}
        for f in filled
    ]
    body = {"template_id": TEMPLATE, "fields": {"field_attrs": fields}}

    answer = tams.call("POST", CHECK, json=body).expect(200)

    assert answer == check(tams, filled).expect(200)


@source("TAMS › 5.8", "TAMS › 4")
@pytest.mark.parametrize("place", [0, 1])
def test_a_field_that_was_not_sent_is_named(tams, filled, place, observe):
    missing = filled[place]
    answer = check(tams, [field for field in filled if field is not missing])

    body = expect_refusal(answer)
    assert body["code"] == 2, f"the code for a missing field is {body['code']}"
    name = f"{missing['nodeId']}:{missing['fieldName']}"
    assert body["message"] == f"can't find [nodeId:fieldName] {name} in fields parameter"
    observe("U11", "the status of an error with code 2", answer.status)


@source("TAMS › 5.8", "TAMS › 4")
def test_a_missing_field_is_told_before_an_empty_one(tams, filled):
    fields = [{**field, "fieldValue": None} for field in filled if field["fieldName"] == "image"]
    answer = check(tams, fields)
    body = expect_refusal(answer)
    assert body["code"] == 2, f"the code for a missing and an empty field is {body['code']}"


@source("TAMS › 5.8", "TAMS › 4")
def test_no_field_at_all_is_a_field_that_was_not_sent(tams, filled):
    answer = check(tams, [])

    body = expect_refusal(answer)
    assert body["code"] == 2, f"the code for a missing field is {body['code']}"
    assert "can't find [nodeId:fieldName]" in body["message"]


@source("TAMS › 5.8", "TAMS › 4", "TAMS › 2.1")
def test_a_required_field_of_null_is_named_with_its_node(tams, filled, observe):
    fields = [{**field, "fieldValue": None} if field["fieldName"] == "image" else field
              for field in filled]  # fmt: skip

    answer = check(tams, fields)

    body = expect_refusal(answer)
    assert (body["code"], body["message"]) == (3, PARAMS)
    detail = body["details"][0]
    assert detail["@type"] == "type.googleapis.com/tams_api.ArgumentError"
    assert detail["field"] == "workflow"
    assert detail["message"] == "node id: 25\nclass type: LoadImage\nimage: 字段必填\n"
    observe("U11", "the status of an error with code 3", answer.status)


@source("TAMS › 5.8")
@observes
def test_what_a_field_gets_that_the_template_does_not_have(tams, filled, observe):
    more = {"nodeId": "99", "fieldName": "nothing", "fieldValue": 1}
    answer = check(tams, [*filled, more])

    if answer.status != 200:
        expect_refusal(answer)
    observe("U41", "a field that the template does not have", [answer.status, answer.json])


@source("TAMS › 5.8", "TAMS › 4")
def test_a_check_of_an_unknown_template_is_refused(tams, observe):
    body = refused(check(tams, [], "1"), 404)

    observe("U43", "the body of a check of an unknown template", body)


@source("TAMS › 5.8")
@observes
@pytest.mark.parametrize("kind", VALUES)
def test_any_json_may_stand_in_a_field(tams, filled, kind, observe):
    fields = [{**field, "fieldValue": VALUES[kind]} if field["fieldName"] == "text" else field
              for field in filled]  # fmt: skip

    answer = check(tams, fields)

    if answer.status != 200:
        refused(answer)
    observe("U57", f"{kind} in a text field", answer.status)
