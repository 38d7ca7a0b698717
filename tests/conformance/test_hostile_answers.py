"""Every dialect: an answer that makes no sense is a failure of the provider's, and never a mistake of ours."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.hearing import hear_stream
from conformance.kit import DIALECTS, KITS, adapter_of
from conformance.test_answers import CASES, NAMED, buckets
from conformance.voice import Kit
from turnout.base.errors import UpstreamError
from turnout.contracts.provider import Adapter
from turnout.domain.completion import FINISH_REASONS

ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, -1e-9, 10**30, -(10**30), 2**53, 2**63, 2**64, float("nan"), float("inf"),
    float("-inf"), "", "x", "\ud800", "\0", "NaN", "12", "tool_calls", [], [None], [[]], {}, {"": None}, [{}], [1],
    {"type": "text"}, {"error": {}}, "a" * 10_000,
]  # fmt: skip
BODIES = [
    b"", b" ", b"{", b"}", b"null", b"[]", b"{}", b"1", b'"x"', b"NaN", b"\xff\xfe\x00", b"\xef\xbb\xbf{}",
    b"[" * 100_000, b'{"a":' * 3000, b"<html></html>", b'{"error":"no"}', b'{"choices":[]}', b'{"content":[]}',
    b'{"candidates":[]}', b'{"output":{}}', b'{"type":"message"}', b'{"message":null}', b"data: {}\n\n",
    b"data: null\n\n", b"data: [1]\n\n", b"data: {\n\n", b"data:\n\n", b"data\n\n", b"event: x\n\n",
    b"data: \xff\n\n", b"data: [DONE]\n\n", b"\0" * 1000,
]  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """The ways to every value of *node*, itself included."""
    yield path
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in inner:
        yield from places(value, (*path, name))


def spoilt(node: Any, path: tuple[Any, ...], odd: object) -> Any:  # noqa: ANN401 - JSON
    """A copy of *node* with *odd* at *path*; ``...`` takes away what stands there."""
    if not path:
        return None if odd is ... else odd
    changed = copy.deepcopy(node)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    if odd is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = odd
    return changed


def spelled(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


def survive_whole(adapter: Adapter, body: bytes) -> None:
    try:
        completion = adapter.completion(body)
    except UpstreamError:
        return
    assert completion.usage is None or min(buckets(completion.usage)) >= 0
    for choice in completion.choices:
        assert choice.finish_reason in FINISH_REASONS
        message = {name: json.loads(bytes(value)) for name, value in choice.message.items()}
        assert isinstance(message.get("content"), str | None)
        assert isinstance(message.get("reasoning"), str | None)
        assert isinstance(message.get("reasoning_details", []), list)
        for call in message.get("tool_calls", []):
            assert isinstance(call["id"], str)
            function = call.get("function", {})
            assert all(isinstance(function.get(name, ""), str) for name in ("name", "arguments"))


def survive_stream(adapter: Adapter, body: bytes) -> None:
    decoder = adapter.decoder()
    try:
        chunks = [*decoder.feed(body), *decoder.flush()]
    except UpstreamError:
        return
    for chunk in chunks:
        assert chunk.usage is None or min(buckets(chunk.usage)) >= 0
        for choice in chunk.choices:
            assert isinstance(json.loads(bytes(choice.delta)), dict)


@pytest.mark.parametrize(("kit", "dialect"), NAMED)
def test_no_wrong_value_anywhere_in_a_whole_answer_is_a_mistake_of_ours(kit: Kit, dialect: str) -> None:
    adapter = adapter_of(dialect)
    answer = json.loads(kit.whole(CASES["all"]))
    for path in places(answer):
        for odd in (..., *ODD):
            survive_whole(adapter, spelled(spoilt(answer, path, odd)))


@pytest.mark.parametrize(("kit", "dialect"), [one for one in NAMED if KITS[str(one.id)].lines])
def test_no_wrong_value_anywhere_in_a_stream_is_a_mistake_of_ours(kit: Kit, dialect: str) -> None:
    adapter, dice = adapter_of(dialect), random.Random(dialect)
    frames = kit.stream(CASES["all"])
    for number, frame in enumerate(frames):
        head, mark, text = frame.partition(b"data: ")
        if not text.startswith(b"{"):
            continue
        told = json.loads(text)
        for path in places(told):
            for odd in (..., *dice.sample(ODD, 8)):
                changed = head + mark + spelled(spoilt(told, path, odd)) + b"\n\n"
                survive_stream(adapter, b"".join([*frames[:number], changed, *frames[number + 1 :]]))


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_body_is_a_mistake_of_ours(dialect: str, body: bytes) -> None:
    survive_whole(adapter_of(dialect), body)
    survive_stream(adapter_of(dialect), body)


@pytest.mark.parametrize(("kit", "dialect"), NAMED)
def test_an_answer_that_is_cut_off_is_a_failure(kit: Kit, dialect: str) -> None:
    whole = kit.whole(CASES["all"])
    adapter = adapter_of(dialect)
    for end in range(0, len(whole) - 1, 3):
        with pytest.raises(UpstreamError):
            adapter.completion(whole[:end])


@pytest.mark.parametrize(("kit", "dialect"), NAMED)
def test_a_stream_that_is_cut_off_says_so_or_lacks_its_finish_reason(kit: Kit, dialect: str) -> None:
    frames = kit.stream(CASES["text"])
    for end in range(len(frames) - 3):
        try:
            assert hear_stream(adapter_of(dialect), frames[:end]).finish is None
        except UpstreamError:
            continue


@pytest.mark.parametrize("dialect", DIALECTS)
@given(body=st.binary(max_size=60) | st.text('{}[]":,data \n\r0e', max_size=60).map(str.encode))
def test_no_bytes_are_a_mistake_of_ours(dialect: str, body: bytes) -> None:
    adapter = adapter_of(dialect)
    survive_whole(adapter, body)
    survive_stream(adapter, body)


@pytest.mark.parametrize(("kit", "dialect"), NAMED)
def test_frames_in_any_order_are_survived(kit: Kit, dialect: str) -> None:
    adapter, dice = adapter_of(dialect), random.Random(dialect)
    frames = kit.stream(CASES["all"])
    for _ in range(200):
        mixed = [dice.choice(frames) for _ in frames]
        survive_stream(adapter, b"".join(mixed))
