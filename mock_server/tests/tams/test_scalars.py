"""The values that each type of member accepts and refuses."""

import pytest

from mock_server.tams import requests
from mock_server.tams.requests import CreateResourceImage, DiffusionBody, StageBody
from mock_server.tams.scalars import IdString, UInt64
from mock_server.tams.wire import TamsBody, parse
from mock_server.tests.tams.shapes import problem


def diffusion(members: str) -> DiffusionBody:
    return parse(DiffusionBody, f"{{{members}}}".encode())


@pytest.mark.parametrize("written", ["768", '"768"', "768.0", "7.68e2", '"768.00"', '"7.68E+2"'])
def test_an_integer_may_be_a_string_or_an_integral_number(written):
    found = diffusion(f'"width":{written},"steps":{written}')

    assert (found.width, found.steps) == (768, 768)
    assert type(found.width) is int


REFUSED = {
    ("int32", "steps"): [
        "true", "1.5", '"1.5"', '""', '" 1"', '"1 "', '"0x10"', '"1_000"', '"one"', '"+1"', "[]",
        "2147483648", "-2147483649", '"2147483648"', "1e300", "1e999", '"1e400000000"', '"1e-5"',
        '"1e99999999999999999999"', "1" + "0" * 400, '"' + "1" * 5000 + '"', '"\\u0661"',
    ],
    ("float", "cfgScale"): [
        "true", '""', '"NaN"', '"Infinity"', '"-Infinity"', "3.5e38", "1e999", '"1e999"', "[]",
    ],
    ("bool", "enableElla"): ['"true"', "1", "0", '""', "[]"],
    ("string", "sdModel"): ["5", "600423083519508503", "true", "[]", "{}"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "member", "written"),
    [(*field, written) for field, values in REFUSED.items() for written in values],
)
def test_other_values_are_refused(kind, member, written):
    found = problem(DiffusionBody, f'{{"{member}":{written}}}')

    assert f"invalid value for {kind} field {member}: " in found


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1, -1, 0, 4294967295])
def test_an_int64_is_exact(number):
    for written in (str(number), f'"{number}"'):
        raw = f'{{"expireSec":{written}}}'.encode()
        assert parse(CreateResourceImage, raw).expire_sec == number


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**63, 10**400])
def test_a_number_beyond_an_int64_is_refused(number):
    for written in (str(number), f'"{number}"'):
        assert "int64 field expireSec" in problem(CreateResourceImage, f'{{"expireSec":{written}}}')


@pytest.mark.parametrize(
    ("written", "expected"),
    [("7", 7.0), ("7.5", 7.5), ('"7.5"', 7.5), ('"-1e2"', -100.0), ("0", 0.0), ("3.4e38", 3.4e38)],
)
def test_a_float_may_be_a_number_or_a_string_of_one(written, expected):
    found = diffusion(f'"cfgScale":{written}').cfg_scale

    assert found == expected
    assert type(found) is float


class Reference(TamsBody, frozen=True):
    number: UInt64 = 0
    text: IdString = ""


@pytest.mark.parametrize(
    "written",
    ["676018193025756628", '"676018193025756628"', '"06760181930257566280e-1"'],
)
def test_a_reference_number_is_always_a_string(written):
    found = parse(Reference, f'{{"number":{written},"text":{written}}}'.encode())

    assert found == Reference(number=676018193025756628, text="676018193025756628")


@pytest.mark.parametrize("written", ["-1", '"-1"', "18446744073709551616", '"a"', '""', "true"])
def test_other_values_are_refused_for_a_uint64(written):
    assert "uint64 field number" in problem(Reference, f'{{"number":{written}}}')
    assert "uint64 field text" in problem(Reference, f'{{"text":{written}}}')


def test_the_largest_uint64_is_accepted():
    assert parse(Reference, b'{"text":18446744073709551615}').text == "18446744073709551615"


@pytest.mark.parametrize("number", range(len(requests.STAGE_TYPES)))
def test_an_enum_may_be_its_number(number):
    stage = parse(StageBody, f'{{"type":{number}}}'.encode())

    assert stage.type == requests.STAGE_TYPES[number]


@pytest.mark.parametrize("written", ['"FOO"', '"diffusion"', '"1"', "8", "-1", "1.5", "true"])
def test_a_stage_type_outside_the_list_is_refused(written):
    column = 10 if written.startswith('"') else 9
    assert problem(StageBody, f'{{"type":{written}}}') == (
        f"proto: (line 1:{column}): invalid value for enum field type: {written}"
    )


def test_other_enums_are_open():
    found = parse(requests.ImageToInpaintBody, b'{"resizeMode":"NEW","inpaintingFill":17}')

    assert (found.resize_mode, found.inpainting_fill) == ("NEW", "17")
    assert parse(requests.ImageToInpaintBody, b'{"inpaintingFill":2}').inpainting_fill == "ORIGINAL"
