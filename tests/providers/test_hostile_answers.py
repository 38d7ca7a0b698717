"""Whatever a provider sends, the adapter makes an answer of it that clients can read, or an UpstreamError."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import a_provider, a_request
from turnout.api.chat import ChatSurface
from turnout.api.completions import CompletionsSurface
from turnout.base.errors import UpstreamError
from turnout.contracts.surface import Encoder
from turnout.domain.completion import FINISH_REASONS, Completion
from turnout.domain.usage import NO_USAGE, Pricing, cost
from turnout.engine.relay import refuse_blank
from turnout.providers.openai import OpenAIAdapter

ADAPTER = OpenAIAdapter(a_provider(), lambda: 0.0)
SURFACES = (ChatSurface(), CompletionsSurface())
PRICE = cost(NO_USAGE, Pricing())

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 3, 10**30, 1.5, "", "tool_calls", "role", '"role"', "reasoning", "²²²", "429", [], {}]),
    st.lists(st.sampled_from(["x", {}, None, {"type": "text", "text": "a"}, {"text": 5}]), max_size=2),
    st.dictionaries(st.sampled_from(["message", "code", "text", "role", "content", "error"]), st.text(max_size=5)),
    st.text(max_size=6),
)


def likely(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly *right*: answers that are wrong in every place are refused at the first."""
    return st.integers(0, 11).flatmap(lambda number: right if number else ODD)


CALLS = st.lists(
    likely(
        st.fixed_dictionaries(
            {},
            optional={
                "index": likely(st.integers(0, 3)),
                "id": likely(st.text(max_size=5)),
                "type": likely(st.just("function")),
                "function": likely(
                    st.fixed_dictionaries(
                        {}, optional={"name": likely(st.just("f")), "arguments": likely(st.just('{"a":1}'))}
                    )
                ),
            },
        )
    ),
    max_size=2,
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": likely(st.just("assistant")),
        "content": likely(st.text(max_size=8)),
        "refusal": likely(st.none()),
        "reasoning": likely(st.text(max_size=5)),
        "reasoning_content": likely(st.text(max_size=5)),
        "reasoning_details": likely(st.lists(st.fixed_dictionaries({"type": st.just("reasoning.text")}), max_size=2)),
        "tool_calls": likely(CALLS),
        "audio": likely(st.none()),
        "function_call": likely(st.none()),
        "images": likely(st.lists(st.just({"image_url": {"url": "data:,"}}), max_size=2)),
        "annotations": likely(st.lists(st.just({"type": "file"}), max_size=2)),
        "unheard_of": ODD,
    },
)
LOGPROBS = likely(st.fixed_dictionaries({"content": likely(st.lists(st.just({"token": "a"}), max_size=2))}))
CHOICE = {
    "index": likely(st.integers(0, 2)),
    "finish_reason": likely(st.sampled_from([None, "stop", "length", "weird"])),
    "native_finish_reason": likely(st.none()),
    "logprobs": LOGPROBS,
    "error": likely(st.none()),
    "usage": likely(st.none()),
}
SHARED = {
    "id": likely(st.just("up-1")),
    "usage": likely(
        st.fixed_dictionaries({"prompt_tokens": likely(st.just(3)), "completion_tokens": likely(st.just(2))})
    ),
    "service_tier": likely(st.just("default")),
    "system_fingerprint": likely(st.just("fp")),
    "error": likely(st.none()),
    "x_groq": likely(st.just({"id": "g"})),
}
WHOLE = st.fixed_dictionaries(
    {},
    optional={
        "choices": likely(
            st.lists(likely(st.fixed_dictionaries({}, optional={"message": likely(MESSAGE)} | CHOICE)), max_size=2)
        )
    }
    | SHARED,
)
EVENT = st.fixed_dictionaries(
    {},
    optional={
        "choices": likely(
            st.lists(likely(st.fixed_dictionaries({}, optional={"delta": likely(MESSAGE)} | CHOICE)), max_size=2)
        )
    }
    | SHARED,
)


def _spelled(value: object, indent: int | None, *, ascii_only: bool) -> str:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    except UnicodeEncodeError:
        return "{}"


SPELLING = st.tuples(st.sampled_from([None, 1]), st.booleans())


def _encoders(**fields: object) -> list[Encoder]:
    request = a_request(**fields)
    return [surface.encoder("gen-1", 1, request) for surface in SURFACES]


def _read_stream(text: bytes) -> list[Any]:
    """The events of a stream, read as strictly as the strictest client."""
    events = []
    for block in text.decode().split("\n\n")[:-1]:
        assert block.startswith("data: ")
        assert "\n" not in block
        assert "\r" not in block
        data = block.removeprefix("data: ")
        events.append(data if data == "[DONE]" else json.loads(data))
    return events


def _check_choice(choice: Any, part: str) -> None:  # noqa: ANN401 - JSON
    assert choice["finish_reason"] in FINISH_REASONS | {None}
    assert isinstance(choice["index"], int)
    for call in choice[part].get("tool_calls") or []:
        assert isinstance(call, dict)
        assert part == "message" or isinstance(call["index"], int)
        if (arguments := (call.get("function") or {}).get("arguments")) is not None:
            assert isinstance(arguments, str)


@given(WHOLE | ODD, SPELLING, st.booleans())
def test_a_whole_answer_is_readable_or_refused(body: object, spelling: tuple[int | None, bool], exclude: bool) -> None:  # noqa: FBT001 - drawn
    raw = _spelled(body, spelling[0], ascii_only=spelling[1]).encode()
    try:
        completion = ADAPTER.completion(raw)
        refuse_blank(completion)
    except UpstreamError:
        return
    for encoder in _encoders(reasoning={"exclude": exclude}):
        answer = json.loads(encoder.whole(completion, completion.usage or NO_USAGE, PRICE))
        for choice in answer["choices"]:
            if answer["object"] == "chat.completion":
                _check_choice(choice, "message")
                assert choice["message"]["role"] == "assistant"
                assert choice["message"]["content"] is None or isinstance(choice["message"]["content"], str)
                assert not (exclude and choice["message"].get("reasoning"))
            else:
                assert isinstance(choice["text"], str)


@given(st.lists(EVENT | ODD, max_size=4), SPELLING, st.integers(1, 60), st.booleans())
def test_a_stream_is_readable_or_refused(
    events: list[object],
    spelling: tuple[int | None, bool],
    size: int,
    exclude: bool,  # noqa: FBT001 - drawn
) -> None:
    texts = [_spelled(event, spelling[0], ascii_only=spelling[1]) for event in events]
    raw = "".join("".join(f"data: {line}\n" for line in text.split("\n")) + "\n" for text in texts) + "data: [DONE]\n\n"
    encoders = _encoders(stream=True, reasoning={"exclude": exclude})
    written = [b"" for _ in encoders]
    decoder = ADAPTER.decoder()
    try:
        pieces = [raw.encode()[at : at + size] for at in range(0, len(raw.encode()), size)]
        for feed in (*(lambda piece=piece: decoder.feed(piece) for piece in pieces), decoder.flush):
            chunks = feed()
            written = [text + encoder.chunks(chunks) for text, encoder in zip(written, encoders, strict=True)]
        written = [text + encoder.end(NO_USAGE, PRICE) for text, encoder in zip(written, encoders, strict=True)]
    except UpstreamError as error:
        written = [text + encoder.failed(error) for text, encoder in zip(written, encoders, strict=True)]
    for chunk in _read_stream(written[0]):
        for choice in chunk["choices"] if chunk != "[DONE]" else ():
            _check_choice(choice, "delta")
            assert not (exclude and choice["delta"].get("reasoning"))
    for chunk in _read_stream(written[1]):
        for choice in chunk["choices"] if chunk != "[DONE]" else ():
            assert isinstance(choice["text"], str)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.integers(1, 20))
def test_any_bytes_are_an_answer_or_an_upstream_error(data: bytes, size: int) -> None:
    for raw in (data, b'{"choices":[{"message":{"content":' + data + b"}}]}", b'{"error":' + data + b"}"):
        with suppress(UpstreamError):
            ADAPTER.completion(raw)
        decoder = ADAPTER.decoder()
        with suppress(UpstreamError):
            for at in range(0, len(raw), size):
                decoder.feed(b"data: " * (at == 0) + raw[at : at + size])
            decoder.feed(b"\n\n")
            decoder.flush()


@given(
    st.integers(100, 999),
    st.none() | st.text(max_size=40),
    st.binary(max_size=80) | ODD.map(json.dumps).map(str.encode),
)
def test_any_failure_is_understood(status: int, retry_after: str | None, body: bytes) -> None:
    error = ADAPTER.failure(status, retry_after, body)
    assert error.message
    assert error.message.isprintable()
    assert error.retry_after is None or 1 <= error.retry_after <= 3600
    json.loads(ChatSurface().refusal(error, None)[1])


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 01 Jan 0001 00:00:00 -0000",
        "Fri, 31 Dec 9999 23:59:59 -0000",
        "Fri, 31 Dec 9999 23:59:59 -2300",
        "Mon, 01 Jan 0001 00:00:00 +2300",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "1 Jan 99999 00:00",
    ],
)
def test_absurd_dates_to_retry_after_are_within_the_hour_or_nothing(date: str) -> None:
    error = ADAPTER.failure(429, date, b"")
    assert error.retry_after is None or 1 <= error.retry_after <= 3600


@pytest.mark.parametrize("broken", [b"\xff", b"\xed\xa0\x80", b"\xc3"])
def test_text_that_is_no_utf8_never_reaches_a_client(broken: bytes) -> None:
    whole = b'{"choices":[{"message":{"content":"a%bz"},"finish_reason":"stop"}]}' % broken
    with pytest.raises(UpstreamError):
        ADAPTER.completion(whole)
    decoder = ADAPTER.decoder()
    with pytest.raises(UpstreamError):
        decoder.feed(b'data: {"choices":[{"delta":{"content":"a%bz"}}]}\n\n' % broken)


@given(st.integers(1, 40))
def test_an_event_in_several_lines_reaches_the_client_in_one(size: int) -> None:
    delta = b'{"content":"a","annotations":[\ndata: 1]}'
    raw = b'data: {"choices":[{"delta":%b,"logprobs":{\ndata: "content":null}}]}\n\n' % delta
    decoder = ADAPTER.decoder()
    chunks = [chunk for at in range(0, len(raw), size) for chunk in decoder.feed(raw[at : at + size])]
    [event] = _read_stream(_encoders(stream=True)[0].chunks(chunks))
    assert event["choices"][0]["delta"]["content"] == "a"


def _completion(body: dict[str, Any]) -> Completion:
    return ADAPTER.completion(json.dumps(body).encode())


def test_numbers_beyond_all_bounds_are_no_mistake_of_ours() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": {"n": 10**400}}}
    completion = _completion({"choices": [{"message": {"tool_calls": [call]}}], "usage": {"prompt_tokens": 10**400}})
    assert completion.usage is None
