"""What this installation has measured itself, as listings ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, final

__all__ = ["NOTHING_MEASURED", "Measured"]


class Measured(Protocol):
    """Asked on the event loop while a listing is made: answers from memory, at once."""

    def endpoint(self, endpoint_id: str, /) -> Mapping[str, Any] | None:
        """What is known of the endpoint of that id (``model|provider|tag``); None for nothing.

        Keys are those of the Endpoint object, each only where it is known: ``status`` (0 is healthy),
        ``uptime_last_5m``, ``uptime_last_30m`` and ``uptime_last_1d`` in per cent, ``latency_last_30m`` in milliseconds
        and ``throughput_last_30m`` in tokens per second, both as ``{p50, p75, p90, p99}``. Beside them stand
        ``tool_requests`` and ``tool_errors``, counts of answers with tool calls, which the object does not show.
        """
        ...

    def tokens_last_7_days(self, model_id: str, /) -> int | None:
        """Tokens that the model of that id has read and written in the last seven days; None or 0 for no traffic."""
        ...


@final
class _Nothing:
    def endpoint(self, _endpoint_id: str, /) -> Mapping[str, Any] | None:
        return None

    def tokens_last_7_days(self, _model_id: str, /) -> int | None:
        return None


NOTHING_MEASURED: Measured = _Nothing()
"""Knows nothing: for listings without a health book."""
