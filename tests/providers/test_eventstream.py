"""The binary event stream: whole messages however it is cut, and nothing from what is broken."""

from __future__ import annotations

from binascii import crc32
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.kits.bedrock import framed
from turnout.base.limits import MAX_EVENT_BYTES
from turnout.providers.eventstream import BrokenStream, Frame, FrameSplitter

NAMES = st.text("abcdefghijklmnopqrstuvwxyz:-", min_size=1, max_size=20)
MESSAGES = st.lists(st.tuples(st.dictionaries(NAMES, st.text(max_size=30), max_size=4), st.binary(max_size=300)))


def split(pieces: list[bytes]) -> list[Frame]:
    splitter = FrameSplitter()
    found = [frame for piece in pieces for frame in splitter.feed(piece)]
    assert not splitter.unfinished
    return found


@given(messages=MESSAGES, sizes=st.lists(st.integers(1, 200), min_size=1))
def test_messages_are_the_same_however_the_stream_is_cut(
    messages: list[tuple[dict[str, str], bytes]], sizes: list[int]
) -> None:
    stream = b"".join(framed(headers, payload) for headers, payload in messages)
    pieces: list[bytes] = []
    at = 0
    while at < len(stream):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream[at : at + size])
        at += size
    expected = [Frame(headers, payload) for headers, payload in messages]
    assert split(pieces) == expected
    assert split([stream]) == expected
    assert split([stream[at : at + 1] for at in range(len(stream))]) == expected


@given(payload=st.binary(max_size=80), data=st.data())
def test_no_flipped_bit_passes(payload: bytes, data: st.DataObject) -> None:
    stream = bytearray(framed({":event-type": "x"}, payload))
    at = data.draw(st.integers(0, len(stream) * 8 - 1))
    stream[at // 8] ^= 1 << at % 8
    splitter = FrameSplitter()
    with pytest.raises(BrokenStream):
        splitter.feed(bytes(stream))


@given(noise=st.binary(min_size=12, max_size=200))
def test_noise_is_refused_or_unfinished(noise: bytes) -> None:
    splitter = FrameSplitter()
    try:
        assert splitter.feed(noise) == []
    except BrokenStream:
        return
    assert splitter.unfinished


@pytest.mark.parametrize("length", [0, 15, 16 + 100 - 1, MAX_EVENT_BYTES + 1, 2**32 - 1])
def test_impossible_lengths_are_refused_at_once(length: int) -> None:
    start = pack(">II", length, 100)
    with pytest.raises(BrokenStream, match="length"):
        FrameSplitter().feed(start + pack(">I", crc32(start)))


def _with_headers(block: bytes) -> bytes:
    start = pack(">II", 16 + len(block), len(block))
    message = start + pack(">I", crc32(start)) + block
    return message + pack(">I", crc32(message))


def test_headers_of_every_type_are_passed_over_but_texts() -> None:
    block = b"".join(
        [
            b"\x01a\x00", b"\x01b\x01", b"\x01c\x02\x07", b"\x01d\x03\x00\x07", b"\x01e\x04" + bytes(4),
            b"\x01f\x05" + bytes(8), b"\x01g\x06\x00\x03xyz", b"\x01h\x07\x00\x02hi", b"\x01i\x08" + bytes(8),
            b"\x01j\x09" + bytes(16),
        ]
    )  # fmt: skip
    assert split([_with_headers(block)]) == [Frame({"h": "hi"}, b"")]


@pytest.mark.parametrize(
    "block",
    [b"\x05a", b"\x01a", b"\x01a\x0a", b"\x01a\x07", b"\x01a\x07\x00\x05hi", b"\x01a\x05\x00", b"\x01\xff\x00",
     b"\x01a\x07\x00\x01\xff"],
)  # fmt: skip
def test_headers_that_make_no_sense_are_refused(block: bytes) -> None:
    with pytest.raises(BrokenStream):
        FrameSplitter().feed(_with_headers(block))
