"""The plan: which endpoints are tried, in which order, and why the others are not."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from turnout.base.errors import BadRequest
from turnout.base.slugs import ModelName
from turnout.contracts.picker import Pick
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import NO_BOUNDS, Candidate, Exclusion, Outlook, Plan
from turnout.engine.dead_ends import dead_end, nothing_suits, wrong_endpoint
from turnout.engine.filters import Filter, filters_of, prompt_tokens
from turnout.engine.offers import CallableOffers
from turnout.engine.order import WELL, health_rank, ordered, wishes_of
from turnout.engine.own import admitted_by_own, owned
from turnout.engine.routes import Routes, Track

__all__ = ["Routes", "make_plan", "service_tier_of"]

_TIERS = {"flex": "flex", "priority": "priority", "fast": "priority", "scale": "scale"}
_TIER_OF_VARIANT = {"nitro": "priority", "floor": "flex"}
_SOFT = ("tools", "response_format", "verbosity")
_SOFTLY = "unsupported_parameters"
_TOO_SMALL = "context_length"
_BYTES_PER_TOKEN = 4


class _Choice(NamedTuple):
    """What a router chose: ``free`` are those tracks of which only free endpoints will do."""

    router: Track
    pick: Pick
    free: Sequence[Track]


def make_plan(request: ChatRequest, routes: Routes, outlook: Outlook) -> Plan:
    """Candidates for *request*: found by their names, filtered, ordered.

    Pure: what is drawn comes from the dice of *outlook*, what time it is from its clock.

    Raises:
        BadRequest: no model is named, it is one for requests of another kind, or a preference makes no sense.
        ModelNotFound: a named model does not exist.
        NoEndpoints: no endpoint is left; the error names what excluded them.
        Forbidden: the key may not use a parameter of the request, or no region that it allows is left.
        NotFound: there is no such preset.
    """
    parameters = request.parameters
    if parameters.provider is None and parameters.models is None and parameters.model is not None:
        track = routes.find(parameters.model)
        if (plan := _plain_plan(request, track, outlook)) is not None:
            return plan
    return _full_plan(request, routes, outlook)


def service_tier_of(request: ChatRequest) -> str | None:
    """The service tier that *request* asks for by name; None for the usual one."""
    tier = request.parameters.service_tier
    return None if tier is None else _TIERS.get(tier)


# -- the usual request: one model, no wishes --


def _plain_plan(request: ChatRequest, track: Track, outlook: Outlook) -> Plan | None:
    """The plan among the plain endpoints of one model; None where more has to be looked at."""
    parameters = request.parameters
    if (
        (track.makes is not None and request.wants not in track.makes)
        or not track.plain
        or track.name.virtual
        or parameters.tools is not None
        or parameters.response_format is not None
        or parameters.verbosity is not None
        or parameters.service_tier is not None
        or outlook.bounds is not NO_BOUNDS
        or outlook.own
        or request.prompt_bytes > track.room * _BYTES_PER_TOKEN
        or (parameters.max_completion_tokens or parameters.max_tokens or 0) > track.output
    ):
        return None
    if track.only is not None:
        return track.only
    if not track.heights or outlook.sticky is not None:
        return None
    plain, known, now = track.plain, outlook.vitals, outlook.now
    for candidate in plain:
        vitals = known.get(candidate.endpoint_id)
        if vitals is not None and health_rank(vitals, now) != WELL:
            return None
    heights = track.heights
    place = bisect(heights, outlook.dice.random() * heights[-1], 0, len(heights) - 1)
    first = plain[place]
    drawn = plain if not place else (first, *plain[:place], *plain[place + 1 :])
    return Plan(track.requested, drawn, track.aside, track.way)


# -- any request --


def _full_plan(request: ChatRequest, routes: Routes, outlook: Outlook) -> Plan:
    names = _names(request)
    tracks, picks = _tracks(names, request, routes, outlook)
    tier = service_tier_of(request)
    free = {id(track) for pick in picks for track in pick.free}
    filters = filters_of(request, outlook.bounds, outlook.wall)
    sifted = _sifted(tracks, request, tier, filters, free, outlook)
    if not sifted.groups and request.squeezed:
        sifted = _largest(sifted, request, outlook, lambda found: _sifted(tracks, request, tier, found, free, outlook))
    groups, excluded, warnings = sifted
    if not groups:
        raise dead_end(request, outlook, names, excluded)
    tightest = min(track.room for track in tracks)
    tokens = prompt_tokens(request) if request.prompt_bytes > tightest * _BYTES_PER_TOKEN else 0
    wishes = wishes_of(request, tier, tokens)
    candidates = ordered(groups, wishes, outlook)
    if outlook.own:
        candidates = owned(candidates, outlook.own, excluded, together=wishes.together)
        if not candidates:
            raise dead_end(request, outlook, names, excluded)
    if _stops_at_first(request):
        candidates = _first_of_each_model(candidates, excluded)
    way = "fallback" if len(names) > 1 else picks[0].router.way if picks else tracks[0].way
    picked = tuple((one.router.router or "", dict(one.pick.facts)) for one in picks)
    routed = next((one.pick.routed for one in picks if one.pick.routed is not None), None)
    return Plan(names, tuple(candidates), tuple(excluded), way, tuple(warnings), picked, routed)


class _Sifted(NamedTuple):
    """What the filters have left, by model, and what they have not."""

    groups: list[tuple[ModelName, list[Candidate]]]
    excluded: list[Exclusion]
    warnings: list[str]


def _sifted(
    tracks: Sequence[Track],
    request: ChatRequest,
    tier: str | None,
    filters: Sequence[Filter],
    free: Collection[int],
    outlook: Outlook,
) -> _Sifted:
    """The endpoints of *tracks* that *filters* leave; of those in *free*, by identity, the free ones."""
    sifted = _Sifted([], [], [])
    soft = [name for name in _SOFT if name in request.fields]
    for track in tracks:
        group = _admitted(track, request, tier, sifted.excluded)
        if outlook.own and track.unusable:
            group += admitted_by_own(track.unusable, outlook.own, sifted.excluded)
        asked = [*filters, _costs_nothing] if id(track) in free else filters
        if asked:
            group = _filtered(group, asked, sifted.excluded)
        for name in soft:
            group = _preferring(name, group, sifted.excluded, sifted.warnings)
        if group:
            sifted.groups.append((track.name, group))
    return sifted


def _largest(
    sifted: _Sifted, request: ChatRequest, outlook: Outlook, again: Callable[[Sequence[Filter]], _Sifted]
) -> _Sifted:
    """Where the prompt fits nowhere by half, but can be made to fit: the largest endpoints that were too small."""
    rooms = [
        room
        for entry in sifted.excluded
        if entry.reason == _TOO_SMALL and (room := entry.candidate.room) is not None and room <= request.squeezed
    ]
    if not rooms:
        return sifted
    largest = max(rooms)
    others = filters_of(replace(request, at_once=0, squeezed=0), outlook.bounds, outlook.wall)
    return again([*others, lambda one: None if one.room == largest else _TOO_SMALL])


def _names(request: ChatRequest) -> tuple[str, ...]:
    parameters = request.parameters
    if parameters.models is None and parameters.model is not None:
        return (parameters.model,)
    named = ([parameters.model] if parameters.model else []) + (parameters.models or [])
    if not named:
        raise BadRequest("`model` is missing")
    return tuple(dict.fromkeys(named))


def _tracks(
    names: Sequence[str], request: ChatRequest, routes: Routes, outlook: Outlook
) -> tuple[list[Track], list[_Choice]]:
    """Where the names lead, each model once, and what routers among them chose."""
    tracks: list[Track] = []
    met: set[str] = set()
    picks: list[_Choice] = []
    for name in names:
        track = routes.find(name)
        if track.router is None:
            found = [track]
        else:
            if request.wants != "text":
                raise wrong_endpoint(name, request.wants, {"text"})
            pick = routes.pickers[track.router](request, CallableOffers(routes, request, outlook), outlook)
            if not pick.models:
                raise nothing_suits(name)
            found = [routes.find(model) for model in pick.models]
            picks.append(_Choice(track, pick, found if pick.free_only else ()))
        for one in found:
            if one.makes is not None and request.wants not in one.makes:
                raise wrong_endpoint(name, request.wants, one.makes)
            if one.model is not None and one.model.id not in met:  # else the same model by another name
                met.add(one.model.id)
                tracks.append(one)
    return tracks, picks


def _admitted(track: Track, request: ChatRequest, tier: str | None, excluded: list[Exclusion]) -> list[Candidate]:
    """The endpoints that can be called, without those of service tiers that nobody has asked for."""
    if len(track.plain) == len(track.usable):
        excluded += track.aside
        return list(track.plain)
    excluded += track.unusable
    preferences = request.parameters.provider
    order = preferences.order if preferences is not None else None
    only = preferences.only if preferences is not None else None
    named = {name.lower() for name in (*(order or ()), *(only or ()))}
    admitted = {tier}
    sort_is_explicit = preferences is not None and preferences.sort is not None
    if request.parameters.service_tier in {None, "auto"} and not order and not sort_is_explicit:
        admitted.update(_TIER_OF_VARIANT[name] for name in track.name.virtual if name in _TIER_OF_VARIANT)
    alone = tier == "flex" and any(one.endpoint.service_tier == tier for one in track.usable)
    kept: list[Candidate] = []
    for one in track.usable:
        own = one.endpoint.service_tier
        if own == tier if alone else own is None or own in admitted or one.tag in named:
            kept.append(one)
        else:
            excluded.append(Exclusion(one, "service_tier"))
    return kept


def _filtered(group: Sequence[Candidate], filters: Sequence[Filter], excluded: list[Exclusion]) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in group:
        for asks in filters:
            reason = asks(candidate)
            if reason is not None:
                excluded.append(Exclusion(candidate, reason))
                break
        else:
            kept.append(candidate)
    return kept


def _preferring(name: str, group: list[Candidate], excluded: list[Exclusion], warnings: list[str]) -> list[Candidate]:
    """Those that support the parameter *name*, if there are any; else all, with a warning."""
    able = [one for one in group if one.parameters is None or name in one.parameters]
    if len(able) == len(group):
        return group
    if not able:
        warnings.append(f"No endpoint of {group[0].model.id} supports `{name}`: it may be ignored")
        return group
    kept = set(able)
    excluded += [Exclusion(one, _SOFTLY) for one in group if one not in kept]
    return able


def _costs_nothing(candidate: Candidate) -> str | None:
    return "max_price" if candidate.price else None


def _stops_at_first(request: ChatRequest) -> bool:
    preferences = request.parameters.provider
    return preferences is not None and preferences.allow_fallbacks is False and not preferences.order


def _first_of_each_model(candidates: Sequence[Candidate], excluded: list[Exclusion]) -> list[Candidate]:
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.model.id, candidate)
    kept = list(first.values())
    excluded += [Exclusion(one, "allow_fallbacks") for one in candidates if one not in kept]
    return kept
