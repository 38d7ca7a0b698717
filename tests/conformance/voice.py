"""A neutral answer, and one dialect as its provider speaks it: what a kit is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Call", "Kit", "Said", "event"]


@dataclass(frozen=True)
class Call:
    """A tool call of the model."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """A neutral answer. ``cached`` is part of ``prompt``, ``thinking`` (tokens) of ``completion``.

    ``signature`` is what the provider wants back with ``thought``, where it signs.
    """

    text: str = ""
    thought: str = ""
    signature: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    prompt: int = 11
    cached: int = 0
    completion: int = 7
    thinking: int = 0


@dataclass(frozen=True)
class Kit:
    """One dialect as its provider speaks it.

    Attributes:
        whole: the body of a 200 that says this.
        stream: the same as frames; joined, they are the stream.
        error: the body of a failure with this status and message.
        error_frame: the frame of a failure inside a stream; None where the dialect has none.
        model: the provider's name of a model that thinks and calls tools.
        provider: fields of the provider that the adapter needs.
        signs: thoughts are signed, and wanted back.
        counts_thinking: usage tells how many tokens were thoughts.
        lines: the stream is server-sent events, so that ends of lines and comments may vary.
        understood: parameters that are honoured without a change of the body, with the reason.
        refuses: kinds of parts that the provider has no words for, so that others are tried.
    """

    whole: Callable[[Said], bytes]
    stream: Callable[[Said], list[bytes]]
    error: Callable[[int, str], bytes]
    error_frame: Callable[[str], bytes] | None
    model: str = "tiny-1"
    provider: Mapping[str, Any] = field(default_factory=dict)
    signs: bool = True
    counts_thinking: bool = True
    lines: bool = True
    understood: Mapping[str, str] = field(default_factory=dict)
    refuses: frozenset[str] = frozenset()


def event(value: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = b"" if name is None else f"event: {name}\n".encode()
    return head + b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
