"""What one configuration makes of the catalog, ready for requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from turnout.contracts.provider import Adapter, Embedder
from turnout.engine.rack import Rack
from turnout.engine.routes import Routes
from turnout.net.client import Origin

__all__ = ["Rails"]


@dataclass(frozen=True, slots=True)
class Rails:
    """What one configuration makes of the catalog; swapped whole, so that a request keeps what it began with.

    Adapters, origins, embedders and errands (by kind) are found by the ``access`` of a candidate: the slug of its
    provider, or what :class:`turnout.engine.ways.Ways` has added for a credential of an account's own. ``recalling``
    are the providers whose models want their reasoning back with the tool calls that it led to, ``rack`` holds the
    plugins.
    """

    routes: Routes
    adapters: dict[str, Adapter]
    origins: dict[str, Origin]
    recalling: frozenset[str] = frozenset()
    embedders: dict[str, Embedder] = field(default_factory=dict)
    rack: Rack = field(default_factory=Rack)
    errands: dict[str, Mapping[str, Adapter]] = field(default_factory=dict)
