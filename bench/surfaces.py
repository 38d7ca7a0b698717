"""Measures what the ways in cost: a request read and sent on, and what a stream's events become.

surfaces.py [--seconds S] [--enforce]    one Markdown table; some seconds, no other program needed

CPU time of this process per call, the least of many short series: what else runs on the machine hardly counts. The
column ``more`` is what a way in costs beyond chat completions to the same provider; where way in and provider speak the
same language, beyond chat completions to a provider of the OpenAI dialect, which pass through as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from series import EVENTS, SENTENCE, chat_body, first_text, least, options_of, turns

from conformance.kit import KITS, adapter_of, endpoint_of
from conformance.voice import Said
from turnout.api.chat import ChatSurface
from turnout.api.messages import MessagesSurface
from turnout.api.responses import ResponsesSurface
from turnout.base.money import Pico
from turnout.contracts.surface import Surface
from turnout.domain.usage import Cost, Usage

_REQUEST_MUST = 60.0
_CHUNK_MUST = 12.0
_SAME_MUSTS = (15.0, 0.5)
"""What is lost in the noise of a whole request, which takes ten times as long."""
_PRICE = Cost(Pico(0), Pico(0), Pico(0), Pico(0))
_DIALECTS = ("openai", "openai-responses", "anthropic", "google", "bedrock")


class _Way(NamedTuple):
    """A way in, the language that it shares with providers, and a body of 2 KiB."""

    surface: Surface
    language: str
    body: bytes


class _Figures(NamedTuple):
    """Microseconds."""

    request: float
    chunk: float


def main() -> int:
    """Print the table; the exit status is 1 when a must is missed under ``--enforce``."""
    options = options_of(__doc__)
    chat = _Way(ChatSurface(), "openai", chat_body(stream=True))
    base = {dialect: _figures(chat, dialect, options.seconds) for dialect in _DIALECTS}
    print("| way in | provider | request µs | more | must | chunk µs | more | must |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for dialect, figures in base.items():
        print(f"| chat | {dialect} | {figures.request:.1f} | | | {figures.chunk:.2f} | | |")
    missed = 0
    for name, way in _ways().items():
        for dialect in _DIALECTS:
            same = dialect == way.language
            found, usual = _figures(way, dialect, options.seconds), base["openai" if same else dialect]
            more, more_chunk = found.request - usual.request, found.chunk - usual.chunk
            musts = _SAME_MUSTS if same else (_REQUEST_MUST, _CHUNK_MUST)
            missed += more > musts[0] or more_chunk > musts[1]
            print(
                f"| {name} | {dialect} | {found.request:.1f} | {more:.1f} | ≤ {musts[0]:g}"
                f" | {found.chunk:.2f} | {more_chunk:.2f} | ≤ {musts[1]:g} |"
            )
    return 1 if missed and options.enforce else 0


def _ways() -> Mapping[str, _Way]:
    """All but chat."""
    messages, responses = MessagesSurface(), ResponsesSurface()
    return {
        "messages": _Way(messages, "anthropic", _messages_body()),
        "messages, in blocks": _Way(messages, "anthropic", _messages_body(blocks=True)),
        "responses": _Way(responses, "openai-responses", _responses_body()),
        "responses, in parts": _Way(responses, "openai-responses", _responses_body(parts=True)),
    }


def _figures(way: _Way, dialect: str, seconds: float) -> _Figures:
    adapter, endpoint, surface = adapter_of(dialect), endpoint_of(dialect), way.surface
    usage = Usage(fresh=512, completion=128)
    frames = KITS[dialect].stream(Said(text="clear ", prompt=512, completion=128))
    request = surface.decode(way.body)
    verbatim = adapter.outgoing(request, endpoint).verbatim
    place = first_text(dialect, frames)

    def asked() -> object:
        return adapter.outgoing(surface.decode(way.body), endpoint)

    def stream() -> None:
        decoder: Any = adapter.decoder()
        if verbatim:
            decoder.verbatim = True
        encoder = surface.encoder("gen-1", 1, request)
        encoder.served_by("acme/tiny", "Acme")
        for frame in frames[:place]:
            encoder.chunks(decoder.feed(frame))
        middle = frames[place]
        for _ in range(EVENTS):
            encoder.chunks(decoder.feed(middle))
        encoder.end(usage, _PRICE)

    return _Figures(least(asked, seconds), least(stream, seconds) / EVENTS)


def _messages_body(*, blocks: bool = False) -> bytes:
    """The same, in texts or in *blocks* of one text each."""

    def told(text: str) -> object:
        return [{"type": "text", "text": text}] if blocks else text

    messages = [turn | {"content": told(turn["content"])} for turn in turns()]
    body = {
        "model": "acme/tiny",
        "messages": messages,
        "max_tokens": 256,
        "temperature": 0.5,
        "stop_sequences": ["END"],
    }
    return json.dumps(body | {"stream": True, "system": told(SENTENCE * 2)}).encode()


def _responses_body(*, parts: bool = False) -> bytes:
    """The same, in texts or in *parts* of one text each; the language has no stop sequences."""

    def told(turn: dict[str, Any]) -> object:
        kind = "output_text" if turn["role"] == "assistant" else "input_text"
        return [{"type": kind, "text": turn["content"]}] if parts else turn["content"]

    items = [turn | {"content": told(turn)} for turn in turns()]
    body = {"model": "acme/tiny", "instructions": SENTENCE * 2, "input": items, "max_output_tokens": 256}
    return json.dumps(body | {"temperature": 0.5, "stream": True, "text": {"format": {"type": "text"}}}).encode()


if __name__ == "__main__":
    sys.exit(main())
