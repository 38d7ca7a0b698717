"""Plans without a server: what a request would lead to under a configuration, and the past under another policy."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from random import Random

from turnout import config
from turnout.api.decode import chat_request_in
from turnout.app.inspection import catalog_of
from turnout.catalog.build import adhoc_model, open_providers
from turnout.domain.catalog import Model
from turnout.domain.provider import Provider
from turnout.domain.routing import Outlook
from turnout.engine.explain import explain
from turnout.engine.routes import Routes

__all__ = ["explained", "routes_of"]


def routes_of(loaded: config.Loaded, environment: Mapping[str, str] = os.environ) -> Routes:
    """The routes that a server with this configuration begins with."""
    snapshot = catalog_of(loaded, environment)
    unlisted = open_providers(snapshot)

    def adhoc(name: str, _providers: Mapping[str, Provider]) -> Model | None:
        return adhoc_model(name, unlisted)

    return Routes(snapshot, adhoc, {})


def explained(loaded: config.Loaded, body: bytes, environment: Mapping[str, str] = os.environ) -> dict[str, object]:
    """The plan of the chat request in *body*, as if nothing were known of any endpoint's health.

    Raises:
        BadRequest: it is none.
    """
    outlook = Outlook({}, Random(), time.monotonic(), time.time())
    return explain(chat_request_in(body), routes_of(loaded, environment), outlook)
