"""What workers, of this machine and of others, hear from each other at once."""

from __future__ import annotations

import asyncio
import os
from typing import Final, final

from turnout.app.shared import Shared
from turnout.base.clock import SYSTEM_CLOCK
from turnout.engine.house import House
from turnout.health.exchange import HealthSharing

__all__ = ["Machines"]

_KEYS: Final = "keys"
_STICKY: Final = "sticky"
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OWNERS: Final = ("/keys", "/accounts", "/budgets", "/presets", "/byok", "/guardrails")


@final
class Machines:
    """Ties a worker to what is shared: keys that change, conversations that stay, health that is known elsewhere."""

    def __init__(self, house: House, shared: Shared, node: str) -> None:
        self._house = house
        self._bulletin = shared.bulletin
        self._bulletin.hear(_KEYS, lambda _: house.keys.look())
        self._sharing: HealthSharing | None = None
        if shared.health is not None:
            house.sticky.tell = lambda told: shared.bulletin.tell(_STICKY, told)
            self._bulletin.hear(_STICKY, lambda told: house.sticky.hear(told, SYSTEM_CLOCK.monotonic()))
            self._sharing = HealthSharing(house.health, shared.health, f"{node}/{os.getpid()}")

    def served(self, method: str, path: str) -> None:
        """A request of the control plane was answered: where it may have changed keys, all workers look at once."""
        if method in _WRITES and any(owner in path for owner in _OWNERS):
            self._house.keys.look()
            self._bulletin.tell(_KEYS, b"")

    async def run(self) -> None:
        """Tell and listen until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._bulletin.run())
            if self._sharing is not None:
                both.create_task(self._sharing.run())
