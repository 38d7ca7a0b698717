"""Counts of one worker, kept as plain integers and written out for Prometheus when it asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import final

from msgspec import Struct

__all__ = ["Attempts", "Histogram", "Tally", "merged", "new_tally"]

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Histogram(Struct):
    """Observations in buckets; ``counts`` has one more entry than ``bounds``, for what lies above them all."""

    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    def observe(self, value: float) -> None:
        """Count *value* (seconds)."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def _histogram(bounds: tuple[float, ...]) -> Histogram:
    return Histogram(bounds, [0] * (len(bounds) + 1))


class Attempts(Struct):
    """Upstream calls at one provider."""

    first_byte: Histogram
    duration: Histogram
    answered: int = 0
    failed: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_pico: int = 0


@final
class Tally(Struct):
    """Everything that one worker counts. Labels are bounded: providers and error types, never keys or users."""

    providers: dict[str, Attempts]
    requests: dict[str, int]
    refusals: dict[str, int]
    open_requests: int = 0

    def provider(self, slug: str) -> Attempts:
        """The counts of one provider."""
        attempts = self.providers.get(slug)
        if attempts is None:
            attempts = self.providers[slug] = Attempts(first_byte=_histogram(SECONDS), duration=_histogram(SECONDS))
        return attempts

    def request(self, outcome: str) -> None:
        """One request ended."""
        self.requests[outcome] = self.requests.get(outcome, 0) + 1

    def refused(self, error_type: str) -> None:
        """One request was answered with an error."""
        self.refusals[error_type] = self.refusals.get(error_type, 0) + 1


def new_tally() -> Tally:
    """A tally with nothing in it."""
    return Tally(providers={}, requests={}, refusals={})


def merged(tallies: Iterable[Tally]) -> Tally:
    """The sum of several workers' tallies."""
    whole = new_tally()
    for tally in tallies:
        whole.open_requests += tally.open_requests
        for outcome, count in tally.requests.items():
            whole.requests[outcome] = whole.requests.get(outcome, 0) + count
        for error_type, count in tally.refusals.items():
            whole.refusals[error_type] = whole.refusals.get(error_type, 0) + count
        for slug, attempts in tally.providers.items():
            _add_attempts(whole.provider(slug), attempts)
    return whole


def _add_attempts(whole: Attempts, part: Attempts) -> None:
    whole.answered += part.answered
    whole.failed += part.failed
    whole.cancelled += part.cancelled
    whole.prompt_tokens += part.prompt_tokens
    whole.completion_tokens += part.completion_tokens
    whole.cost_pico += part.cost_pico
    _add_histogram(whole.first_byte, part.first_byte)
    _add_histogram(whole.duration, part.duration)


def _add_histogram(whole: Histogram, part: Histogram) -> None:
    if part.bounds == whole.bounds:
        whole.counts = [a + b for a, b in zip(whole.counts, part.counts, strict=True)]
    else:  # another version has written it: how many there were is known, how long they took only in sum
        whole.counts[-1] += sum(part.counts)
    whole.total += part.total
