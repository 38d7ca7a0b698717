"""The models that a router may choose for one request: those of which an endpoint is left after all hard filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from turnout.domain.catalog import Model
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import Candidate, Outlook
from turnout.engine.filters import Filter, filters_of, prompt_tokens
from turnout.engine.free import needed_modalities
from turnout.engine.order import LAST, health_rank
from turnout.engine.own import reachable
from turnout.engine.routes import Routes, Track

__all__ = ["CallableOffers"]

_PARSED = frozenset({"file"})
"""What a plugin reads for models that cannot."""


@final
class CallableOffers:
    """See :class:`turnout.contracts.picker.Offers`."""

    def __init__(self, routes: Routes, request: ChatRequest, outlook: Outlook) -> None:
        self._routes = routes
        self._request = request
        self._outlook = outlook
        self.opened = routes.opened_by(outlook.own)

    @property
    def models(self) -> Sequence[Model]:
        """All that the caller can call."""
        if not self._outlook.own:
            return self._routes.choosable()
        return [model for model, track in self._routes.offered(self.opened) if self._reached(track)]

    def _reached(self, track: Track) -> Sequence[Candidate]:
        """The endpoints that the caller gets to, by its own credentials too."""
        own = self._outlook.own
        if not own:
            return track.plain
        closed = (entry.candidate for entry in track.unusable)
        every = (*track.plain, *(one for one in closed if one.endpoint.service_tier is None))
        return [one for one in every if reachable(one, own)]

    def suiting(self) -> Sequence[Model]:
        """Those of which an endpoint can serve the request. Where others are left: none without an endpoint that is
        well and has room for the whole prompt, and none of which nobody says what it reads.

        Raises as :func:`turnout.engine.filters.filters_of`.
        """
        request, outlook = self._request, self._outlook
        filters = filters_of(request, outlook.bounds, outlook.wall)
        needs = _needs(request)
        modalities = needed_modalities(request) - _PARSED
        writes = frozenset(request.parameters.modalities or ("text",))
        room = prompt_tokens(request) + (request.max_tokens or 0)
        good: list[Model] = []
        poor: list[Model] = []
        for model, track in self._routes.offered(self.opened):
            if writes != frozenset(model.output_modalities):
                continue
            reads = modalities.issubset(model.input_modalities)
            if not (reads or model.assumed_inputs):
                continue
            left = _left(self._reached(track), filters, needs)
            if not left:
                continue
            fine = reads and any(self._is_fine(one, room) for one in left)
            (good if fine else poor).append(model)
        return good or poor

    def _is_fine(self, one: Candidate, room: int) -> bool:
        if one.room is not None and one.room < room:
            return False
        vitals = self._outlook.vitals.get(one.endpoint_id)
        return vitals is None or health_rank(vitals, self._outlook.now) < LAST


def _left(there: Sequence[Candidate], filters: Sequence[Filter], needs: frozenset[str]) -> Sequence[Candidate]:
    if not filters and not needs:
        return there
    return [
        one
        for one in there
        if (one.parameters is None or needs <= one.parameters) and all(asks(one) is None for asks in filters)
    ]


def _needs(request: ChatRequest) -> frozenset[str]:
    """Parameters that an endpoint must support, lest the answer be of another kind."""
    parameters = request.parameters
    needs = {"tools"} if parameters.tools else set()
    form = parameters.response_format
    if form is not None and form.type != "text":
        needs.add("structured_outputs" if form.type == "json_schema" else "response_format")
    return frozenset(needs)
