"""What listings are told of this installation: the health book's figures, and the tokens of the last week.

Each half hour the figures of the one before are written down: charts are drawn of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, final

from turnout.base.clock import Clock
from turnout.base.errors import Unavailable
from turnout.contracts.measured import speed_of
from turnout.contracts.store import Store

__all__ = ["MeasuredHere"]

_DAY_SECONDS = 86_400
_INTERVAL_SECONDS = 5.0
_LOOK_SECONDS = 2.0
_AT_ONCE = 40  # endpoints, some 30 microseconds each: streams are served in between
_STRETCH_SECONDS = 1800
_KEPT_SECONDS = 31 * _DAY_SECONDS
_log = logging.getLogger(__name__)


@final
class MeasuredHere:
    """Asks the health book as of now, and remembers the week's tokens as the store last summed them."""

    def __init__(
        self,
        listed: Callable[[str, float], Mapping[str, Any]],
        clock: Clock,
        known: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """*listed* takes an endpoint's id and monotonic seconds; it answers with nothing when nothing is known.

        *known* are the ids of the endpoints that anything is known of.
        """
        self._listed = listed
        self._known = known
        self._clock = clock
        self._tokens: Mapping[str, int] = {}
        self._endpoints: Mapping[str, Mapping[str, Any]] = {}
        self._stretch = int(clock.wall()) // _STRETCH_SECONDS

    def endpoint(self, endpoint_id: str, /) -> Mapping[str, Any] | None:
        """What is known of the endpoint; None for nothing."""
        return self._listed(endpoint_id, self._clock.monotonic()) or None

    @property
    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """What was known two seconds ago of every endpoint."""
        return self._endpoints

    def tokens_last_7_days(self, model_id: str, /) -> int | None:
        """Tokens that the model has read and written today and on the six days before; None for no traffic."""
        return self._tokens.get(model_id)

    async def run(self, store: Store) -> None:
        """Sum the week's tokens every five seconds until cancelled: daily sums of the store, not single generations.

        When a half hour is over, write down how it was.
        """
        while True:
            try:
                await self._write_down(store)
                self._tokens = await store.tokens_by_model(self._clock.wall() - 6 * _DAY_SECONDS)
            except Unavailable:
                _log.warning("the week's tokens stay as they were: the store cannot be asked")
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def look(self) -> None:
        """Look at all endpoints every two seconds until cancelled."""
        while True:
            found: dict[str, Mapping[str, Any]] = {}
            for place, name in enumerate(tuple(self._known())):
                if place % _AT_ONCE == 0:
                    await asyncio.sleep(0)
                if (seen := self.endpoint(name)) is not None:
                    found[name] = seen
            self._endpoints = found
            await asyncio.sleep(_LOOK_SECONDS)

    async def _write_down(self, store: Store) -> None:
        """How endpoints were, once for each half hour: of several workers, who see the same, the first one is heard."""
        stretch = int(self._clock.wall()) // _STRETCH_SECONDS
        if stretch == self._stretch:
            return
        at = stretch * _STRETCH_SECONDS
        seen = [speed_of(name, at, figures) for name in tuple(self._known()) if (figures := self.endpoint(name))]
        await store.add_speeds([one for one in seen if one is not None], at - _KEPT_SECONDS)
        self._stretch = stretch
