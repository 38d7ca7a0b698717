"""What machines tell each other: state beyond one machine's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from turnout.domain.account import Key

__all__ = ["AnswerMemory", "Bulletin", "Claim", "HealthExchange", "Pace", "ReasoningMemory"]


class Bulletin(Protocol):
    """Tells all workers, and all machines where there are several, something small.

    It is a convenience: what is told may be lost, so whoever listens also looks by himself from time to time, or can
    do without.
    """

    def tell(self, topic: str, text: bytes) -> None:
        """Let everybody but this worker hear *text*. Waits for nothing and never fails."""

    def hear(self, topic: str, listener: Callable[[bytes], None]) -> None:
        """Call *listener* with what others tell under *topic*. To be said before :meth:`run`."""

    async def run(self) -> None:
        """Listen until cancelled."""


class HealthExchange(Protocol):
    """Passes health windows between the machines of one installation.

    A window block is opaque here: it holds times that are close to unix time, and is read like a region that another
    worker has written, so that nothing is merged before it is read and a machine that is gone ages out by itself.
    """

    async def publish(self, machine: str, blocks: Mapping[str, bytes], seconds: int) -> None:
        """Replace this machine's *blocks* by endpoint id; they are forgotten after *seconds*.

        A machine of several workers shows them in parts, as ``<machine>/<part>``.

        Raises:
            Unavailable: the exchange cannot be reached; the machine goes on with what it knows itself.
        """

    async def others(self, machine: str) -> Mapping[str, Sequence[bytes]]:
        """The blocks of all machines but this one, in whatever parts, by endpoint id.

        Raises:
            Unavailable: the exchange cannot be reached.
        """


class ReasoningMemory(Protocol):
    """Keeps the reasoning of answers that called tools, for clients that send the calls back without it.

    It is a convenience: what cannot be kept or found is left out, and nothing is ever raised for it.
    """

    async def keep(self, names: Sequence[bytes], reasoning: bytes) -> None:
        """Remember *reasoning* under each of *names* for about an hour, or not at all."""

    async def find(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        """What is remembered under each of *names*."""

    def close(self) -> None:
        """Give back what is held open."""


class Claim(NamedTuple):
    """What came of claiming a name: ``mine`` gives it up again, where it was free; else ``found`` is what stands there,
    or None where that has just gone.
    """

    mine: bytes | None
    found: bytes | None


class AnswerMemory(Protocol):
    """Keeps answers under names that tell nothing, each for a time of its own.

    What waits may raise Unavailable: the memory cannot be asked, or not in time. An answer that was kept is found by
    other workers at once, and after a kill of all processes; which of them make room when there are too many is the
    memory's own business.
    """

    async def find(self, name: bytes) -> bytes | None:
        """What is kept under *name*."""

    async def keep(self, name: bytes, answer: bytes, seconds: float) -> None:
        """Keep *answer* under *name* for *seconds*, in place of what is there."""

    async def claim(self, name: bytes, note: bytes, seconds: float) -> Claim:
        """Keep *note* under *name* for *seconds* unless something is there: of many who try, one succeeds."""

    def renew(self, name: bytes, claim: bytes, seconds: float) -> None:
        """Let a claim of ours hold for *seconds* from now on. Waits for nothing and never fails."""

    def release(self, name: bytes, claim: bytes) -> None:
        """Give a claim of ours up, unless an answer has taken its place. Waits for nothing and never fails."""

    async def close(self) -> None:
        """Give back what is held open."""


class Pace(Protocol):
    """Counts the requests and tokens of keys over the last minute, and says when one is over its limits.

    It never raises: where the count of all machines cannot be had, each counts for itself.
    """

    async def take(self, key: Key, requests: int, tokens: int, now: float) -> float | None:
        """Count *requests* and *tokens* of *key* at *now* (unix seconds), or count nothing and say in how many seconds
        they may be let in.

        Zero requests are never refused: that is how what an answer has really used is put right, also downwards. A
        request of more tokens than a minute allows is let in when nothing else was counted.
        """

    async def close(self) -> None:
        """Give back what is held open."""
