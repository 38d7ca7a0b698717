from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base import limits
from turnout.net import sse
from turnout.net.sse import EventSplitter, EventTooLarge

LINE_TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)


def _events(pieces: Sequence[bytes]) -> list[bytes]:
    splitter = EventSplitter()
    return [event for piece in pieces for event in splitter.feed(piece)] + splitter.flush()


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream in any legal spelling, with the events it holds."""
    ends = draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"]]))  # CR before LF would be one end
    noise = st.sampled_from(["", ": comment", "event: message", "id: 7", "retry: 10", "unknown", "data7: x"])
    text, end = draw(st.sampled_from(["", "\ufeff"])), ""
    expected: list[str] = []
    for lines in draw(st.lists(st.lists(LINE_TEXT, max_size=3), max_size=5)):
        for line in lines:
            written = "data" if not line and draw(st.booleans()) else f"data: {line}"
            for part in filter(None, (draw(noise), written)):
                text += part + draw(st.sampled_from(ends))
        if lines:
            expected.append("\n".join(lines))
        end = draw(st.sampled_from(ends))
        text += end
    if draw(st.booleans()):
        text = text.removesuffix(end)  # providers leave out the last blank line
    return text.encode(), [event.encode() for event in expected]


@given(streams(), st.data())
def test_every_legal_spelling_gives_the_same_events_under_any_slicing(
    stream: tuple[bytes, list[bytes]], data: st.DataObject
) -> None:
    text, expected = stream
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert _events(pieces) == _events([text]) == _events([bytes([c]) for c in text])
    assert _events(pieces) == expected


@given(st.binary(max_size=200), st.data())
def test_any_bytes_at_all_give_the_same_events_under_any_slicing(text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert _events(pieces) == _events([text])


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("data: a\n\ndata: b\n\n", ["a", "b"]),
        ("data:a\n\n", ["a"]),
        ("data:  a\n\n", [" a"]),
        ("data: a\ndata: b\n\n", ["a\nb"]),
        ("data\n\n", [""]),
        ("data:\ndata:\n\n", ["\n"]),
        ("\ufeffdata: a\n\n", ["a"]),
        ("data: a\r\rdata: b\r\n\r\n", ["a", "b"]),
        (": only a comment\n\n", []),
        ("event: ping\nid: 4\n\n", []),
        ("\n\n\n", []),
        ("data: a", ["a"]),
        ("data: a\n", ["a"]),
        (" data: a\n\n", []),
        ("data : a\n\n", []),
        ("DATA: a\n\n", []),
        ("data: a\u2028b\u0085c\u2029d\n\n", ["a\u2028b\u0085c\u2029d"]),
        ('data: {"a":\ndata: 1}\n\n', ['{"a":\n1}']),
    ],
)
def test_the_standard_is_followed(text: str, events: list[str]) -> None:
    assert _events([text.encode()]) == [event.encode() for event in events]


def test_a_mark_of_byte_order_counts_only_at_the_very_start() -> None:
    assert _events(["\ufeff\ufeffdata: a\n\n".encode()]) == []
    assert _events(["data: a\n\n\ufeffdata: b\n\n".encode()]) == [b"a"]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"data: ", *[b"x" * 100] * 20], id="no line end"),
        pytest.param([b"data: " + b"x" * 100 + b"\n"] * 20, id="many lines"),
        pytest.param([b"data:\n"] * 2_000, id="empty lines"),
        pytest.param([b": ", *[b"x" * 100] * 20], id="a comment"),
    ],
)
def test_an_event_that_never_ends_is_refused_at_the_cap(monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1_000)
    with pytest.raises(EventTooLarge):
        _events(pieces)


def test_whole_events_are_not_counted_against_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    splitter = EventSplitter()
    event = b"data: " + b"x" * 80 + b"\n\n"
    assert sum(len(splitter.feed(event * 10)) for _ in range(10)) == 100


def test_a_long_event_in_small_pieces_takes_time_in_proportion_to_its_length() -> None:
    splitter = EventSplitter()
    splitter.feed(b"data: ")
    for _ in range(2_000):
        splitter.feed(b"x" * 1_000)
    assert splitter.feed(b"\n\n") == [b"x" * 2_000_000]


def test_the_cap_leaves_room_for_images() -> None:
    assert limits.MAX_EVENT_BYTES >= 16 * 2**20
