"""What listings are told of this installation."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from turnout.app.measured import MeasuredHere
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import Unavailable
from turnout.contracts.store import Store

_DAY = 86_400


class _Sums:
    """The one method of a store that is asked, failing the first time."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def tokens_by_model(self, since: float) -> Mapping[str, int]:
        self.asked.append(since)
        if len(self.asked) == 1:
            raise Unavailable("no store")
        return {"acme/a": 5}


def _listed(endpoint_id: str, _now: float) -> Mapping[str, Any]:
    return {"status": -1} if endpoint_id == "known" else {}


def test_an_endpoint_of_which_nothing_is_known_is_none() -> None:
    measured = MeasuredHere(_listed, SYSTEM_CLOCK)
    assert measured.endpoint("known") == {"status": -1}
    assert measured.endpoint("other") is None


async def test_tokens_are_those_of_seven_days_and_a_store_that_fails_is_asked_again() -> None:
    measured = MeasuredHere(_listed, SYSTEM_CLOCK)
    store = _Sums()
    for _ in range(2):
        running = asyncio.ensure_future(measured.run(cast("Store", store)))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert measured.tokens_last_7_days("acme/a") == 5
    assert measured.tokens_last_7_days("acme/b") is None
    assert all(5.9 * _DAY < SYSTEM_CLOCK.wall() - since < 6.1 * _DAY for since in store.asked)
