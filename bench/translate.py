"""Measures what it costs to say a request and to read an answer in each provider's language.

translate.py [--seconds S] [--enforce]    one Markdown table; some seconds, no other program needed

CPU time of this process per call, the least of many short series: what else runs on the machine hardly counts. The
column ``more`` is what a language costs beyond OpenAI's, which passes through nearly as it came: `must` limits it for
a request of 2 KiB with its whole answer, and for one event of a stream.
"""

from __future__ import annotations

import sys

from series import EVENTS, SENTENCE, chat_body, first_text, least, options_of

from conformance.kit import KITS, adapter_of, endpoint_of
from conformance.voice import Said
from turnout.api.chat import ChatSurface

_REQUEST_MUST = 60.0
_EVENT_MUST = 12.0


def main() -> int:
    """Print the table; the exit status is 1 when a must is missed under ``--enforce``."""
    options = options_of(__doc__)
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
    request, text = ChatSurface().decode(chat_body()), SENTENCE * 8
    kit = KITS[dialect]
    whole = kit.whole(Said(text=text, prompt=512, completion=128))
    frames = kit.stream(Said(text="clear ", prompt=512, completion=128))
    place = first_text(dialect, frames)
    head, middle = frames[:place], frames[place]

    def stream() -> None:
        decoder = adapter.decoder()
        for frame in head:
            decoder.feed(frame)
        for _ in range(EVENTS):
            decoder.feed(middle)

    return (
        least(lambda: adapter.outgoing(request, endpoint), seconds),
        least(lambda: adapter.completion(whole), seconds),
        least(stream, seconds) / EVENTS,
    )


if __name__ == "__main__":
    sys.exit(main())
