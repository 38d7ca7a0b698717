"""What health costs: microseconds of CPU per recorded answer, per look-up of a plan, per judgement."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from turnout.health.book import HealthBook
from turnout.health.neighbour import LAYOUT, REGION_BYTES
from turnout.shared.regions import MappedRegions

_NAMES = [f"author/model-{number}|provider|provider" for number in range(300)]
_ROUNDS = 300


def _microseconds(work: Callable[[int], object], number: int) -> float:
    """CPU of one call of *work*, an empty call taken off; the best of three."""

    def taken(what: Callable[[int], object]) -> float:
        began = time.process_time()
        for place in range(number):
            what(place)
        return time.process_time() - began

    return max(min(taken(work) for _ in range(3)) - min(taken(lambda _: None) for _ in range(3)), 0.0) / number * 1e6


def main() -> None:
    """Print one row for each figure."""
    with tempfile.TemporaryDirectory() as folder:
        book = HealthBook(MappedRegions(Path(folder) / "health.map", REGION_BYTES, LAYOUT))
        clock = time.monotonic()

        def record(place: int) -> None:
            book.answered(_NAMES[place % 10], clock + place * 4e-5, 0.3, None, 55.0)
            if place % 6000 == 0:  # a pulse's worth at 25,000 requests per second
                book.pulse(clock + place * 4e-5)

        rows = [("answer, 25,000/s at 10 endpoints, pulses included", _microseconds(record, 60_000))]
        now = clock + 10
        for name in _NAMES:
            for _ in range(10):
                book.answered(name, now, 0.3, None, 55.0)
        for step in range(1, 60):
            book.pulse(now + step / 4)
        now += 20
        later = count(now, 0.3)
        rows += [
            ("look-up by a plan", _microseconds(lambda place: book.known.get(_NAMES[place % 300]), 100_000)),
            ("pulse, 300 endpoints, nothing new", _microseconds(lambda _: book.pulse(now), _ROUNDS)),
            (
                "pulse and judgement, 9 endpoints judged anew",
                _microseconds(lambda _: book.vitals(_NAMES[0], next(later)), _ROUNDS),
            ),
            ("listing of one endpoint", _microseconds(lambda _: book.listed(_NAMES[1], now), _ROUNDS)),
            ("failure", _microseconds(lambda place: book.failed(_NAMES[place % 300], now + place, "error"), _ROUNDS)),
            ("pulse, 300 endpoints in an outage", _microseconds(lambda _: book.pulse(now), _ROUNDS)),
        ]
        for name, cost in rows:
            print(f"{name:52} {cost:8.3f} us")
        book.close()


if __name__ == "__main__":
    main()
