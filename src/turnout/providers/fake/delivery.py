"""The steps in which an answer goes onto the wire, faults included: what to send, when to wait, how to end."""

import zlib
from collections.abc import Iterator
from typing import Final

from turnout.providers.fake.answers import answer, embeddings
from turnout.providers.fake.asked import dice
from turnout.providers.fake.errands import deliver_images, errand_reply
from turnout.providers.fake.frames import embedding_reply, error_object, whole
from turnout.providers.fake.steps import (
    JSON_TYPE,
    SURPLUS,
    Call,
    Done,
    Reset,
    Send,
    Silence,
    Step,
    Wait,
    chunked,
    cut,
    head,
    refusal,
)
from turnout.providers.fake.streaming import deliver_stream
from turnout.providers.fake.words import Behaviour

__all__ = ["deliver"]

_PARTS: Final = 4
_HTML: Final = b"<!doctype html><title>Fake provider</title><h1>Not what you wanted</h1>\n"


def deliver(call: Call) -> Iterator[Step]:
    """The steps that answer *call*. Pure."""
    behaviour = call.behaviour
    if behaviour.slow_ms:
        yield Wait(behaviour.slow_ms)
    if behaviour.hang:
        yield Silence("hung")
    elif behaviour.reset:
        yield Reset()
    elif _flaps(call):
        yield refusal(503, "The fake provider is down for this request.")
    elif behaviour.status is not None and not _is_success(behaviour.status):
        yield from _status(behaviour.status)
    elif behaviour.redirect is not None:
        place = f"http://127.0.0.1:{behaviour.redirect or call.port}/v1/redirected"
        yield Done(head(302, "", 0, f"location: {place}\r\n"))
    elif behaviour.html:
        yield Done(head(200, "text/html; charset=utf-8", len(_HTML)) + _HTML, _HTML)
    else:
        yield from _answer(call)


def _answer(call: Call) -> Iterator[Step]:
    """The steps of an answer that is given."""
    behaviour = call.behaviour
    if call.kind == "embedding":
        vectors, usage = embeddings(call.asked, behaviour)
        base64 = call.asked.encoding_format == "base64"
        yield from _deliver_whole(call, embedding_reply(call.asked.model, vectors, usage, base64=base64))
    elif call.kind == "image" and call.asked.stream:
        yield from deliver_images(call)
    elif call.asked.errand is not None:
        yield from _deliver_whole(call, *errand_reply(call))
    elif call.asked.stream:
        yield from deliver_stream(call)
    else:
        yield from _deliver_whole(call, whole(call.envelope(), answer(call.asked, behaviour)))


def _flaps(call: Call) -> bool:
    percent = call.behaviour.flap_percent
    if call.asked.seed is not None:
        return dice("flap", call.asked.root, call.asked.model) * 100 < percent
    return call.turn * percent // 100 > (call.turn - 1) * percent // 100


def _is_success(status: int) -> bool:
    return 200 <= status < 300 and status not in {204, 205}


def _status(status: int) -> Iterator[Step]:
    if status < 200:
        extra = "upgrade: fake\r\nconnection: upgrade\r\n" if status == 101 else ""
        yield Send(head(status, "", None, extra))
        yield Silence("stalled")
    elif status in {204, 304}:
        yield Done(head(status, "", None))
    elif status == 205:
        yield Done(head(status, "", 0))
    else:
        yield refusal(status, f"The fake provider was asked to answer with status {status}.")


def _deliver_whole(call: Call, payload: bytes, kind: str = JSON_TYPE) -> Iterator[Step]:
    behaviour = call.behaviour
    status = behaviour.status or 200
    if behaviour.malformed_after is not None:
        payload = payload[: len(payload) // 2]
    if behaviour.error_after is not None:
        payload = error_object(500, "The fake provider failed in the middle of its answer.")
    if behaviour.bom:
        payload = b"\xef\xbb\xbf" + payload
    extra = ""
    if behaviour.gzip:
        payload = _gzip_whole(payload)
        extra = "content-encoding: gzip\r\n"
    if behaviour.endless:
        yield from _endless_whole(call)
        return
    if behaviour.short:
        opening = head(status, kind, len(payload) + 64, extra)
        yield Done(opening + payload, payload, close=True, outcome="closed")
        return
    opening = head(status, kind, len(payload), extra)
    if behaviour.reset_after is not None or behaviour.stall_after is not None:
        part = payload[: len(payload) // 2]
        yield Send(opening + part, part)
        yield from cut(behaviour)
        return
    *parts, last = _parts(behaviour, payload)
    for part in parts:
        yield Send(opening + part, part)
        opening = b""
        if behaviour.gap_ms:
            yield Wait(behaviour.gap_ms)
    yield Done(opening + last + (SURPLUS if behaviour.surplus else b""), last)


def _parts(behaviour: Behaviour, payload: bytes) -> list[bytes]:
    """*payload* in one piece, in single bytes, or in four parts for pauses between them."""
    size = max(1, len(payload))
    if behaviour.slices:
        size = 1
    elif behaviour.gap_ms:
        size = -(-size // _PARTS)
    return [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]


def _endless_whole(call: Call) -> Iterator[Step]:
    """A JSON text whose one string never ends."""
    opening = head(call.behaviour.status or 200, JSON_TYPE, None, "transfer-encoding: chunked\r\n")
    part = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"lorem'
    yield Send(opening + chunked(part), part)
    while True:
        yield Wait(call.behaviour.gap_ms)
        yield Send(chunked(b" lorem ipsum"), b" lorem ipsum")


def _gzip_whole(payload: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=31)
    return compressor.compress(payload) + compressor.flush()
