"""What this installation has measured itself, as listings ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from turnout.domain.health import Speed

__all__ = ["Measured", "Speeds", "speed_of"]


class Measured(Protocol):
    """Asked on the event loop while a listing is made: answers from memory, at once."""

    def endpoint(self, endpoint_id: str, /) -> Mapping[str, Any] | None:
        """What is known of the endpoint of that id (``model|provider|tag``); None for nothing.

        Keys are those of the Endpoint object, each only where it is known: ``status`` (0 is healthy),
        ``uptime_last_5m``, ``uptime_last_30m`` and ``uptime_last_1d`` in per cent, ``latency_last_30m`` in milliseconds
        and ``throughput_last_30m`` in tokens per second, both as ``{p50, p75, p90, p99}``. Beside them stand
        ``tool_requests`` and ``tool_errors``, counts of answers with tool calls, which the object does not show.
        """

    @property
    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """The same of every endpoint that anything is known of, some seconds old: for who would ask for all."""

    def tokens_last_7_days(self, model_id: str, /) -> int | None:
        """Tokens that the model of that id has read and written in the last seven days; None or 0 for no traffic."""


class Speeds(Protocol):
    """Where it is kept how endpoints were."""

    async def add_speeds(self, speeds: Sequence[Speed], before: int) -> None:
        """Add *speeds*, but for those that are there already, and forget those from before that unix second."""

    async def speeds(self, endpoint_ids: Sequence[str], since: int, seconds: int) -> Sequence[Speed]:
        """Those of *endpoint_ids* after *since*, as means over stretches of *seconds*, in order of time.

        ``at`` is the end of a stretch.
        """


def speed_of(endpoint_id: str, at: int, figures: Mapping[str, Any]) -> Speed | None:
    """What *figures*, as :meth:`Measured.endpoint` gives them, tell of the half hour before *at*; None for nothing."""
    latency, throughput = (figures.get(f"{name}_last_30m") for name in ("latency", "throughput"))
    uptime = figures.get("uptime_last_30m")
    if uptime is None and latency is None and throughput is None:
        return None
    return Speed(
        endpoint_id=endpoint_id,
        at=at,
        uptime=uptime,
        latency_ms=latency and latency["p50"],
        slowest_ms=latency and latency["p90"],
        throughput=throughput and throughput["p50"],
    )
