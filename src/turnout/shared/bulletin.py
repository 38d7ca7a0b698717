"""The bulletin of a worker that is alone: nobody is told, and nothing is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import final

__all__ = ["SilentBulletin"]


@final
class SilentBulletin:
    """A :class:`turnout.contracts.shared.Bulletin` without readers."""

    def tell(self, topic: str, text: bytes) -> None:
        """Nobody is there."""

    def hear(self, topic: str, listener: Callable[[bytes], None]) -> None:
        """Nothing will come."""

    async def run(self) -> None:
        """Wait until cancelled."""
        await asyncio.Event().wait()
