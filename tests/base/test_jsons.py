from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.jsons import BadJSON, decode_fields, encode, excerpt, reader, refuse_duplicates
from turnout.base.limits import MAX_JSON_DEPTH

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PAIRS = st.lists(st.tuples(TEXTS, VALUES), max_size=5)


def spelled(draw: st.DrawFn, pairs: list[tuple[str, Any]]) -> bytes:
    """The object in one of the many ways that JSON can be written."""
    blank = st.sampled_from(["", " ", "\n", "\t \r\n"])
    members = []
    for key, value in pairs:
        name = json.dumps(key, ensure_ascii=draw(st.booleans()))
        text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
        members.append(f"{draw(blank)}{name}{draw(blank)}:{draw(blank)}{text}{draw(blank)}")
    return f"{draw(blank)}{{{draw(blank) if not members else ''}{','.join(members)}}}{draw(blank)}".encode()


@st.composite
def objects(draw: st.DrawFn, *, twice: bool = False) -> tuple[list[tuple[str, Any]], bytes]:
    pairs = draw(PAIRS)
    pairs = list(dict(pairs).items())
    if twice:
        key = draw(st.sampled_from([key for key, _ in pairs])) if pairs else draw(TEXTS)
        pairs = pairs or [(key, draw(VALUES))]
        pairs.insert(draw(st.integers(0, len(pairs))), (key, draw(VALUES)))
    return pairs, spelled(draw, pairs)


@given(objects())
def test_the_top_level_comes_apart_into_slices_that_mean_the_same(made: tuple[list[tuple[str, Any]], bytes]) -> None:
    pairs, body = made
    fields = decode_fields(body)
    assert list(fields) == [key for key, _ in pairs]
    assert {key: json.loads(bytes(value)) for key, value in fields.items()} == dict(pairs)
    assert all(bytes(value) in body for value in fields.values())


@given(objects(twice=True))
def test_a_key_that_stands_twice_is_always_noticed_and_named(made: tuple[list[tuple[str, Any]], bytes]) -> None:
    pairs, body = made
    [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
    with pytest.raises(BadJSON, match=re.escape(f"the key `{twice[:64]}` stands twice")):
        decode_fields(body)
    with pytest.raises(BadJSON, match="stands twice"):
        refuse_duplicates(b'{"a": [1, {"b": %b}]}' % body.strip())


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","model":"a"}',
        b'{"model":"a","mod\\u0065l":"b"}',
        b'{"a":1,"model":"\\"x\\":1,","model":"y"}',
        b'{ "a" : {"a":1} , "a" : 2 }',
        b'{"":1,"":1}',
        b'{"a":12,"a":1}',
    ],
)
def test_the_same_key_in_other_words_is_the_same_key(body: bytes) -> None:
    with pytest.raises(BadJSON, match=r"the key `(a|model|)` stands twice"):
        decode_fields(body)


@given(st.binary(max_size=40) | VALUES.map(json.dumps).map(str.encode))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        fields = decode_fields(body)
    except BadJSON:
        return
    assert set(fields) == set(json.loads(body))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "truncated"),
        (b"null", "object"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b'{"a":1}x', "trailing"),
        (b'{"a":NaN}', "invalid"),
        (b'{"a":Infinity}', "invalid"),
        (b'{"a":01}', "invalid"),
        (b"{'a':1}", "malformed"),
        (b'{"a":"\xff"}', "UTF-8 (byte 6)"),
        (b'{"a":"\xed\xa0\x80"}', "UTF-8"),
        (b'{"a":"line\nbreak"}', "invalid"),
        (b'\xef\xbb\xbf{"a":1}', "malformed"),
    ],
)
def test_what_is_no_strict_json_is_refused_with_a_reason(body: bytes, words: str) -> None:
    with pytest.raises(BadJSON) as caught:
        decode_fields(body)
    assert words in str(caught.value)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_limited_to_the_level(opening: str, closing: str) -> None:
    def nested(depth: int) -> bytes:
        return ('{"x":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}").encode()

    decode_fields(nested(MAX_JSON_DEPTH))
    for depth in (MAX_JSON_DEPTH + 1, 100_000):
        with pytest.raises(BadJSON, match="nested deeper"):
            decode_fields(nested(depth))


@pytest.mark.parametrize("repeat", [1, 200])
def test_brackets_in_texts_and_many_flat_brackets_are_no_nesting(repeat: int) -> None:
    text = '[{"' * 500 + '\\"' * 3 + "\\\\" * repeat
    body = json.dumps({"text": text, "list": [[], {}] * 300, "after": ["]", "}"]}).encode()
    assert json.loads(bytes(decode_fields(body)["text"])) == text


def test_a_reader_names_the_place_of_what_does_not_fit() -> None:
    class Point(msgspec.Struct):
        x: int

    assert reader(Point)(b'{"x":1}').x == 1
    with pytest.raises(BadJSON, match="`x`"):
        reader(Point)(b'{"x":"one"}')
    with pytest.raises(BadJSON):
        reader(Point)(b'{"x":1, "y"')


@given(st.text())
def test_an_excerpt_is_short_and_on_one_line(text: str) -> None:
    line = excerpt(text, 20)
    assert len(line) <= 20
    assert line.isprintable()
    assert len(text) > 20 or len(line) == len(text)


@given(objects())
def test_encoding_the_slices_gives_the_object_again(made: tuple[list[tuple[str, Any]], bytes]) -> None:
    pairs, body = made
    assert json.loads(encode(decode_fields(body))) == dict(pairs)
