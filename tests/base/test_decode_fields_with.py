"""A long value is parsed once, and nobody can tell."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from turnout.base.jsons import BadJSON, decode_fields, decode_fields_with, reader

_LONG_TEXT = "x" * 20_000
_MESSAGES = [{"role": "user", "content": _LONG_TEXT}]
_read = reader(list[dict[str, object]])


def _the_long_way(body: bytes) -> tuple[dict[str, bytes], object] | None:
    try:
        fields = decode_fields(body)
        value = _read(fields["messages"]) if "messages" in fields else None
    except BadJSON:
        return None
    return {name: bytes(raw) for name, raw in fields.items()}, value


def _as_written(body: bytes) -> tuple[dict[str, bytes], object] | None:
    try:
        fields, value = decode_fields_with(body, "messages", _read)
    except BadJSON:
        return None
    return {name: bytes(raw) for name, raw in fields.items()}, value


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "body",
    [
        _compact({"model": "a", "messages": _MESSAGES}),
        _compact({"messages": _MESSAGES, "tools": [{"a": 1}]}),
        _compact({"metadata": {"messages": [{"b": 1}]}, "messages": _MESSAGES}),
        _compact({'x"messages': _MESSAGES, "messages": [{"a": 1}]}),
        _compact({"note": json.dumps({"messages": _MESSAGES}), "messages": _MESSAGES}),
        _compact({"messages": _MESSAGES})[:-1] + b',"messages":[{"b":1}]}',
        b'{"a":1,' + _compact({"messages": _MESSAGES})[1:-1] + b',"a":2}',
        json.dumps({"messages": _MESSAGES, "t": 1}, indent=1).encode(),
        _compact({"messages": _MESSAGES})[:-1],
        _compact({"messages": {"a": _LONG_TEXT}}),
        _compact({"messages": None, "other": _MESSAGES}),
        _compact({"messages": _MESSAGES}).replace(b"xx", b"\xff\xfe", 1),
    ],
)
def test_a_long_value_reads_as_if_it_were_short(body: bytes) -> None:
    assert _as_written(body) == _the_long_way(body)


@given(
    st.dictionaries(
        st.sampled_from(["messages", "model", "tools", 'a"messages', "metadata"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
            max_leaves=8,
        )
        | st.just(_MESSAGES),
        max_size=5,
    )
)
def test_any_object_reads_the_same_both_ways(value: dict[str, object]) -> None:
    body = _compact(value | {"padding": _LONG_TEXT})
    assert _as_written(body) == _the_long_way(body)


def test_a_missing_field_is_no_mistake() -> None:
    fields, value = decode_fields_with(b'{"a":1}', "messages", _read)
    assert (fields["a"], value) == (Raw(b"1"), None)
