"""Measures what it costs to say a request and to read an answer in each provider's language.

translate.py [--seconds S] [--enforce]    one Markdown table; some seconds, no other program needed

CPU time of this process per call, the least of many short series: what else runs on the machine hardly counts. The
column ``more`` is what a language costs beyond OpenAI's, which passes through nearly as it came: `must` limits it for
a request of 2 KiB with its whole answer, and for one event of a stream.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from conformance.kit import KITS, adapter_of, endpoint_of
from conformance.voice import Said
from turnout.api.chat import ChatSurface
from turnout.contracts.provider import ChunkDecoder
from turnout.domain.chat import ChatRequest

_REQUEST_MUST = 60.0
_EVENT_MUST = 12.0
_EVENTS = 200
_SERIES = 40
_SENTENCE = "The points are set, the signal is clear, and the train may pass. "


def main() -> int:
    """Print the table; the exit status is 1 when a must is missed under ``--enforce``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.4, help="for each figure")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a must is missed")
    options = parser.parse_args()
    gc.collect()
    gc.freeze()
    figures = {
        name: _figures(name, options.seconds) for name in sorted(KITS, key=lambda name: (name != "openai", name))
    }
    base = figures["openai"]
    print("| language | request µs | answer µs | both, more | must | event µs | more | must |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    missed = 0
    for name, (request, answer, event) in figures.items():
        more, more_event = request + answer - base[0] - base[1], event - base[2]
        missed += more > _REQUEST_MUST or more_event > _EVENT_MUST
        print(
            f"| {name} | {request:.1f} | {answer:.1f} | {more:.1f} | ≤ {_REQUEST_MUST:g}"
            f" | {event:.2f} | {more_event:.2f} | ≤ {_EVENT_MUST:g} |"
        )
    return 1 if missed and options.enforce else 0


def _figures(dialect: str, seconds: float) -> tuple[float, float, float]:
    """Microseconds of a request, a whole answer, and one event."""
    adapter, endpoint = adapter_of(dialect), endpoint_of(dialect)
    request, text = _request(), _SENTENCE * 8
    kit = KITS[dialect]
    whole = kit.whole(Said(text=text, prompt=512, completion=128))
    frames = kit.stream(Said(text="clear ", prompt=512, completion=128))
    place = _first_text(adapter.decoder(), frames)
    head, middle = frames[:place], frames[place]

    def stream() -> None:
        decoder = adapter.decoder()
        for frame in head:
            decoder.feed(frame)
        for _ in range(_EVENTS):
            decoder.feed(middle)

    return (
        _least(lambda: adapter.outgoing(request, endpoint), seconds),
        _least(lambda: adapter.completion(whole), seconds),
        _least(stream, seconds) / _EVENTS,
    )


def _first_text(decoder: ChunkDecoder, frames: list[bytes]) -> int:
    """Which of *frames* first says a text."""
    for place, frame in enumerate(frames):
        for chunk in decoder.feed(frame):
            if any(b'"content":"' in bytes(choice.delta) for choice in chunk.choices):
                return place
    raise LookupError("a stream without a text")


def _request() -> ChatRequest:
    """Some 2 KiB: a system message, a conversation of four turns, the usual parameters."""
    turns = [{"role": "system", "content": _SENTENCE * 2}]
    for _ in range(3):
        turns += [{"role": "user", "content": _SENTENCE * 4}, {"role": "assistant", "content": _SENTENCE * 4}]
    turns.append({"role": "user", "content": _SENTENCE})
    body = {"model": "acme/tiny", "messages": turns, "max_tokens": 256, "temperature": 0.5, "stop": ["END"]}
    return ChatSurface().decode(json.dumps(body).encode())


def _least(call: Callable[[], object], seconds: float) -> float:
    """CPU microseconds of one call: the least mean of many short series."""
    call()
    began = time.process_time()
    call()
    number = max(1, int(seconds / _SERIES / max(1e-6, time.process_time() - began)))
    best = float("inf")
    for _ in range(_SERIES):
        began = time.process_time()
        for _ in range(number):
            call()
        best = min(best, (time.process_time() - began) / number)
    return best * 1e6


if __name__ == "__main__":
    sys.exit(main())
