"""A router: a name that stands for whichever model suits the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from turnout.domain.catalog import Model
from turnout.domain.chat import ChatRequest
from turnout.domain.routed import Routed
from turnout.domain.routing import Outlook

__all__ = ["Offers", "Pick", "Picker"]


class Pick(NamedTuple):
    """Ids of models in the order in which they are tried, and what the choice was made from.

    ``free_only``: only endpoints that cost nothing. ``facts`` are shown to clients that ask for router metadata,
    ``routed`` is kept with the generation.
    """

    models: Sequence[str]
    facts: Mapping[str, object] = {}
    free_only: bool = False
    routed: Routed | None = None


class Offers(Protocol):
    """The models that a router may choose among."""

    @property
    def models(self) -> Sequence[Model]:
        """All that the caller can call, each with its callable endpoints."""

    @property
    def opened(self) -> frozenset[str]:
        """Providers that only the caller's own credentials lead to."""

    def suiting(self) -> Sequence[Model]:
        """Those of them of which an endpoint can serve the request: by its needs, its preferences and its key's.

        Raises:
            BadRequest: a preference makes no sense.
            Forbidden: the key may not use a parameter of the request.
        """


class Picker(Protocol):
    """Chooses models for one request."""

    def __call__(self, request: ChatRequest, offers: Offers, outlook: Outlook, /) -> Pick:
        """Some of the models in *offers*; none means that none suits. Quick: it runs within the plan.

        Raises:
            BadRequest: the request's settings for this router make no sense.
            NoEndpoints: nothing suits; the message says why.
        """
