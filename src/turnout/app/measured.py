"""What listings are told of this installation: the health book's figures, and the tokens of the last week."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, final

from turnout.base.clock import Clock
from turnout.base.errors import Unavailable
from turnout.contracts.store import Store

__all__ = ["MeasuredHere"]

_DAY_SECONDS = 86_400
_INTERVAL_SECONDS = 5.0
_log = logging.getLogger(__name__)


@final
class MeasuredHere:
    """Asks the health book as of now, and remembers the week's tokens as the store last summed them."""

    def __init__(self, listed: Callable[[str, float], Mapping[str, Any]], clock: Clock) -> None:
        """*listed* takes an endpoint's id and monotonic seconds; it answers with nothing when nothing is known."""
        self._listed = listed
        self._clock = clock
        self._tokens: Mapping[str, int] = {}

    def endpoint(self, endpoint_id: str, /) -> Mapping[str, Any] | None:
        """What is known of the endpoint; None for nothing."""
        return self._listed(endpoint_id, self._clock.monotonic()) or None

    def tokens_last_7_days(self, model_id: str, /) -> int | None:
        """Tokens that the model has read and written today and on the six days before; None for no traffic."""
        return self._tokens.get(model_id)

    async def run(self, store: Store) -> None:
        """Sum the week's tokens every five seconds until cancelled: daily sums of the store, not single generations."""
        while True:
            try:
                self._tokens = await store.tokens_by_model(self._clock.wall() - 6 * _DAY_SECONDS)
            except Unavailable:
                _log.warning("the week's tokens stay as they were: the store cannot be asked")
            await asyncio.sleep(_INTERVAL_SECONDS)
