"""Uploads by HTML form, to an Aliyun OSS store."""

import base64
import json
import re

import pytest

from contract_tests.answers import NoAnswer
from contract_tests.markers import observes, source
from contract_tests.tams.pictures import a_picture
from contract_tests.tams.refusals import refused

RESERVE = "/v1/resource/image/sts"
MEMBERS = (
    "resourceId", "accessId", "signature", "host", "expire", "callback", "filePath", "policy",
    "securityToken",
)  # fmt: skip
SHORT = {"expireSec": 3600, "term": 1}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@source("TAMS › 5.12")
@pytest.mark.parametrize(
    "members", [SHORT, {"expireSec": "600", "term": "2"}], ids=["numbers", "texts"]
)
def test_a_form_comes_with_its_nine_texts(tams, members):
    form = tams.call("POST", RESERVE, json=members).expect(200)

    for name in MEMBERS:
        assert isinstance(form[name], str), f"{name} is not a text"
    assert UUID.fullmatch(form["resourceId"]), "the resource's id is not a UUID"


@source("TAMS › 5.12")
def test_every_form_has_a_different_id_and_path(tams):
    one, other = (tams.call("POST", RESERVE, json=SHORT).expect(200) for _ in range(2))

    assert one["resourceId"] != other["resourceId"]
    assert one["filePath"] != other["filePath"]


@source("TAMS › 5.12")
@observes
def test_what_a_form_is_made_of(tams, observe):
    form = tams.call("POST", RESERVE, json=SHORT).expect(200)

    observe("U49", "expire of a form", form["expire"])
    observe("U49", "members of a form that are empty", [n for n in MEMBERS if not form[n]])
    try:
        policy = json.loads(base64.b64decode(form["policy"], validate=True))
    except ValueError:
        policy = "not JSON in base64"
    observe("U49", "conditions of a form", sorted(policy) if isinstance(policy, dict) else policy)


@source("TAMS › 5.12")
@observes
def test_how_a_store_takes_a_form(tams, observe):
    form = tams.call("POST", RESERVE, json=SHORT).expect(200)
    fields = {
        "key": form["filePath"], "OSSAccessKeyId": form["accessId"], "policy": form["policy"],
        "signature": form["signature"], "callback": form["callback"],
        "x-oss-security-token": form["securityToken"],
    }  # fmt: skip
    host = form["host"] if "://" in form["host"] else f"https://{form['host']}"
    try:
        answer = tams.wire.send(
            "POST", host, auth=None, data={name: text for name, text in fields.items() if text},
            files={"file": ("kite.png", a_picture(64), "image/png")},
        )  # fmt: skip
    except NoAnswer:
        pytest.skip("the store of forms cannot be reached from here")

    assert answer.status < 500
    observe("U49", "a form that was posted", [answer.status, answer.text[:200]])


@source("TAMS › 5.12", "TAMS › 4")
@pytest.mark.parametrize("members", [{"term": "long"}, {"expireSec": [1]}], ids=["word", "list"])
def test_terms_of_a_wrong_kind_are_refused_for_forms(tams, members):
    refused(tams.call("POST", RESERVE, json=members))
