"""What is measured: the works, the figures read from them, and the limits that a release must keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from load import Run, Work

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CATALOG", "FIGURES", "QUICK", "WORKS", "Figure", "Limit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """Largest allowed value (must) and the one we would like (aim): of the ratio to nginx, or of the figure itself."""

    must: float
    aim: float | None = None
    of_ratio: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    name: str
    title: str
    unit: str
    work: str = ""
    """Name of the work it is read from; empty: measured on a freshly started gateway."""
    read: Callable[[Run], float | None] = lambda _run: None
    beyond_direct: bool = False
    """The same figure without a gateway is taken off: what remains is added by the gateway."""
    more_is_better: bool = False
    limit: Limit | None = None


def _reported(field: str) -> Callable[[Run], float | None]:
    return lambda run: run.reported(field)


def _cpu_per_request(run: Run) -> float | None:
    return run.cpu_us_per_request


def _cpu_per_chunk(run: Run) -> float | None:
    return run.cpu_us_per_chunk


# The chunk's cost is judged at 200 streams: at 50 most of it is the waking of an idle core, which varies by a third.
# Many short runs in turn rather than few long ones: a virtual machine's speed drifts within seconds.
WORKS = (
    Work("chat-64", connections=64),
    Work("chat-64-2k", connections=64, body_bytes=2 << 10),
    Work("chat-16-90k", connections=16, body_bytes=90 << 10),
    Work("streams-200", connections=200, streams=200, mock_model="mock-n200-g5"),
    Work("streams-50", connections=50, streams=50, mock_model="mock-n200-g5"),
    Work("streams-5", connections=5, streams=5, mock_model="mock-n200-g5"),
    Work("chat-1", connections=1),
    Work("chat-16", connections=16),
    Work("chat-256", connections=256, seconds=1.2),
    Work("rate-200", connections=64, per_second=200, seconds=1.5),
)

CATALOG = Work("models", connections=16, get_path="/models")
"""The listing of the offline catalog; nginx serves the same compressed bytes from a cached file."""

_REQUEST = Limit(must=4.0, aim=2.5, of_ratio=True)
_LATENCY = Limit(must=0.5)
_START = Limit(must=1.0)

FIGURES = (
    Figure("cpu-250", "CPU per request, 250 B, 64 connections", "us", "chat-64", _cpu_per_request, limit=_REQUEST),
    Figure("cpu-2k", "CPU per request, 2 KiB, 64 connections", "us", "chat-64-2k", _cpu_per_request, limit=_REQUEST),
    Figure(
        "cpu-90k",
        "CPU per request, 90 KiB prompt, 16 connections",
        "us",
        "chat-16-90k",
        _cpu_per_request,
        limit=Limit(must=2.0, of_ratio=True),
    ),
    Figure(
        "cpu-chunk",
        "CPU per relayed chunk, 200 streams",
        "us",
        "streams-200",
        _cpu_per_chunk,
        limit=Limit(must=1.8, aim=1.5, of_ratio=True),
    ),
    Figure("cpu-chunk-50", "CPU per relayed chunk, 50 streams", "us", "streams-50", _cpu_per_chunk),
    *(
        Figure(
            f"rate-{connections}",
            f"Throughput, 250 B, {connections} connection{'s' if connections > 1 else ''}",
            "/s",
            f"chat-{connections}",
            _reported("per_second"),
            more_is_better=True,
        )
        for connections in (1, 16, 64, 256)
    ),
    Figure("p99-256", "Latency p99, 250 B, 256 connections", "ms", "chat-256", _reported("latency_p99_ms")),
    Figure(
        "latency-1",
        "Added latency p50, one connection",
        "ms",
        "chat-1",
        _reported("latency_p50_ms"),
        beyond_direct=True,
        limit=_LATENCY,
    ),
    Figure(
        "latency-200",
        "Added latency p50, 200 requests/s",
        "ms",
        "rate-200",
        _reported("latency_p50_ms"),
        beyond_direct=True,
        limit=_LATENCY,
    ),
    Figure(
        "first-chunk",
        "Added time to first chunk p50, 5 streams",
        "ms",
        "streams-5",
        _reported("first_chunk_p50_ms"),
        beyond_direct=True,
    ),
    Figure(
        "chunk-delay",
        "Chunk delay p50, 50 streams at 200 chunks/s",
        "ms",
        "streams-50",
        _reported("chunk_delay_p50_ms"),
    ),
    Figure(
        "chunk-delay-p99",
        "Chunk delay p99, 50 streams at 200 chunks/s",
        "ms",
        "streams-50",
        _reported("chunk_delay_p99_ms"),
    ),
    Figure(
        "models",
        "CPU per GET /models, the offline catalog compressed",
        "us",
        read=_cpu_per_request,
        limit=Limit(must=2.0, of_ratio=True),
    ),
    Figure("silent-stream", "Memory per silent stream, 1,000 held", "KiB", limit=Limit(must=20.0)),
    Figure("idle-rss", "Memory when idle", "MB", limit=Limit(must=100.0)),
    Figure("start", "Start to first answer", "s", limit=_START),
    Figure("first-start", "First start ever to first answer (new data folder)", "s", limit=_START),
    Figure("default-start", "Start to /health, default configuration", "s", limit=Limit(must=2.0)),
)
"""All rows, in the order of the table."""

QUICK = ("cpu-250", "cpu-2k", "cpu-chunk")
"""The figures to watch while working: CPU time is by far the steadiest."""
