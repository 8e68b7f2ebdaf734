import json
import re

import pytest
from hypothesis import given

from contract_tests.recording.normalising import normalise, normalise_scene
from contract_tests.recording.shape import RawExchange
from contract_tests.tests.recording_builders import IMAGE, JOB, an_exchange, answers, exchanges


def body_of(*found):
    """Return the body of the only exchange, after normalising these."""
    return [exchange["response"]["body"] for exchange in normalise(list(found))]


@given(exchanges())
def test_normalising_again_changes_nothing(scene):
    once = normalise(scene)

    assert normalise(once) == once


@given(exchanges())
def test_normalising_keeps_the_shape(scene):
    def shape(value):
        if isinstance(value, dict):
            return [shape(member) for member in value.values()]
        return [shape(item) for item in value] if isinstance(value, list) else None

    assert shape(normalise(scene)) == shape(scene)


@given(answers())
def test_the_same_answers_with_other_ids_are_the_same_recording(scene):
    others = {JOB: "934500000000000001", IMAGE: "aaaaaaaa-0000-4000-8000-000000000001"}
    text = json.dumps(scene)
    for value, other in others.items():
        text = text.replace(value, other)

    assert normalise(json.loads(text)) == normalise(json.loads(json.dumps(scene)))


def test_an_id_is_the_same_reference_wherever_it_is_named():
    first = an_exchange({"job": {"id": JOB, "status": "CREATED"}}, url="{{endpoint}}/v1/jobs")
    second = an_exchange(
        {"images": [{"id": IMAGE, "url": f"http://cdn.test/{JOB}_0.png"}], "map": {IMAGE: JOB}},
        url="{{endpoint}}/v1/jobs/" + JOB,
    )

    scene = normalise([first, second])

    assert scene[1]["request"]["url"] == "{{endpoint}}/v1/jobs/{{job-1}}"
    assert scene[1]["response"]["body"] == {
        "images": [{"id": "{{image-1}}", "url": "http://cdn.test/{{job-1}}_0.png"}],
        "map": {"{{image-1}}": "{{job-1}}"},
    }


def test_two_ids_are_two_references():
    ids = [{"jobId": JOB}, {"jobId": "934500000000000001"}]

    bodies = body_of(an_exchange(ids, url="{{endpoint}}/v1/jobs"))

    assert bodies == [[{"jobId": "{{job-1}}"}, {"jobId": "{{job-2}}"}]]


def test_a_number_is_marked_as_a_number():
    assert body_of(an_exchange({"expiredAt": 1768467600000})) == [
        {"expiredAt": "{{time-1:number}}"}
    ]


def test_the_digits_of_a_date_are_a_time():
    (body,) = body_of(an_exchange({"job_timestamp": 20330518033659, "count": 20339918033659}))

    assert body == {"job_timestamp": "{{time-1:number}}", "count": 20339918033659}


def test_values_that_the_client_sent_are_constant():
    sent = {"stages": [{"sdModel": "600423083519508503"}]}

    bodies = body_of(an_exchange({"message": "no model 600423083519508503"}, sent=sent))

    assert bodies == [{"message": "no model 600423083519508503"}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("apiToken", "tok"),
        ("apiToken", "01j1w6cxqz"),
        ("securityToken", "CAIS/letters+only=="),
        ("signature", "x"),
    ],
)
def test_secrets_are_hidden_however_they_look(name, value):
    scene = normalise([an_exchange({name: value}, sent={name: value})])

    assert value not in [scene[0]["response"]["body"][name], scene[0]["request"]["body"][name]]


def test_parameters_that_grant_something_are_hidden():
    url = "http://oss.test/in.png?OSSAccessKeyId=LTAIabcdefgh&Signature=abc%2Bdef%3D"

    assert re.fullmatch(
        r"http://oss\.test/in\.png\?OSSAccessKeyId=\{\{secret-1\}\}&Signature=\{\{secret-2\}\}",
        body_of(an_exchange({"putUrl": url}))[0]["putUrl"],
    )


def test_credentials_and_what_a_signer_makes_are_hidden():
    header = (
        "TAMS-SHA256-RSA app_id=myApp0001,nonce_str=0f1e0f1e,timestamp=1768464000,signature=c2ln"
    )
    raw = RawExchange(
        "step", "GET", "http://127.0.0.1:1234/v1/jobs/1",
        (("Authorization", header), ("Host", "127.0.0.1:1234")), b"", 401,
        (("Content-Type", "application/json"), ("Date", "Thu, 15 Jan 2026 08:00:00 GMT"),
         ("Set-Cookie", "a=b"), ("X-Mock-Request-Id", "r1")),
        b'{"tips":"app myApp0001, nonce 0f1e0f1e"}',
    )  # fmt: skip

    (exchange,) = normalise_scene(
        [raw], {"http://127.0.0.1:1234": "{{endpoint}}", "myApp0001": "{{app-id}}"}
    )

    assert exchange["request"] == {
        "method": "GET",
        "url": "{{endpoint}}/v1/jobs/1",
        "headers": {
            "authorization": "TAMS-SHA256-RSA app_id={{app-id}},nonce_str={{nonce}},"
            "timestamp={{now}},signature={{signature}}"
        },
    }
    assert exchange["response"] == {
        "status": 401,
        "headers": {"content-type": "application/json", "set-cookie": "***"},
        "body": {"tips": "app {{app-id}}, nonce {{nonce}}"},
    }


def test_binary_bodies_are_described():
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
        "0000000a49444154789c63f80f0001010100b138f6140000000049454e44ae426082"
    )
    raws = [
        RawExchange(f"{n}", "GET", "u", (), b"", 200, (), body)
        for n, body in enumerate((png, b"\xff\0"))
    ]

    found = [exchange["response"]["file"] for exchange in normalise_scene(raws, {})]

    assert found == [{"format": "PNG", "width": 1, "height": 1}, {"bytes": 2}]
