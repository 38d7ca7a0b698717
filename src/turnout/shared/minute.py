"""How much was counted in the last minute, in cells of 64 bits: a list of one process, or memory that several map.

A minute is 15 ticks of 4 seconds and the one under way, so that what is counted stays for 60 to 64 seconds, and no
60 seconds ever hold more than the limit.
"""

from __future__ import annotations

from typing import Final, Protocol

__all__ = ["CELLS", "TICK_SECONDS", "WINDOW", "Cells", "take"]

TICK_SECONDS: Final = 4
WINDOW: Final = 16  # ticks that count
_TICK, _REQUESTS, _TOKENS, _RINGS = 0, 1, 2, 3
CELLS: Final = _RINGS + 2 * WINDOW
"""The newest tick, the sums of requests and tokens, and both by tick: its number modulo ``WINDOW``."""


class Cells(Protocol):
    """Integers by their number."""

    def __getitem__(self, place: int, /) -> int: ...

    def __setitem__(self, place: int, number: int, /) -> None: ...


def take(
    cells: Cells, at: int, amounts: tuple[int, int], limits: tuple[int | None, int | None], now: float
) -> float | None:
    """Count *amounts* (requests, tokens) at *now* (unix seconds) in the cells from *at* on, or say how many seconds are
    to be waited until they fit into *limits* (None: there is none).
    """
    tick = int(now) // TICK_SECONDS
    newest = cells[at]
    if tick != newest:
        tick = _advance(cells, at, tick)
    requests, tokens = amounts
    counted, used = cells[at + _REQUESTS], cells[at + _TOKENS]
    if requests:
        most, most_tokens = limits
        wait = 0.0
        if most is not None and counted + requests > most:
            wait = _wait(cells, at, at + _RINGS, most - requests, now)
        if most_tokens is not None and used and used + tokens > most_tokens:
            wait = max(wait, _wait(cells, at, at + _RINGS + WINDOW, most_tokens - tokens, now))
        if wait:
            return wait
    elif tokens < 0:
        _remove(cells, at, -tokens)
        return None
    place = at + _RINGS + tick % WINDOW
    cells[at + _REQUESTS] = counted + requests
    cells[place] += requests
    cells[at + _TOKENS] = used + tokens
    cells[place + WINDOW] += tokens
    return None


def _advance(cells: Cells, at: int, tick: int) -> int:
    """Forget what is older than a minute; the tick to count in."""
    newest = cells[at]
    if newest - WINDOW < tick < newest:
        return newest  # the clock was set back a little
    rings = at + _RINGS
    gone = range(newest + 1, tick + 1) if newest < tick < newest + WINDOW else range(WINDOW)
    for one in gone:
        cells[rings + one % WINDOW] = cells[rings + WINDOW + one % WINDOW] = 0
    # Summed anew each time, so that a process that was killed between two cells has done no lasting harm.
    cells[at + _REQUESTS] = sum([cells[place] for place in range(rings, rings + WINDOW)])
    cells[at + _TOKENS] = sum([cells[place] for place in range(rings + WINDOW, rings + 2 * WINDOW)])
    cells[at] = tick
    return tick


def _wait(cells: Cells, at: int, ring: int, room: int, now: float) -> float:
    """Seconds until no more than *room* is counted in the ring that begins there."""
    newest = oldest = cells[at]
    left = sum([cells[place] for place in range(ring, ring + WINDOW)])
    for oldest in range(newest - WINDOW + 1, newest + 1):
        left -= cells[ring + oldest % WINDOW]
        if left <= room:
            break
    return (oldest + WINDOW) * TICK_SECONDS - now


def _remove(cells: Cells, at: int, tokens: int) -> None:
    """Take *tokens* back, those counted last first, and no more than there are."""
    newest = cells[at]
    for age in range(WINDOW):
        place = at + _RINGS + WINDOW + (newest - age) % WINDOW
        taken = min(tokens, cells[place])
        cells[place] -= taken
        cells[at + _TOKENS] -= taken
        tokens -= taken
        if not tokens:
            return
