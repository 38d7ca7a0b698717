"""Runs the examples of one Python framework, by a Python that has it; prints a line of JSON for each."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

__all__ = ["KEY", "PROMPT", "URL", "Examples", "Heard", "add_recorded", "run", "weather"]

URL = os.environ.get("TURNOUT_URL", "")
KEY = os.environ.get("TURNOUT_KEY", "")
PROMPT = "Hello, Turnout!"

Examples = dict[str, Callable[[], Awaitable[None]]]


class Heard(NamedTuple):
    """What a client reads of an answer; calls are names and arguments."""

    text: str
    calls: Sequence[tuple[str, Any]]


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {type(city).__name__}"


def add_recorded(examples: Examples, client: str, hear: Callable[[str, bool], Awaitable[Heard]]) -> None:
    """One example for each recorded answer; one that came in a piece is heard streamed, too."""

    def add(exchange: dict[str, Any], *, streamed: bool) -> None:
        async def example() -> None:
            text, calls = await hear(exchange["model"], streamed)
            assert text == exchange["text"], text
            expected = [(call["name"], json.loads(call["arguments"] or "{}")) for call in exchange["calls"]]
            assert list(calls) == expected, calls

        examples[f"{client}: {exchange['model']} {'streamed' if streamed else 'whole'}"] = example

    for exchange in json.loads(os.environ.get("RECORDED", "[]")):
        for streamed in (True,) if exchange["streamed"] else (False, True):
            add(exchange, streamed=streamed)


async def run(examples: Examples) -> None:
    """Run them one after the other."""
    for name, example in examples.items():
        failure = None
        try:
            await example()
        except Exception:  # noqa: BLE001 - whatever a framework raises is told
            failure = traceback.format_exc()[-3000:]
        print(json.dumps({"example": name, "failure": failure}), flush=True)  # noqa: T201 - to who runs it
