"""How a search treats long bodies: it copies none, pauses often, and says what it leaves out."""

from itertools import chain

import pytest

from mock_server.web.auth_diagnostics.body_variants import BodyVariants
from mock_server.web.auth_diagnostics.findings import Mistake
from mock_server.web.auth_diagnostics.json_texts import JsonLayout
from mock_server.web.auth_diagnostics.json_texts import laid_out as laid_out_json
from mock_server.web.auth_diagnostics.search import MAX_WHOLE_BYTES, Base, PartsLayout, laid_out
from mock_server.web.auth_diagnostics.search_budget import FULL, SearchWork
from mock_server.web.auth_diagnostics.streams import MAX_TEXT_BYTES, decoded
from mock_server.web.auth_diagnostics.turns import finish

LONG = b'{"a":"' + b"x" * MAX_WHOLE_BYTES + b'"}'


def test_a_long_part_is_not_copied_into_strings_to_sign():
    base = Base((), (b"POST", LONG, b""), (b"\n", b"\n", b""))
    layout = PartsLayout(Mistake("separator-other", "a blank"), b" ".join)

    for pieces in (base.pieces(), base.around(0)[1], laid_out(base, layout).pieces):
        assert sum(piece is LONG for piece in pieces) == 1
    assert b"".join(laid_out(base, layout).pieces) == b"POST " + LONG + b" "  # type: ignore[arg-type]


@pytest.mark.parametrize("character", ["é", "汉", "<", "\\u6c49"])
def test_each_changed_piece_of_a_long_text_is_a_slice(character: str):
    body = f'{{"a":"{"a" + character * 50_000}"}}'.encode()
    streams = [
        list(variant.value())
        for variant in BodyVariants(body, SearchWork(FULL)).singles()
        if variant is not None and not isinstance(variant.value, bytes)
    ]

    changed = [pieces for pieces in streams if pieces.count(b"") > 1]
    assert changed
    assert all(len(piece) <= 12 * 2000 for piece in chain.from_iterable(changed))


@pytest.mark.parametrize(
    "body",
    [
        "😀".encode() + b"x" * (MAX_TEXT_BYTES // 4),
        b'{"a":' + b" " * 70_000 + b"0}",
        b" " * 70_000 + b'{"a":0}',
        b'{"a":0' + b"1" * 70_000 + b"}",
        b'"' + b"a" * 200_000 + b'"',
    ],
    ids=["wide", "blanks inside", "blanks before", "number", "string"],
)
def test_what_is_too_long_to_be_read_is_not_said_to_be_searched(body: bytes):
    work = SearchWork(FULL)
    list(BodyVariants(body, work).singles())

    assert work.is_partial


def test_brackets_alone_are_laid_out_in_pieces():
    pieces = list(laid_out_json(["[", "]", ","] * 9_999 + ["[", "]"], JsonLayout()))

    assert "".join(pieces) == "[]," * 9_999 + "[]"
    assert len(max(pieces, key=len)) < 1_000


def test_a_text_of_wide_characters_is_bounded_in_memory():
    narrow, wide = b"x" * (MAX_TEXT_BYTES // 2), "汉".encode() + b"x" * (MAX_TEXT_BYTES // 2)
    texts = [finish(decoded(body, SearchWork(FULL))) for body in (narrow, wide)]

    assert [text is None for text in texts] == [False, True]
