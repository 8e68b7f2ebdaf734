"""Reading request bodies: spellings, types, nulls, and positions in error messages."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.errors import DomainError, Malformed
from mock_server.tams import requests
from mock_server.tams.positions import offset_of, token_at, value_at
from mock_server.tams.requests import (
    CreateJob,
    CreateResourceImage,
    DiffusionBody,
    LaxCreateResourceImage,
)
from mock_server.tams.wire import TamsBody, json_name, parse
from mock_server.tests.tams.shapes import SHAPES, problem
from mock_server.tests.work import calls_of

WEBHOOK = '"webhook":null'

ROOT = Path(__file__).resolve().parents[3]
EXCHANGES = ROOT / "fixtures" / "exchanges" / "tams"


def exchange(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EXCHANGES / f"{name}.json").read_bytes())
    return loaded


JOBS = [
    data["request"]["body"]
    for path in sorted(EXCHANGES.glob("create-job*.json"))
    if (data := json.loads(path.read_bytes()))["request"]["body"] is not None
]


def outcome(kind: type[TamsBody], raw: bytes, **options: Any) -> TamsBody | str:
    """Return the parsed body, or the error message."""
    try:
        return parse(kind, raw, **options)
    except DomainError as error:
        return error.problem if isinstance(error, Malformed) else repr(error)


# Spellings


def test_one_body_may_mix_both_spellings():
    raw = exchange("create-job.txt2img.mixed-key-spelling.rsa")["request"]["rawBody"]

    job = parse(CreateJob, raw.encode())

    settings = job.stages[1].diffusion
    assert job.request_id == "9d3f0000000000000000000000000002"
    assert settings is not None
    assert (settings.sd_model, settings.sd_vae) == ("600423083519508503", "Automatic")
    assert (settings.clip_skip, settings.cfg_scale) == (2, 7.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("seed", "seed"),
        ("sd_model", "sdModel"),
        ("hr_resize_x", "hrResizeX"),
        ("ad_inpaint_only_masked_padding", "adInpaintOnlyMaskedPadding"),
        ("enable_pix2pix", "enablePix2pix"),
        ("v1_clip", "v1Clip"),
    ],
)
def test_camel_case_follows_protobufs_rule(name, expected):
    assert json_name(name) == expected


@pytest.mark.parametrize(
    "raw",
    ['{"requestId":"camel","request_id":"snake"}', '{"request_id":"snake","requestId":"camel"}'],
)
def test_camel_case_wins_over_snake_case(raw):
    assert parse(CreateJob, raw.encode()).request_id == "camel"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"requestId":"a", "request_id":"b"}', '(line 1:19): duplicate field "request_id"'),
        ('{"request_id":"a",\n "requestId":"b"}', '(line 2:2): duplicate field "requestId"'),
        (
            '{"stages":[{},{"diffusion":{"sdModel":"a","x":{"sdModel":1},"sd_model":"b"}}]}',
            '(line 1:61): duplicate field "sd_model"',
        ),
    ],
)
def test_both_spellings_are_refused_if_set(raw, expected):
    assert problem(CreateJob, raw, both_spellings="refuse") == f"proto: {expected}"


def test_a_null_does_not_count_as_second_spelling():
    raw = b'{"requestId":null,"request_id":"b"}'

    assert parse(CreateJob, raw, both_spellings="refuse").request_id == "b"
    assert parse(CreateJob, raw).request_id == "b"


def test_free_maps_are_not_changed():
    raw = b'{"embedding":{"someName":1,"some_name":null,"sdModel":1,"sd_model":2}}'
    free = {"someName": 1, "some_name": None, "sdModel": 1, "sd_model": 2}

    assert parse(DiffusionBody, raw, both_spellings="refuse").embedding == free


def test_of_two_equal_names_the_last_one_counts():
    assert parse(CreateJob, b'{"requestId":"a","requestId":"b"}').request_id == "b"


# Types


def test_unknown_members_are_ignored():
    body = exchange("create-job.lenient-types-and-unknown-fields")["request"]["rawBody"]

    assert len(parse(CreateJob, body.encode()).stages) == 2
    assert parse(CreateJob, b'{"webhook":[{"a":null}],"stages":[{"\xc3\xa9":1}]}').stages


def test_null_means_unset_and_unset_members_have_defaults():
    raw = b'{"cfgScale":null,"prompts":null,"sdModel":null,"lora":null,"enableElla":null}'

    assert parse(DiffusionBody, raw) == DiffusionBody()
    assert DiffusionBody().cfg_scale == 7.0


def test_repair_has_the_documented_defaults():
    arg = requests.AdetailerArgBody()

    assert arg.ad_model == "face_yolov8n.pt"
    assert (arg.ad_dilate_erode, arg.ad_mask_merge_invert) == (4, "None")
    assert (arg.ad_denoising_strength, arg.ad_inpaint_only_masked) == (0.4, True)
    assert (arg.ad_inpaint_width, arg.ad_inpaint_height) == (512, 512)


scalars = st.sampled_from(
    [
        "0", "1", "-1", "1.0", "1e2", "2.5", "1e400", "3.5e38", "9007199254740993",
        "9223372036854775808", "123456789012345678901234567890", '"1"', '"1.0"', '"1e2"', '"x"',
        '""', '"2147483648"', '"\\ud83d\\ude00"', "true", "false", "[]", "{}", "[1]",
    ]
)  # fmt: skip
spellings = [
    spelling for name in DiffusionBody.__struct_fields__ for spelling in (name, json_name(name))
]
prompt_lists = st.lists(st.builds('{{"text":{},"weight":{}}}'.format, scalars, scalars), max_size=3)
members = st.one_of(
    st.builds('"{}":{}'.format, st.sampled_from(spellings), scalars),
    st.builds('"prompts":[{}]'.format, prompt_lists.map(",".join)),
    st.builds('"lora":{{"items":[{{"weight":{}}}],"more":{}}}'.format, scalars, scalars),
    st.builds('"embedding":{{"a":{},"b":[{}]}}'.format, scalars, scalars),
)


@given(st.lists(members, max_size=8))
def test_an_unknown_null_member_changes_nothing(known):
    plain = outcome(DiffusionBody, f"{{{','.join(known)}}}".encode())
    other = outcome(DiffusionBody, f"{{{','.join([*known, WEBHOOK])}}}".encode())

    assert plain == other


# Broken bodies


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "(line 1:1): unexpected EOF"),
        (b" \n ", "(line 2:2): unexpected EOF"),
        (b"null", "(line 1:1): unexpected token null"),
        (b" []", "(line 1:2): unexpected token ["),
        (b'"text"', '(line 1:1): unexpected token "text"'),
        (b"17", "(line 1:1): unexpected token 17"),
        (b'{"requestId": oops}', "(line 1:15): unexpected token oops"),
        (b'{"requestId": nope}', "(line 1:15): unexpected token nope"),
        (b'{"a":1,}', "(line 1:8): unexpected token }"),
        (b'{"a":01}', "(line 1:6): unexpected token 01"),
        (b'{"a":NaN}', "(line 1:6): unexpected token NaN"),
        (b'{"a":-Infinity}', "(line 1:6): unexpected token -Infinity"),
        (b"{'a':1}", "(line 1:2): unexpected token 'a'"),
        (b'{"a":1} x', "(line 1:9): unexpected token x"),
        (b'{"a":1', "(line 1:7): unexpected EOF"),
        (b'{"a":"b', "(line 1:8): unexpected EOF"),
        (b'{"a"\n:\n tru}', "(line 3:2): unexpected token tru"),
        ('{"é":"é", x}'.encode(), "(line 1:11): unexpected token x"),
        (b"\xef\xbb\xbf{}", r"(line 1:1): unexpected token \ufeff"),
        (b'{"a":"\xff"}', "(line 1:7): invalid UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "(line 1:7): invalid UTF-8"),
        ("{}".encode("utf-16-le"), r"(line 1:2): unexpected token \x00"),
        (b'{"a":"\\ud800"}', "(line 1:13): unexpected end of hex escape in string"),
        (b'{"a":"\\q"}', "(line 1:8): invalid escape in string"),
        (b"[" * 10_000, "(line 1:202): exceeded max recursion depth"),
        (b'{"a":1' + b"0" * 5000 + b"}", "(line 1:6): unexpected token 1" + "0" * 59 + "…"),
        (b'{"stages":5}', "(line 1:11): unexpected token 5"),
        (b'{"stages":{}}', "(line 1:11): unexpected token {"),
        (b'{"stages":[{},null]}', "(line 1:15): unexpected token null"),
        (b'{"stages":[[]]}', "(line 1:12): unexpected token ["),
    ],
)
def test_broken_json_is_refused_with_a_position(raw, expected):
    assert problem(CreateJob, raw) == f"proto: syntax error {expected}"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"stages":[{},{"inputInitialize":{"seed":true}}]}', "(line 1:42): int64 seed true"),
        ('{"stages":[{"diffusion":\n{"cfg_scale":[7]}}]}', "(line 2:14): float cfgScale ["),
        ('{"x":["}",{"requestId":1}],\n"requestId" : {"a":1}}', "(line 2:15): string requestId {"),
        ('{"request_id":1,"notifyUrl":""}', "(line 1:15): string requestId 1"),
        ('{"requestId":"a","requestId":1}', "(line 1:30): string requestId 1"),
        ('{"\\u0072equestId":7}', "(line 1:19): string requestId 7"),
        ('{"é":"\\"é","requestId":7}', "(line 1:24): string requestId 7"),
    ],
)
def test_a_wrong_value_is_refused_with_a_position(raw, expected):
    position, kind, name, value = expected.rsplit(" ", 3)

    assert problem(CreateJob, raw) == (
        f"proto: {position} invalid value for {kind} field {name}: {value}"
    )


def test_positions_are_those_of_the_recorded_answers():
    for name, kind in (
        ("create-job.error-malformed-json", CreateJob),
        ("create-resource-image.error-bad-expire", CreateResourceImage),
    ):
        recorded = exchange(name)
        answer = recorded["response"]["body"]["message"]
        assert problem(kind, recorded["request"]["rawBody"]).startswith(answer)


def test_a_long_value_is_shortened_in_the_message():
    assert len(problem(CreateJob, b'{"stages":"' + b"x" * 100_000 + b'"}')) < 200
    assert token_at("", 0) == ""


def test_the_length_of_a_list_is_limited():
    stages = '{"stages":[' + ",".join(["{}"] * 1_000)

    assert len(parse(CreateJob, f"{stages}]}}".encode()).stages) == 1_000
    assert problem(CreateJob, f"{stages},{{}}]}}") == (
        "proto: (line 1:11): more than 1000 values for field stages"
    )


def test_a_byte_column_is_converted_to_characters():
    assert offset_of('{\n"éé": x'.encode(), 2, 9) == len('{\n"éé": ')


# Empty bodies


@pytest.mark.parametrize("raw", [b"", b" \r\n\t", b"null", b" null ", b"{}"])
def test_a_body_without_required_members_may_be_empty(raw):
    assert parse(CreateResourceImage, raw) == CreateResourceImage()


@pytest.mark.parametrize("raw", [b"[]", b"nul", b"false", b"\xef\xbb\xbf", b"\x0b"])
def test_other_bodies_do_not_count_as_empty(raw):
    assert "unexpected" in problem(CreateResourceImage, raw)


def test_the_lax_upload_reads_any_string_as_unset():
    def expiry(raw: bytes) -> int:
        return parse(LaxCreateResourceImage, raw).expire_sec

    assert expiry(b'{"expireSec":"undefined","term":1}') == 0
    assert expiry(b'{"expire_sec":"3600"}') == 3600
    assert "int64 field expireSec: true" in problem(LaxCreateResourceImage, '{"expireSec":true}')


# Properties

NAMES = sorted(
    {name for shape in SHAPES.values() for name in shape.__struct_fields__}
    | {json_name(name) for shape in SHAPES.values() for name in shape.__struct_fields__}
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["DIFFUSION", "INPUT_INITIALIZE", "1", "1e9", "undefined"]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=25,
)


@given(
    body=ANYTHING,
    kind=st.sampled_from(sorted(SHAPES)),
    both=st.sampled_from(["camel", "refuse"]),
    ascii_only=st.booleans(),
    indent=st.none() | st.integers(0, 3),
)
def test_any_json_is_read_or_refused(body, kind, both, ascii_only, indent):
    text = json.dumps(body, ensure_ascii=ascii_only, indent=indent)
    raw = text.encode(errors="surrogatepass")

    found = outcome(SHAPES[kind], raw, both_spellings=both)

    assert isinstance(found, SHAPES[kind]) or str(found).startswith("proto: ")


@given(st.binary(max_size=40) | st.text(alphabet='{}[]":,0eE.-\\untrlsfa \n', max_size=40))
def test_any_bytes_are_read_or_refused(raw):
    found = outcome(CreateJob, raw if isinstance(raw, bytes) else raw.encode())

    assert isinstance(found, CreateJob) or str(found).startswith("proto: ")


def respelled(value: Any, data: st.DataObject) -> Any:
    if isinstance(value, list):
        return [respelled(each, data) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {}
    for name, inner in value.items():
        snake = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
        spelling = data.draw(st.sampled_from([snake, json_name(snake)]))
        changed[spelling] = respelled(inner, data)
    return changed


@given(body=st.sampled_from(JOBS), data=st.data())
def test_both_spellings_give_the_same_result(body, data):
    other = respelled(body, data)

    assert parse(CreateJob, json.dumps(other).encode()) == parse(
        CreateJob, json.dumps(body).encode()
    )


def quoted(value: Any, data: st.DataObject) -> Any:
    match value:
        case dict():
            return {name: quoted(inner, data) for name, inner in value.items()}
        case list():
            return [quoted(each, data) for each in value]
        case bool() | str() | None:
            return value
        case _:
            forms = [value, str(value), float(value), f"{float(value)!r}", f"{value}e0"]
            return data.draw(st.sampled_from(forms))


@given(body=st.sampled_from(JOBS), data=st.data())
def test_numbers_as_strings_give_the_same_result(body, data):
    other = quoted(body, data)

    assert parse(CreateJob, json.dumps(other).encode()) == parse(
        CreateJob, json.dumps(body).encode()
    )


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Return pairs of a container and the key of a scalar in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, Any]] = []
    for key, inner in items:
        if isinstance(inner, dict | list):
            found += leaves(inner)
        else:
            found.append((value, key))
    return found


UNKNOWN = {"webhook", "maskImageResourceId"}


@given(
    body=st.sampled_from([job for job in JOBS if job["stages"]]),
    data=st.data(),
    indent=st.none() | st.integers(0, 3),
    lead=st.sampled_from(["", " ", "\n\n", "\t\r\n "]),
)
def test_the_position_of_a_wrong_value_is_exact(body, data, indent, lead):
    body = json.loads(json.dumps(body))
    holder, key = data.draw(
        st.sampled_from([leaf for leaf in leaves(body) if leaf[1] not in UNKNOWN])
    )
    holder[key] = ["wrong"]
    text = lead + json.dumps({'"é': [{"\\": "}"}], **body}, indent=indent, ensure_ascii=False)
    offset = text.rindex("[", 0, text.index('"wrong"'))

    line, column = text[:offset].count("\n") + 1, len(text[:offset].rsplit("\n", 1)[-1]) + 1
    assert problem(CreateJob, text).startswith(f"proto: (line {line}:{column}): invalid value for")


def test_the_length_of_a_text_is_limited():
    assert parse(CreateJob, b'{"requestId":"%b"}' % (b"a" * 20_000)).request_id
    assert problem(CreateJob, b'{"requestId":"%b"}' % (b"a" * 20_001)) == (
        "proto: (line 1:15): more than 20000 characters for field requestId"
    )


def test_the_number_of_objects_in_a_body_is_limited():
    prompts = ",".join(["{}"] * 400)
    stage = '{"type":"DIFFUSION","diffusion":{"prompts":[' + prompts + "]}}"

    assert parse(CreateJob, f'{{"stages":[{stage},{stage}]}}'.encode()).stages[1].diffusion
    assert problem(CreateJob, '{"stages":[' + ",".join([stage] * 5) + "]}") == (
        "proto: the body has more than 2000 objects"
    )


@pytest.mark.parametrize(
    "body",
    [
        "{" + ",".join(['"stages":0'] * 50_000) + "}",
        "{" + '"a":[],' * 50_000 + '"stages":[0]}',
        '{"stages":[0' + ",0" * 200_000 + "]}",
        '{"stages":[' + "[]," * 100_000 + "[]]}",
        "\n" * 300_000 + '{"stages":[0',
    ],
)
def test_the_place_of_an_error_in_a_long_body_takes_few_steps(body):
    assert calls_of(lambda: problem(CreateJob, body)) < 0.4 * len(body)


def test_a_place_far_behind_many_values_is_that_of_the_object_around_it():
    text = "{" + '"a":0,' * 500_000 + '"stages":0}'

    assert value_at(text, ("stages",)) == 0
    assert value_at('{"a":[1,{"b":2}]}', ("a", 1, "b")) == 13
