"""Outages per endpoint, told from the attempts of the last thirty seconds."""

from __future__ import annotations

from typing import Literal, final

__all__ = ["HealthBook"]

_WINDOW_SECONDS = 30.0
_SLOTS = 6
_SLOT_SECONDS = _WINDOW_SECONDS / _SLOTS
_MIN_ATTEMPTS = 5
_FAILURES_IN_A_ROW = 2
_MAX_ENDPOINTS = 50_000
"""Names of models on servers that serve whatever they are asked for are the clients' to choose."""


@final
class _Endpoint:
    """Answered and failed attempts in six slots of five seconds, and failures in a row."""

    __slots__ = ("answered", "failed", "in_a_row", "last_failure", "slot", "unreachable")

    def __init__(self) -> None:
        self.answered = [0] * _SLOTS
        self.failed = [0] * _SLOTS
        self.slot = 0
        self.in_a_row = 0
        self.unreachable = False
        self.last_failure = float("-inf")

    def turn_to(self, slot: int) -> int:
        """Empty the slots that time has passed over; the index of the present one."""
        if slot != self.slot:
            for passed in range(self.slot + 1, min(slot, self.slot + _SLOTS) + 1):
                self.answered[passed % _SLOTS] = self.failed[passed % _SLOTS] = 0
            self.slot = slot
        return slot % _SLOTS


@final
class HealthBook:
    """Remembers outcomes and tells an outage: a connection failure, two failures in a row, or at least five
    attempts of which half failed, within thirty seconds. One slow or failed answer condemns nobody.
    """

    def __init__(self) -> None:
        self._endpoints: dict[str, _Endpoint] = {}

    def answered(self, endpoint_id: str, now: float) -> None:
        """An attempt succeeded at *now* (monotonic seconds)."""
        endpoint = self._endpoints.get(endpoint_id) or self._begin(endpoint_id)
        endpoint.answered[endpoint.turn_to(int(now / _SLOT_SECONDS))] += 1
        endpoint.in_a_row = 0
        endpoint.unreachable = False

    def failed(self, endpoint_id: str, now: float, kind: Literal["error", "unreachable"]) -> None:
        """An attempt failed in a way that counts against the endpoint; *kind* says whether it was reached at all."""
        endpoint = self._endpoints.get(endpoint_id) or self._begin(endpoint_id)
        endpoint.failed[endpoint.turn_to(int(now / _SLOT_SECONDS))] += 1
        endpoint.in_a_row = endpoint.in_a_row + 1 if now - endpoint.last_failure <= _WINDOW_SECONDS else 1
        endpoint.unreachable = kind == "unreachable"
        endpoint.last_failure = now

    def _begin(self, endpoint_id: str) -> _Endpoint:
        """A new entry; the oldest makes room."""
        if len(self._endpoints) >= _MAX_ENDPOINTS:
            del self._endpoints[next(iter(self._endpoints))]
        endpoint = self._endpoints[endpoint_id] = _Endpoint()
        return endpoint

    def outage(self, endpoint_id: str, now: float) -> bool:
        """Whether the endpoint is better not tried first."""
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None or now - endpoint.last_failure > _WINDOW_SECONDS:
            return False
        if endpoint.unreachable or endpoint.in_a_row >= _FAILURES_IN_A_ROW:
            return True
        endpoint.turn_to(int(now / _SLOT_SECONDS))
        failed = sum(endpoint.failed)
        attempts = failed + sum(endpoint.answered)
        return attempts >= _MIN_ATTEMPTS and failed * 2 >= attempts
