"""What programs share that measure what a piece of the gateway costs in processor time."""

from __future__ import annotations

import argparse
import gc
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from conformance.kit import adapter_of

__all__ = ["EVENTS", "SENTENCE", "chat_body", "first_text", "least", "options_of", "turns"]

EVENTS = 200
"""Events of the streams that are measured."""
SENTENCE = "The points are set, the signal is clear, and the train may pass. "
_SERIES = 40
_TEXT = re.compile(rb'"content":"[^"]')


def options_of(about: str | None) -> argparse.Namespace:
    """``seconds`` for each figure, and whether to ``enforce`` the musts; from now on nothing is collected."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.4, help="for each figure")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a must is missed")
    options = parser.parse_args()
    gc.collect()
    gc.freeze()
    return options


def turns() -> list[dict[str, Any]]:
    """A conversation of four turns."""
    before = []
    for _ in range(3):
        before += [{"role": "user", "content": SENTENCE * 4}, {"role": "assistant", "content": SENTENCE * 4}]
    return [*before, {"role": "user", "content": SENTENCE}]


def chat_body(**more: object) -> bytes:
    """Some 2 KiB: a system message, a conversation, the usual parameters, and *more* of them."""
    messages = [{"role": "system", "content": SENTENCE * 2}, *turns()]
    body = {"model": "acme/tiny", "messages": messages, "max_tokens": 256, "temperature": 0.5, "stop": ["END"]}
    return json.dumps(body | more).encode()


def first_text(dialect: str, frames: list[bytes]) -> int:
    """Which of *frames* first says a text."""
    decoder = adapter_of(dialect).decoder()
    for place, frame in enumerate(frames):
        for chunk in decoder.feed(frame):
            if any(_TEXT.search(bytes(choice.delta)) for choice in chunk.choices):
                return place
    raise LookupError("a stream without a text")


def least(call: Callable[[], object], seconds: float) -> float:
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
