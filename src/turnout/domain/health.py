"""What is known of an endpoint's present state: what routing reads and listings show."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["UNKNOWN", "Speed", "Spread", "Standing", "Vitals"]

Standing = Literal["normal", "lowered", "last"]
"""By uptime: at least 95 %, 80 to 94 %, below. Source: OpenRouter, "Uptime"."""


class Spread(Struct, frozen=True):
    """Percentiles of a distribution; *p90* of a throughput is what 90 % of the requests reach: it falls as p rises."""

    p50: float
    p75: float
    p90: float
    p99: float


class Vitals(Struct, frozen=True):
    """One endpoint at one moment, as routing reads it.

    Attributes:
        outage: not to be tried first. An outage is a connection failure, two 5xx in a row, or at least five attempts
            and half of them failing within 30 s.
        probing: the outage is due to be tested again: one request may try it as if it were well. With its first
            attempt this is taken back, and comes again half a minute later or so if the outage goes on.
        standing: by uptime, once there are at least 100 attempts.
        uptime: per cent of the attempts that went well, over the 5 minutes if they had 100 attempts, else over the 30;
            None with fewer than 100 in both. Rate limits and requests that the client got wrong are left out.
        limited_until: monotonic second until which it has asked to be spared (429 with a hint), else 0.
        latency: seconds to the first token over the last 5 minutes, None without enough data. Where nobody streams,
            it is that of whole answers.
        throughput: tokens per second over the same time.
        tool_requests: answers that ended in tool calls within 2 hours.
        tool_errors: those of them with a call that made no sense.
        requests: attempts of the last 30 minutes.
        slowed: its median latency of the last 5 minutes is far above that of the half hour before, with ten answers in
            each: a brown-out. What stays slow is no longer called so after half an hour.
    """

    outage: bool = False
    probing: bool = False
    standing: Standing = "normal"
    limited_until: float = 0.0
    latency: Spread | None = None
    throughput: Spread | None = None
    tool_requests: int = 0
    tool_errors: int = 0
    requests: int = 0
    uptime: float | None = None
    slowed: bool = False


UNKNOWN = Vitals()
"""An endpoint that nothing is known of."""


class Speed(Struct, frozen=True, kw_only=True):
    """How an endpoint was in the half hour before *at*, or in several; None where too little was asked of it.

    Attributes:
        at: unix seconds.
        uptime: per cent of the attempts that went well.
        latency_ms: median to the first token; *slowest_ms* is what one of ten exceeds.
        throughput: median, tokens per second.
    """

    endpoint_id: str
    at: int
    uptime: float | None = None
    latency_ms: float | None = None
    slowest_ms: float | None = None
    throughput: float | None = None
