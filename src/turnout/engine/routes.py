"""A catalog snapshot as plans read it: each name resolved once, with all that does not depend on the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import final

from msgspec import Struct
from msgspec.structs import replace

from turnout.base.slugs import InvalidModelName, ModelName, parse_model_name
from turnout.contracts.picker import Picker
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.provider import Provider
from turnout.domain.routing import UNPRICED, Candidate, Exclusion, Plan
from turnout.engine.dead_ends import free_variant_ended, no_preset, no_router, retired, unknown
from turnout.engine.free import FREE_ROUTER, pick_free

__all__ = ["NONE_OPENED", "Routes", "Track"]

NONE_OPENED: frozenset[str] = frozenset()
"""Whoever has no credential of its own opens no provider."""

_MAX_REMEMBERED = 10_000
_MAX_OPENED = 100
_FREE = ":free"
_NO_LIMIT = 2**63
_NO_TALKERS = frozenset({"embeddings", "rerank", "transcription"})
"""Who makes nothing but these answers no conversation."""


class Track(Struct, frozen=True, eq=False):
    """A name that is asked for, with the endpoints behind it.

    Attributes:
        name: as parsed.
        requested: as it was asked for, alone.
        way: how the name led to the model, in the words of OpenRouter's ``strategy``.
        router: the name is that of a router: it stands for other models, and has no endpoints.
        usable: those that can be called, cheapest first.
        unusable: the others.
        plain: of the usable ones those at no service tier, cheapest first; most requests are planned among them.
        aside: all the others, each with its reason.
        heights: running sums of the weights of *plain*, by which the first is drawn; empty where all are unpriced.
        room: tokens that each of *plain* can read.
        output: tokens that each of *plain* can write.
        only: the plan of a request that leaves no choice: there is one plain endpoint.
        makes: what can be asked of it, in the words of :attr:`ChatRequest.wants`; None where nobody says.
    """

    name: ModelName
    requested: tuple[str, ...]
    model: Model | None
    way: str
    router: str | None = None
    usable: tuple[Candidate, ...] = ()
    unusable: tuple[Exclusion, ...] = ()
    plain: tuple[Candidate, ...] = ()
    aside: tuple[Exclusion, ...] = ()
    heights: tuple[float, ...] = ()
    room: int = _NO_LIMIT
    output: int = _NO_LIMIT
    only: Plan | None = None
    makes: frozenset[str] | None = None


@final
class Routes:
    """A snapshot, the models that no catalog lists, and the ways to choose among endpoints and models."""

    def __init__(
        self,
        snapshot: CatalogSnapshot,
        adhoc: Callable[[str], Model | None] = lambda _name: None,
        pickers: Mapping[str, Picker] | None = None,
    ) -> None:
        """*adhoc* makes a model of a name that no catalog lists, such as one of a local server's. *pickers* are
        the routers by their names, in lower case.
        """
        self.snapshot = snapshot
        self.pickers: Mapping[str, Picker] = {FREE_ROUTER: pick_free} | dict(pickers or {})
        self._adhoc = adhoc
        self._found: dict[str, Track] = {}
        self._choosable: dict[frozenset[str], tuple[Model, ...]] = {}
        self._offered: dict[frozenset[str], tuple[tuple[Model, Track], ...]] = {}

    def find(self, name: str) -> Track:
        """What *name* leads to.

        Raises:
            ModelNotFound: there is no such model.
            NoEndpoints: there was one, or it is a router that is not set up here.
            NotFound: it names a preset that does not exist.
        """
        found = self._found.get(name)
        if found is None:
            found = self._resolve(name)
            if len(self._found) < _MAX_REMEMBERED:
                self._found[name] = found
        return found

    def opened_by(self, own: Mapping[str, object]) -> frozenset[str]:
        """Providers that nothing but a caller's *own* ways, which are by provider, leads to."""
        if not own:
            return NONE_OPENED
        providers = self.snapshot.providers
        return frozenset(slug for slug in own if slug in providers and not providers[slug].usable)

    def choosable(self, opened: frozenset[str] = NONE_OPENED) -> tuple[Model, ...]:
        """The models that a router may choose, with their callable endpoints; those of the fake provider are none.
        Whoever has *opened* more providers may choose among more.
        """
        found = self._choosable.get(opened)
        if found is None:
            real = {
                slug
                for slug, provider in self.snapshot.providers.items()
                if (provider.usable or slug in opened) and provider.dialect != "fake"
            }
            offers = (
                (model, tuple(endpoint for endpoint in model.endpoints if endpoint.provider in real))
                for model in self.snapshot.models.values()
                if not model.router
            )
            found = tuple(replace(model, endpoints=usable) for model, usable in offers if usable)
            if len(self._choosable) < _MAX_OPENED:
                self._choosable[opened] = found
        return found

    def offered(self, opened: frozenset[str] = NONE_OPENED) -> tuple[tuple[Model, Track], ...]:
        """:meth:`choosable` with the tracks to them. Takes some milliseconds the first time."""
        found = self._offered.get(opened)
        if found is None:
            found = tuple((model, self.find(model.id)) for model in self.choosable(opened))
            if len(self._offered) < _MAX_OPENED:
                self._offered[opened] = found
        return found

    def _resolve(self, name: str) -> Track:
        try:
            parsed = parse_model_name(name)
        except InvalidModelName:
            raise unknown(name) from None
        if parsed.preset is not None:
            raise no_preset(parsed.preset)
        router = parsed.base.lower()
        if router in self.pickers:
            return Track(parsed, (name,), None, "free" if router == FREE_ROUTER else "auto", router)
        providers = self.snapshot.providers
        model = self.snapshot.find(parsed.base) or self._adhoc(parsed.base)
        if model is None:
            base = parsed.base.removesuffix(_FREE)
            if base != parsed.base and (paid := self.snapshot.find(base)) is not None:
                raise free_variant_ended(name, paid.id)
            raise unknown(name)
        if not model.endpoints:
            if model.router:
                raise no_router(name)
            if model.id not in self.snapshot.models:
                raise retired(name, self._successor(model))
        return _track(name, parsed, model, providers)

    def _successor(self, model: Model) -> str | None:
        """A model to use in place of a retired one: the paid one of a free one, else a newer one of its author's."""
        if model.id.endswith(_FREE) and model.id.removesuffix(_FREE) in self.snapshot.models:
            return model.id.removesuffix(_FREE)
        return None


def _track(requested: str, name: ModelName, model: Model, providers: Mapping[str, Provider]) -> Track:
    candidates = sorted(
        (
            Candidate(model, endpoint, providers[endpoint.provider])
            for endpoint in model.endpoints
            if endpoint.provider in providers
        ),
        key=lambda candidate: (candidate.price, candidate.endpoint_id),
    )
    usable = tuple(one for one in candidates if one.provider.usable)
    unusable = tuple(Exclusion(one, "no_credential") for one in candidates if not one.provider.usable)
    plain = tuple(one for one in usable if one.endpoint.service_tier is None)
    tiers = tuple(Exclusion(one, "service_tier") for one in usable if one.endpoint.service_tier is not None)
    way = _way(name, model)
    return Track(
        name=name,
        requested=(requested,),
        model=model,
        way=way,
        usable=usable,
        unusable=unusable,
        plain=plain,
        aside=unusable + tiers,
        heights=_heights(plain),
        room=min((one.room for one in plain if one.room is not None), default=_NO_LIMIT),
        output=min((limit for one in plain if (limit := one.endpoint.max_completion_tokens)), default=_NO_LIMIT),
        only=Plan((requested,), plain, unusable + tiers, way) if len(plain) == 1 else None,
        makes=None if model.assumed_outputs else _made_by(model),
    )


def _made_by(model: Model) -> frozenset[str]:
    """What can be asked of *model*: no list of outputs tells who judges, and pictures and sound come by chat too."""
    outputs = frozenset(model.output_modalities)
    if outputs <= _NO_TALKERS:
        return outputs
    spoken = {"speech"} if "audio" in outputs else set()
    return outputs | spoken | {"text", "moderation"}


def _way(name: ModelName, model: Model) -> str:
    if name.base.startswith("~"):
        return "latest"
    return "direct" if name.base.lower() == model.id.lower() else "alias"


def _heights(candidates: tuple[Candidate, ...]) -> tuple[float, ...]:
    """Running sums of the weights for the draw: inverse squares of prices; where some are free, those alone."""
    if not candidates or candidates[0].price == UNPRICED:
        return ()
    lowest = candidates[0].price
    if not lowest:
        return tuple(accumulate(1.0 for one in candidates if not one.price))
    return tuple(accumulate((lowest / one.price) ** 2 for one in candidates if one.price != UNPRICED))
