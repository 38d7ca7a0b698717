"""What listings are told of this installation: the health book's figures, and the tokens of the last week."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

from turnout.base.clock import Clock

__all__ = ["MeasuredHere"]


@final
class MeasuredHere:
    """Asks the health book as of now. ``tokens`` is by model id, and replaced as a whole by whoever counts them."""

    def __init__(self, listed: Callable[[str, float], Mapping[str, Any]], clock: Clock) -> None:
        """*listed* takes an endpoint's id and monotonic seconds; it answers with nothing when nothing is known."""
        self._listed = listed
        self._clock = clock
        self.tokens: Mapping[str, int] = {}

    def endpoint(self, endpoint_id: str, /) -> Mapping[str, Any] | None:
        """What is known of the endpoint; None for nothing."""
        return self._listed(endpoint_id, self._clock.monotonic()) or None

    def tokens_last_7_days(self, model_id: str, /) -> int | None:
        """Tokens that the model has read and written; None for no traffic."""
        return self.tokens.get(model_id)
