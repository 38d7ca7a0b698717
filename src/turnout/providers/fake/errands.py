"""What the fake provider does beside conversations: it ranks, draws, speaks, listens and judges, all by rule."""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import msgspec

from turnout.base.multipart import BadForm, read_form
from turnout.providers.fake.asked import Asked, BadRequest
from turnout.providers.fake.frames import error_object
from turnout.providers.fake.steps import JSON_TYPE, Call, Done, Send, Step, Wait, chunked, cut, head

__all__ = ["ERRANDS", "deliver_images", "errand_reply", "read_errand"]

ERRANDS: Final = frozenset({"rerank", "image", "speech", "transcribe", "moderate"})

_SIDE: Final = 64  # pixels
_IMAGE_TOKENS: Final = 272
_SAMPLES_PER_CHARACTER: Final = 1_200  # a twentieth of a second
_RATE: Final = 24_000
_SILENT_FRAME: Final = b"\xff\xfb\x90\x64" + bytes(413)
"""26 ms of MP3 at 128 kbit/s."""
_BAD_WORDS: Final = {"violence": ("kill", "attack", "bomb"), "hate": ("hate",), "harassment": ("idiot", "stupid")}
_MOST_IMAGES: Final = 10


def read_errand(body: bytes) -> Asked:
    """The request in *body*, JSON or a form.

    Raises:
        BadRequest: it is neither, or a field is missing or wrong.
    """
    try:
        fields = _of_form(body) if body.startswith(b"--") else msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeError, BadForm) as error:
        raise BadRequest(str(error) or "nested too deeply") from error
    if not isinstance(fields.get("model"), str):
        raise BadRequest("model is missing")
    if not 1 <= int(fields.get("n") or 1) <= _MOST_IMAGES:
        raise BadRequest(f"n must be between 1 and {_MOST_IMAGES}")
    seed = fields.get("seed")
    stream = fields.get("stream") in {True, "true"}
    return Asked(
        fields["model"],
        stream=stream,
        seed=seed if isinstance(seed, int) else None,
        errand=fields,
        digest=sha256(body).hexdigest(),
    )


def errand_reply(call: Call) -> tuple[bytes, str]:
    """Body and media type of the answer. Pure."""
    fields = call.asked.errand or {}
    if call.kind == "speech":
        return _speech(fields)
    make = {"rerank": _ranking, "image": _images, "transcribe": _transcript, "moderate": _judgement}[call.kind]
    reply = make(fields)
    if call.behaviour.usage == "none":
        reply = {name: value for name, value in reply.items() if name not in {"usage", "meta", "duration"}}
    return msgspec.json.encode(reply), JSON_TYPE


def deliver_images(call: Call) -> Iterator[Step]:
    """The steps of a stream of images: drafts, then each image whole."""
    fields, behaviour = call.asked.errand or {}, call.behaviour
    reply = _images(fields)
    count = int(fields.get("partial_images") or 0)
    events: list[dict[str, Any]] = [
        {"type": "image_generation.partial_image", "partial_image_index": at, "b64_json": _draw(fields, 1_000 + at)}
        for at in range(count)
    ]
    events += [{"type": "image_generation.completed", "b64_json": image["b64_json"]} for image in reply["data"]]
    if behaviour.usage != "none":
        events[-1]["usage"] = reply["usage"]
    opening = head(200, "text/event-stream", None, "transfer-encoding: chunked\r\n")
    for number, event in enumerate(events):
        if number in {behaviour.reset_after, behaviour.stall_after}:
            yield Send(opening)
            yield from cut(behaviour)
            return
        if number == behaviour.error_after:
            data = error_object(500, "The fake provider failed in the middle of its answer.")
            yield Done(opening + chunked(b"data: %b\n\n" % data) + b"0\r\n\r\n", data)
            return
        data = b"event: %b\ndata: %b\n\n" % (event["type"].encode(), msgspec.json.encode(event))
        yield Send(opening + chunked(data), data)
        opening = b""
        if behaviour.gap_ms:
            yield Wait(behaviour.gap_ms)
    yield Done(b"0\r\n\r\n")


def _of_form(body: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for part in read_form(body):
        fields[part.name.removesuffix("[]")] = part.content if part.file is not None else part.content.decode()
    return fields


def _ranking(fields: dict[str, Any]) -> dict[str, Any]:
    """Documents by the share of the question's words that they hold."""
    asked = set(str(fields.get("query")).lower().split())
    texts = [one if isinstance(one, str) else str(one.get("text", "")) for one in fields.get("documents") or ()]
    scores = [len(asked & set(text.lower().split())) / max(1, len(asked)) for text in texts]
    ranked = sorted(range(len(texts)), key=lambda at: (-scores[at], at))[: fields.get("top_n") or len(texts)]
    tokens = sum(-(-len(text) // 4) for text in texts)
    return {
        "id": "rerank-fake",
        "results": [{"index": at, "relevance_score": scores[at]} for at in ranked],
        "usage": {"total_tokens": tokens},
        "meta": {"billed_units": {"search_units": -(-len(texts) // 100)}},
    }


def _images(fields: dict[str, Any]) -> dict[str, Any]:
    count = int(fields.get("n") or 1)
    prompt = -(-len(str(fields.get("prompt"))) // 4)
    written = count * _IMAGE_TOKENS
    usage = {"input_tokens": prompt, "output_tokens": written, "total_tokens": prompt + written}
    return {"created": 0, "data": [{"b64_json": _draw(fields, at)} for at in range(count)], "usage": usage}


def _draw(fields: dict[str, Any], number: int) -> str:
    """A PNG of two colours that the prompt and *number* choose, from the one to the other."""
    red, green, blue, *other = sha256(f"{fields.get('prompt')} {fields.get('seed')} {number}".encode()).digest()[:6]
    rows = bytearray()
    for row in range(_SIDE):
        share = row / (_SIDE - 1)
        mixed = [round(a + (b - a) * share) for a, b in zip((red, green, blue), other, strict=True)]
        rows += b"\0" + bytes(mixed) * _SIDE
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def _speech(fields: dict[str, Any]) -> tuple[bytes, str]:
    """A tone for each character, a twentieth of a second long; MP3 is silent."""
    text = str(fields.get("input"))
    form = fields.get("response_format") or "mp3"
    if form == "mp3":
        return _SILENT_FRAME * max(1, len(text) * 2), "audio/mpeg"
    samples = array("h")
    for character in text:
        step = 2 * math.pi * (200 + ord(character) % 64 * 10) / _RATE
        samples.extend(round(8_000 * math.sin(step * at)) for at in range(_SAMPLES_PER_CHARACTER))
    pcm = samples.tobytes()
    if form == "wav":
        size = len(pcm)
        top = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, _RATE, _RATE * 2, 2, 16)
        return top + struct.pack("<4sI", b"data", size) + pcm, "audio/wav"
    return pcm, "audio/pcm"


def _transcript(fields: dict[str, Any]) -> dict[str, Any]:
    """How much sound there was: seconds of a WAV file, bytes of anything else."""
    sound = fields.get("file")
    content = sound if isinstance(sound, bytes) else b""
    seconds = None
    if content[:4] == b"RIFF" and (rate := int.from_bytes(content[28:32], "little")):
        seconds = max(0, len(content) - 44) / rate
    text = f"I heard {len(content)} bytes of sound." if seconds is None else f"I heard {seconds:g} seconds of sound."
    reply: dict[str, Any] = {"text": text}
    if seconds is not None:
        reply["usage"] = {"type": "duration", "seconds": seconds}
    if fields.get("response_format") == "verbose_json":
        end = seconds or 1.0
        reply |= {"task": "transcribe", "language": fields.get("language") or "english", "duration": end}
        reply["segments"] = [{"id": 0, "start": 0.0, "end": end, "text": text}]
        words = text.rstrip(".").split()
        span = end / len(words)
        reply["words"] = [{"word": word, "start": at * span, "end": (at + 1) * span} for at, word in enumerate(words)]
    return reply


def _judgement(fields: dict[str, Any]) -> dict[str, Any]:
    """Texts are judged by a few words."""
    given = fields.get("input")
    parts = given if isinstance(given, list) else [given]
    texts = [str(one.get("text", "")) if isinstance(one, dict) else str(one) for one in parts]
    if any(isinstance(one, dict) for one in parts):
        texts = [" ".join(texts)]
    results = []
    for text in texts:
        words = set(text.lower().replace("!", " ").replace(".", " ").split())
        hits = {name: bool(words.intersection(bad)) for name, bad in _BAD_WORDS.items()}
        scores = {name: 0.9 if hit else 0.01 for name, hit in hits.items()}
        results.append({"flagged": any(hits.values()), "categories": hits, "category_scores": scores})
    return {"id": "modr-fake", "model": fields["model"], "results": results}
