"""The order of those that are left: what was asked for, then health and speed, then who is stayed with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from msgspec import Struct

from turnout.base.slugs import ModelName
from turnout.domain.chat import ChatRequest
from turnout.domain.health import Spread, Vitals
from turnout.domain.routing import Candidate, Outlook, Percentiles, Preferences, Sort
from turnout.strategies.balanced import balanced
from turnout.strategies.price import price_key
from turnout.strategies.table import STRATEGIES

__all__ = [
    "LAST",
    "LIMITED",
    "LOWERED",
    "OUTAGE",
    "SLOW",
    "SLOW_LOWERED",
    "TIGHT",
    "WELL",
    "Wishes",
    "health_rank",
    "misses",
    "ordered",
    "sorting",
    "wishes_of",
]

WELL, LOWERED, SLOW, SLOW_LOWERED, TIGHT, LAST, LIMITED, OUTAGE = range(8)
"""Ranks of health, the best first: an endpoint is tried after all those of a better rank."""

_SORT_OF_VARIANT = {"nitro": "throughput", "floor": "price", "exacto": "exacto"}
_PERCENTILES = ("p50", "p75", "p90", "p99")
_NO_PREFERENCES = Preferences()


class Wishes(Struct, frozen=True):
    """What a request says about the order.

    Attributes:
        order: names that come first, in lower case.
        sort: the explicit one.
        together: endpoints of all models in one order, instead of model after model.
        tools: whether tools are sent.
        throughput: cutoffs as (percentile, tokens per second), to be reached.
        latency: cutoffs as (percentile, seconds), not to be exceeded.
        tier: the service tier that comes first.
        tokens: of the prompt by our own count: an endpoint with less room may be too small.
    """

    order: tuple[str, ...] = ()
    sort: str | None = None
    together: bool = False
    tools: bool = False
    throughput: tuple[tuple[str, float], ...] = ()
    latency: tuple[tuple[str, float], ...] = ()
    tier: str | None = None
    tokens: int = 0


def wishes_of(request: ChatRequest, tier: str | None, tokens: int) -> Wishes:
    """What *request* says about the order; *tier* is the service tier that it asks for, *tokens* our count of it."""
    parameters = request.parameters
    preferences = parameters.provider or _NO_PREFERENCES
    sort = preferences.sort
    partition = sort.partition if isinstance(sort, Sort) else None
    return Wishes(
        order=tuple(name.lower() for name in preferences.order or ()),
        sort=sort.by if isinstance(sort, Sort) else sort,
        together=partition == "none" or (partition is None and parameters.route == "sort"),
        tools=bool(parameters.tools),
        throughput=_cutoffs(preferences.preferred_min_throughput),
        latency=_cutoffs(preferences.preferred_max_latency),
        tier=tier,
        tokens=tokens,
    )


def ordered(
    groups: Sequence[tuple[ModelName, list[Candidate]]],
    wishes: Wishes,
    outlook: Outlook,
) -> list[Candidate]:
    """The candidates of all models in the order in which they are tried; each group comes cheapest first."""
    if wishes.together and len(groups) > 1:
        all_of_them = sorted(chain.from_iterable(group for _, group in groups), key=price_key)
        groups = [(groups[0][0], all_of_them)]
    if len(groups) == 1:
        name, group = groups[0]
        return group if len(group) <= 1 else _ordered(name, group, wishes, outlook)
    found: list[Candidate] = []
    for name, group in groups:
        found += group if len(group) <= 1 else _ordered(name, group, wishes, outlook)
    return found


def health_rank(vitals: Vitals, now: float) -> int:
    """The rank that health alone gives; an outage that is due to be tested counts as over."""
    if vitals.outage and not vitals.probing:
        return OUTAGE
    if vitals.limited_until > now:
        return LIMITED
    if vitals.standing == "normal" or vitals.probing:
        return SLOW if vitals.slowed else WELL
    if vitals.standing == "lowered":
        return SLOW_LOWERED if vitals.slowed else LOWERED
    return LAST


def misses(vitals: Vitals, wishes: Wishes) -> str | None:
    """The threshold that an endpoint is known to miss. What has not been measured misses nothing."""
    if wishes.throughput and _below(vitals.throughput, wishes.throughput):
        return "preferred_min_throughput"
    if wishes.latency and _above(vitals.latency, wishes.latency):
        return "preferred_max_latency"
    return None


def _ordered(
    name: ModelName,
    group: list[Candidate],
    wishes: Wishes,
    outlook: Outlook,
) -> list[Candidate]:
    ranks = _ranks(group, wishes, outlook)
    found = _by_rank(ranks, sorting(name, wishes), outlook)
    if wishes.tier is not None:
        found.sort(key=lambda one: one.endpoint.service_tier != wishes.tier)
    if wishes.order:
        found = _listed_first(found, wishes.order)
    elif outlook.sticky is not None:
        found = _stay(found, outlook, ranks)
    return found


def sorting(name: ModelName, wishes: Wishes) -> str:
    """An explicit sort, else none where there is an order, else the variant's, else what tools call for."""
    if wishes.sort is not None:
        return wishes.sort
    if wishes.order:
        return "price"
    for variant in name.virtual:
        if variant in _SORT_OF_VARIANT:
            return _SORT_OF_VARIANT[variant]
    return "balanced_exacto" if wishes.tools else "balanced"


def _ranks(group: Sequence[Candidate], wishes: Wishes, outlook: Outlook) -> dict[int, list[Candidate]]:
    """The candidates by rank: health, then the thresholds that they miss, then whether they may be too small."""
    now, known, tokens = outlook.now, outlook.vitals, wishes.tokens
    thresholds = bool(wishes.throughput or wishes.latency)
    well: list[Candidate] = []
    ranks: dict[int, list[Candidate]] = {WELL: well}
    for candidate in group:
        vitals = known.get(candidate.endpoint_id)
        if vitals is None or not (
            vitals.outage or vitals.limited_until or vitals.slowed or vitals.standing != "normal"
        ):
            rank = WELL
        else:
            rank = health_rank(vitals, now)
        if thresholds and vitals is not None and rank <= LOWERED and misses(vitals, wishes) is not None:
            rank += SLOW
        if tokens and candidate.room is not None and candidate.room < tokens:
            rank = max(rank, TIGHT)
        if rank == WELL:
            well.append(candidate)
        elif rank in ranks:
            ranks[rank].append(candidate)
        else:
            ranks[rank] = [candidate]
    return ranks


def _by_rank(ranks: Mapping[int, list[Candidate]], by: str, outlook: Outlook) -> list[Candidate]:
    """Each rank in its order. Those that balance draw only among the best; what follows are fallbacks, by price."""
    strategy = STRATEGIES.get(by) or balanced
    draws = by.startswith("balanced")
    found: list[Candidate] = []
    for rank in sorted(ranks):
        if (found and draws) or len(ranks[rank]) <= 1:
            found += ranks[rank]
        else:
            found += strategy(ranks[rank], outlook.vitals, outlook.dice)
    return found


def _listed_first(found: Sequence[Candidate], names: Sequence[str]) -> list[Candidate]:
    """Those that *names* list, in their order, whatever their health; then the rest."""
    first = [one for name in names for one in found if name in one.names]
    return list(dict.fromkeys(chain(first, found)))


def _stay(found: list[Candidate], outlook: Outlook, ranks: Mapping[int, list[Candidate]]) -> list[Candidate]:
    """The endpoint that holds the conversation in its cache goes first, unless it is out or wants to be spared."""
    assert outlook.sticky is not None  # noqa: S101 - the caller has looked
    endpoint_id = outlook.sticky(found[0].model.id)
    place = next((place for place, one in enumerate(found) if one.endpoint_id == endpoint_id), None)
    if not place or any(found[place] in ranks.get(rank, ()) for rank in (LIMITED, OUTAGE)):
        return found
    return [found[place], *found[:place], *found[place + 1 :]]


def _cutoffs(wanted: float | Percentiles | None) -> tuple[tuple[str, float], ...]:
    if wanted is None:
        return ()
    if not isinstance(wanted, Percentiles):
        return (("p50", float(wanted)),)
    return tuple((name, value) for name in _PERCENTILES if (value := getattr(wanted, name)) is not None)


def _below(measured: Spread | None, cutoffs: Sequence[tuple[str, float]]) -> bool:
    if measured is not None:
        for name, least in cutoffs:
            if getattr(measured, name) < least:
                return True
    return False


def _above(measured: Spread | None, cutoffs: Sequence[tuple[str, float]]) -> bool:
    if measured is not None:
        for name, most in cutoffs:
            if getattr(measured, name) > most:
                return True
    return False
