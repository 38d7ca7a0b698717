"""What machines tell each other: state beyond one machine's memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

__all__ = ["HealthExchange", "ReasoningMemory"]


class HealthExchange(Protocol):
    """Passes health windows between the machines of one installation.

    A window block is opaque here: it holds times that are close to unix time, and is read like a region that another
    worker has written, so that nothing is merged before it is read and a machine that is gone ages out by itself.
    """

    async def publish(self, machine: str, blocks: Mapping[str, bytes], seconds: int) -> None:
        """Replace this machine's *blocks* by endpoint id; they are forgotten after *seconds*.

        Raises:
            Unavailable: the exchange cannot be reached; the machine goes on with what it knows itself.
        """
        ...

    async def others(self, machine: str) -> Mapping[str, Sequence[bytes]]:
        """The blocks of all machines but this one, by endpoint id.

        Raises:
            Unavailable: the exchange cannot be reached.
        """
        ...


class ReasoningMemory(Protocol):
    """Keeps the reasoning of answers that called tools, for clients that send the calls back without it.

    It is a convenience: what cannot be kept or found is left out, and nothing is ever raised for it.
    """

    async def keep(self, names: Sequence[bytes], reasoning: bytes) -> None:
        """Remember *reasoning* under each of *names* for about an hour, or not at all."""
        ...

    async def find(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        """What is remembered under each of *names*."""
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...
