"""A router: a name that stands for whichever model suits the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple, Protocol

from turnout.domain.catalog import Model
from turnout.domain.chat import ChatRequest

__all__ = ["Pick", "Picker"]


class Pick(NamedTuple):
    """Ids of models in the order in which they are tried, and what the choice was made from.

    ``free_only``: only endpoints that cost nothing. ``facts`` are shown to clients that ask for router metadata.
    """

    models: Sequence[str]
    facts: Mapping[str, object] = {}
    free_only: bool = False


class Picker(Protocol):
    """Chooses models for one request."""

    def __call__(self, request: ChatRequest, models: Sequence[Model], dice: Random, /) -> Pick:
        """Some of *models*, which can all be called; none means that none suits. Pure, and quick: it runs within the
        plan.

        Raises:
            BadRequest: the request's settings for this router make no sense.
            NoEndpoints: nothing suits; the message says why.
        """
        ...
