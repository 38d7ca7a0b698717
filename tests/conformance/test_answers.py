"""Every dialect: what a provider says is what the client reads, in one piece or in any pieces."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.hearing import Heard, hear_stream, hear_whole
from conformance.kit import DIALECTS, KITS, SECRET, adapter_of
from conformance.voice import Call, Kit, Said
from turnout.base.errors import UpstreamError
from turnout.domain.usage import COUNTS, Usage

CASES = {
    "text": Said(text="Grüße, 世界! 🎉 a\u2028b"),
    "long": Said(text="word " * 500, completion=500),
    "cut off": Said(text="Once upon", finish="length"),
    "thoughts": Said(
        text="4.", thought="Two and two, höchstens 🧮.", signature="c2lnbmVk+/==", completion=9, thinking=5
    ),
    "a call": Said(
        calls=(Call("call_1", "weather", {"city": "Ås", "days": [1, 2.5, None, {"x": True}]}),), finish="tool_calls"
    ),
    "a call without arguments": Said(calls=(Call("call_1", "now", {}),), finish="tool_calls"),
    "all": Said(
        text="Let me look.",
        thought="I need two tools.",
        signature="QUJD",
        calls=(Call("call_1", "weather", {"city": "Oslo"}), Call("call_2", "weather", {"city": 'Ro"me\\\n'})),
        finish="tool_calls",
        prompt=100,
        cached=60,
        completion=40,
        thinking=30,
    ),
}
NAMED = [pytest.param(KITS[name], name, id=name) for name in sorted(KITS)]


def test_every_dialect_has_a_kit() -> None:
    """A new dialect is tested once its provider's voice stands in ``kits``, by the name of the dialect."""
    assert [name for name in DIALECTS if name not in KITS] == []


def expect(heard: Heard, said: Said, kit: Kit) -> None:
    assert heard.text == said.text
    assert heard.thought == said.thought
    assert heard.calls == {one.id: (one.name, dict(one.arguments)) for one in said.calls}
    assert heard.finish == said.finish
    usage = heard.usage
    assert usage is not None
    assert not usage.estimated
    assert (usage.prompt_tokens, usage.completion_tokens) == (said.prompt, said.completion)
    assert usage.cache_read == said.cached
    if kit.counts_thinking:
        assert usage.reasoning == said.thinking
    if said.signature and kit.signs:
        assert said.signature in {value for detail in heard.details for value in detail.values()}


def cut(data: bytes, sizes: Iterator[int]) -> list[bytes]:
    pieces = []
    while data:
        size = next(sizes)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("kit", "dialect"), NAMED)
def test_a_whole_answer_says_what_the_provider_said(kit: Kit, dialect: str, case: str) -> None:
    expect(hear_whole(adapter_of(dialect), kit.whole(CASES[case])), CASES[case], kit)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("kit", "dialect"), NAMED)
def test_a_stream_says_the_same_however_it_is_cut(kit: Kit, dialect: str, case: str) -> None:
    frames, adapter = kit.stream(CASES[case]), adapter_of(dialect)
    whole = b"".join(frames)
    dice = random.Random(case)
    ways = [[whole], frames, [whole[at : at + 1] for at in range(len(whole))]]
    ways += [cut(whole, iter(lambda: dice.randint(1, 90), 0)) for _ in range(5)]
    ways += [[whole[:at], whole[at:]] for at in range(0, len(whole), max(1, len(whole) // 50))]
    heard = [hear_stream(adapter, way) for way in ways]
    for one in heard:
        expect(one, CASES[case], kit)
    assert len({repr(one.details) for one in heard}) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("case", ["text", "all"])
@pytest.mark.parametrize(("kit", "dialect"), [one for one in NAMED if KITS[str(one.id)].lines])
def test_ends_of_lines_and_comments_change_nothing(kit: Kit, dialect: str, case: str, end: str) -> None:
    comments = (b": keep-alive\n\n", b":\n\n", b"\n", b"retry: 100\n\n", b"id: 7\n\n")
    frames = [comments[at % 5] + frame for at, frame in enumerate(kit.stream(CASES[case]))]
    whole = b"".join(frames).replace(b"\n", end.encode())
    for size in (1, 2, 3, 7, len(whole)):
        expect(
            hear_stream(adapter_of(dialect), [whole[at : at + size] for at in range(0, len(whole), size)]),
            CASES[case],
            kit,
        )


@pytest.mark.parametrize(("kit", "dialect"), [one for one in NAMED if KITS[str(one.id)].lines])
def test_a_stream_whose_last_event_lacks_its_blank_line_is_whole(kit: Kit, dialect: str) -> None:
    whole = b"".join(kit.stream(CASES["all"])).rstrip(b"\n")
    expect(hear_stream(adapter_of(dialect), [whole]), CASES["all"], kit)


NUMBERS = st.integers(0, 10**7)


@pytest.mark.parametrize(("kit", "dialect"), NAMED)
@given(prompt=NUMBERS, cached=NUMBERS, completion=NUMBERS, thinking=NUMBERS)
def test_buckets_are_never_negative_and_sum_to_the_totals(
    kit: Kit, dialect: str, prompt: int, cached: int, completion: int, thinking: int
) -> None:
    said = Said(
        "x", prompt=prompt, cached=min(cached, prompt), completion=completion, thinking=min(thinking, completion)
    )
    adapter = adapter_of(dialect)
    for usage in (hear_whole(adapter, kit.whole(said)).usage, hear_stream(adapter, kit.stream(said)).usage):
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, completion)
        assert all(count >= 0 for count in buckets(usage))


def buckets(usage: Usage) -> list[int]:
    values = [getattr(usage, name) for name in COUNTS]
    return [value for value in values if isinstance(value, int) and not isinstance(value, bool)]


STATUSES = {
    400: ({"invalid_request", "context_length_exceeded", "unprocessable"}, {"model", "nowhere", "endpoint"}),
    401: (None, {"endpoint", "model"}),
    403: (None, {"endpoint", "model", "nowhere"}),
    404: (None, {"endpoint", "model"}),
    408: (None, {"endpoint"}),
    413: (None, {"endpoint", "model", "nowhere"}),
    422: (None, {"endpoint", "model", "nowhere"}),
    429: ({"rate_limit_exceeded"}, {"endpoint"}),
    500: (None, {"endpoint"}),
    502: (None, {"endpoint"}),
    503: (None, {"endpoint"}),
    529: (None, {"endpoint"}),
}
"""What a failure may be called, None for anything, and where another try may make sense."""


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("kit", "dialect"), NAMED)
def test_a_failure_is_told_with_the_providers_words_and_without_secrets(kit: Kit, dialect: str, status: int) -> None:
    types, elsewhere = STATUSES[status]
    error = adapter_of(dialect).failure(status, "7", kit.error(status, f"The provider's reason, with {SECRET} in it"))
    assert error.upstream_status == status
    assert types is None or error.error_type in types
    assert error.elsewhere in elsewhere
    assert error.retry_after == 7
    error.conceal([SECRET])
    told = f"{error} {error.message} {error.raw} {error.provider_code}"
    assert (
        status in {401, 403} or "The provider's reason" in told
    )  # what a provider says of a bad credential is ours to read
    assert SECRET not in told


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"[]", b"<html>Bad gateway</html>", b"\xff\xfe", b'{"error":', b'{"error":7}', b"[" * 5000,
     b'{"error":{"message":{"a":1},"code":[]}}', b'{"message":null}'],
)  # fmt: skip
@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_body_of_a_failure_is_a_failure(dialect: str, body: bytes) -> None:
    for status in (302, 400, 401, 429, 500, 599):
        assert isinstance(adapter_of(dialect).failure(status, "soon", body), UpstreamError)


@pytest.mark.parametrize("before", [0, 1, 3, 6])
@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize(("kit", "dialect"), [one for one in NAMED if KITS[str(one.id)].error_frame])
def test_a_failure_inside_a_stream_is_raised_and_what_came_before_it_is_passed_on(
    kit: Kit, dialect: str, before: int, size: int
) -> None:
    assert kit.error_frame is not None
    frames = kit.stream(CASES["text"])[:-1][:before]
    whole = b"".join([*frames, kit.error_frame("the provider is overloaded")])
    adapter = adapter_of(dialect)
    decoder = adapter.decoder()
    text = 0
    with pytest.raises(UpstreamError) as caught:  # noqa: PT012 - where it is raised depends on the cut
        for at in range(0, len(whole), size):
            text += sum(len(bytes(one.delta)) for chunk in decoder.feed(whole[at : at + size]) for one in chunk.choices)
        decoder.flush()
    assert "overloaded" in f"{caught.value.message} {caught.value.raw}"
    alone = hear_stream(adapter, frames).text if before > 3 else ""
    assert text >= len(alone.encode())


@pytest.mark.parametrize(("kit", "dialect"), NAMED)
def test_two_streams_at_once_do_not_mix(kit: Kit, dialect: str) -> None:
    adapter = adapter_of(dialect)
    one, other = b"".join(kit.stream(CASES["all"])), b"".join(kit.stream(CASES["text"]))
    first, second = adapter.decoder(), adapter.decoder()
    heard = []
    for at in range(0, max(len(one), len(other)), 5):
        first.feed(one[at : at + 5])
        heard += second.feed(other[at : at + 5])
    text = "".join(bytes(choice.delta).decode() for chunk in [*heard, *second.flush()] for choice in chunk.choices)
    assert "weather" not in text
    assert "Gr" in text
