"""Plans without a server: what a request would lead to under a configuration, and the past under another policy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

from turnout import config
from turnout.api.decode import chat_request_in
from turnout.app.auto import learned_of, set_up
from turnout.app.inspection import catalog_of
from turnout.app.state import store_of
from turnout.catalog.build import adhoc_models
from turnout.contracts.picker import Picker
from turnout.domain.routing import Outlook, Preferences
from turnout.engine.auto_router import AutoRouter, names_auto
from turnout.engine.explain import explain
from turnout.engine.replay import Past, Replayed, remember, replay
from turnout.engine.routes import Routes

__all__ = ["explained", "replayed", "routes_of"]

_PAGE = 1000  # generations that are read at once
_TEN_DIGITS = 10**9  # unix seconds: ids of generations have no fewer, and are compared as texts
_SEED = 1
"""Two replays of one past say the same."""


def routes_of(
    loaded: config.Loaded,
    environment: Mapping[str, str] = os.environ,
    pickers: Mapping[str, Picker] = MappingProxyType({}),
) -> Routes:
    """The routes that a server with this configuration begins with; *pickers* are the routers among models."""
    snapshot = catalog_of(loaded, environment)
    return Routes(snapshot, adhoc_models(snapshot), pickers)


def explained(loaded: config.Loaded, body: bytes, environment: Mapping[str, str] = os.environ) -> dict[str, object]:
    """The plan of the chat request in *body*, as if nothing were known of any endpoint's health.

    Raises:
        BadRequest: it is none.
    """
    request = chat_request_in(body)
    auto = AutoRouter()
    set_up(auto, loaded.settings)
    routes = routes_of(loaded, environment, auto.pickers())
    if names_auto(request):
        auto.learned = learned_of(loaded.settings, routes, time.time())
    return explain(request, routes, Outlook({}, Random(), time.monotonic(), time.time()))


async def replayed(
    loaded: config.Loaded,
    policy: Preferences,
    since: float,
    progress: Callable[[int], None],
    environment: Mapping[str, str] = os.environ,
) -> Replayed:
    """What was recorded from *since* (unix seconds) on, planned anew under *policy*; *progress* hears how much is read.

    Raises:
        Unavailable: the store cannot be opened.
        BadRequest: the policy makes no sense.
    """
    routes = routes_of(loaded, environment)
    store = store_of(loaded.settings)
    past = Past()
    await store.open()
    try:
        place = f"gen-{max(int(since), _TEN_DIGITS)}"
        while page := await store.generations_after(place, _PAGE):
            remember(past, page)
            place = page[-1].id
            progress(len(past.cases))
    finally:
        await store.close()
    return replay(past, routes, policy, Random(_SEED))
