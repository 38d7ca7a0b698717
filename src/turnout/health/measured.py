"""What listings show of what this installation has measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.health.book import HealthBook

__all__ = ["Measurements"]


def _no_tokens(_model_id: str) -> None:
    """No store keeps sums by model yet."""


@final
class Measurements:
    """The health book as listings ask it, see :class:`turnout.contracts.measured.Measured`.

    *tokens* tells the tokens of a model in the last seven days; the store keeps those sums, not the book.
    """

    def __init__(
        self, book: HealthBook, tokens: Callable[[str], int | None] = _no_tokens, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._book = book
        self._clock = clock
        self._tokens = tokens

    def endpoint(self, endpoint_id: str, /) -> Mapping[str, Any] | None:
        """Status, uptimes, percentiles; None for nothing."""
        return self._book.listed(endpoint_id, self._clock.monotonic()) or None

    def tokens_last_7_days(self, model_id: str, /) -> int | None:
        """Tokens that the model has read and written; None: nobody counts them."""
        return self._tokens(model_id)
