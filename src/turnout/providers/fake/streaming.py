"""An answer as a stream of server-sent events, with the faults that streams have."""

import zlib
from collections.abc import Iterator
from typing import Final

from turnout.providers.fake.answers import answer
from turnout.providers.fake.frames import Event, error_object, events
from turnout.providers.fake.steps import SURPLUS, Call, Done, Reset, Send, Silence, Step, Wait, chunked, cut, head
from turnout.providers.fake.words import Behaviour

__all__ = ["deliver_stream"]

_BROKEN: Final = b'{"id":"broken","choices":[{"index":0,"delta":{"content":"unfinis'


def deliver_stream(call: Call) -> Iterator[Step]:
    """The steps of the streamed answer to *call*. Pure."""
    behaviour = call.behaviour
    packer = _Packer(behaviour)
    extra = "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n" + packer.header
    yield Send(head(behaviour.status or 200, "text/event-stream; charset=utf-8", None, extra))
    for part in _stream_parts(call):
        if isinstance(part, bytes):
            yield from packer.sends(part)
        else:
            yield part
            if isinstance(part, Silence | Reset):
                return
    tail = packer.tail()
    if tail:
        yield Send(chunked(tail), tail)
    if behaviour.short:
        yield Done(close=True, outcome="closed")
    else:
        yield Done(b"0\r\n\r\n" + (SURPLUS if behaviour.surplus else b""))


def _stream_parts(call: Call) -> Iterator[bytes | Wait | Silence | Reset]:
    """The stream as texts of events, with the waits between them and the fault that ends it early."""
    behaviour = call.behaviour
    for number, payload in enumerate(_payloads(call)):
        if number and behaviour.gap_ms:
            yield Wait(behaviour.gap_ms)
        if payload is None:
            yield from cut(behaviour)
            return
        yield _event_text(behaviour, number, payload)


def _payloads(call: Call) -> Iterator[bytes | None]:
    """Payload of each event; None stands for the cut (a reset, or silence)."""
    behaviour = call.behaviour
    cuts = [count for count in (behaviour.reset_after, behaviour.stall_after) if count is not None]
    seen, broken = 0, False
    for event in _events(call):
        closing = event.kind == "closing"
        if any(seen >= count or closing for count in cuts):
            yield None
            return
        if behaviour.error_after is not None and (seen >= behaviour.error_after or closing):
            yield error_object(500, "The fake provider failed in the middle of its answer.")
            return
        if behaviour.malformed_after is not None and not broken and (seen >= behaviour.malformed_after or closing):
            broken = True
            yield _BROKEN
        yield event.payload
        seen += event.kind == "content"
    if not behaviour.no_done and not behaviour.no_finish:
        yield b"[DONE]"


def _events(call: Call) -> Iterator[Event]:
    asked, behaviour = call.asked, call.behaviour
    wants_usage = asked.stream_options is not None and bool(asked.stream_options.include_usage)
    usage = "no"
    if wants_usage and not behaviour.no_finish:
        usage = "twice" if behaviour.usage == "twice" else "yes"
    return events(call.envelope(), answer(asked, behaviour), usage=usage, endless=behaviour.endless)


def _event_text(behaviour: Behaviour, number: int, payload: bytes) -> bytes:
    end = behaviour.line_end.encode()
    lines = [b"data: " + payload, b"", b""]
    if behaviour.fields:
        lines[:0] = [b"event: message", b"id: %d" % number, b"retry: 1000", b"unheard-of: field"]
    if behaviour.comments:
        lines[:0] = [b": the fake provider is at work", b""]
    text = end.join(lines)
    return b"\xef\xbb\xbf" + text if behaviour.bom and number == 0 else text


class _Packer:
    """Turns texts into chunks of the transfer encoding: compressed, cut into single bytes, or as they are."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._slices = behaviour.slices
        self._compressor = zlib.compressobj(wbits=31) if behaviour.gzip else None
        self.header = "content-encoding: gzip\r\n" if behaviour.gzip else ""

    def sends(self, text: bytes) -> Iterator[Send]:
        if self._compressor is not None:
            text = self._compressor.compress(text) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        if not self._slices:
            yield Send(chunked(text), text)
            return
        for byte in text:
            one = bytes((byte,))
            yield Send(chunked(one), one)

    def tail(self) -> bytes:
        return b"" if self._compressor is None else self._compressor.flush()
