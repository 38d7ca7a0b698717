"""What a request wants of the auto router, and which models that leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import translate
from functools import lru_cache
from re import compile as pattern_of
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import encode, reader
from turnout.domain.catalog import Model
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import UNPRICED, blended_price

__all__ = ["BANDS", "ENTRIES", "AutoWishes", "CostTier", "allowed", "bands_of", "check_auto_entry", "wishes_in"]

CostTier = Literal["low", "medium", "high", "xhigh", "max"]
BANDS: Final[tuple[CostTier, ...]] = ("low", "medium", "high", "xhigh", "max")
"""Fifths of the models, by cost: bands, not ceilings."""

ENTRIES: Final[Mapping[str, str]] = {
    "openrouter/auto": "auto-router",
    "turnout/auto": "auto-router",
    "openrouter/auto-beta": "auto-beta-router",
}
"""Which entry of ``plugins`` each router reads; it ignores the other's."""

_FREE = ":free"
_Pattern = Annotated[str, Meta(max_length=1024)]
_Patterns = Annotated[list[_Pattern], Meta(max_length=1024)]
_read_entries = reader(list[dict[str, Raw]])
_read_entry = reader(dict[str, Raw])
_COMMON = frozenset({"enabled", "id"})


class AutoWishes(Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry says. None: the operator's word, if there is one, else all models and a middling tradeoff.

    Source: OpenRouter, "Auto Router".
    """

    allowed_models: _Patterns | None = None
    excluded_models: _Patterns | None = None
    cost_tier: CostTier | None = None
    cost_quality_tradeoff: Annotated[float, Meta(ge=0, le=10)] | None = None
    pin_model: bool | None = None


def wishes_in(request: ChatRequest, entry_id: str, of_key: Sequence[str], defaults: AutoWishes) -> AutoWishes:
    """What *request* says under *entry_id*, over what its key says (*of_key*), over *defaults*. An entry that is not
    ``enabled`` leaves nothing.

    Raises:
        BadRequest: it says what there is not.
    """
    layers = [_read_entry(text.encode()) for text in of_key] if of_key else []
    if request.parameters.plugins is not None:
        layers += _read_entries(request.fields["plugins"])
    fields: dict[str, Raw] | None = None
    for entry in layers:
        if _id(entry) == entry_id:
            if bytes(entry.get("enabled", b"true")) == b"false":
                fields = {}
                continue
            fields = _plain(defaults) if fields is None else fields
            fields |= {name: value for name, value in entry.items() if name not in _COMMON}
    return defaults if fields is None else _wishes(entry_id, fields)


def check_auto_entry(entry: Mapping[str, Raw]) -> None:
    """Refuse an entry that says what there is not. Raises BadRequest."""
    if (entry_id := _id(entry)) in ENTRIES.values():
        _wishes(entry_id, {name: value for name, value in entry.items() if name not in _COMMON})


def allowed(models: Sequence[Model], wishes: AutoWishes) -> list[Model]:
    """Those of *models* that the patterns leave; exclusion wins. Free variants, which may be of little use and less
    privacy, are left where nothing else is, and where a pattern names them.
    """
    left: Sequence[Model] = models
    if wishes.allowed_models is not None:
        fits = _matcher(tuple(wishes.allowed_models))
        left = [model for model in left if fits(model)]
    if wishes.excluded_models:
        unfit = _matcher(tuple(wishes.excluded_models))
        left = [model for model in left if not unfit(model)]
    if wishes.allowed_models is None or not any(_FREE in pattern for pattern in wishes.allowed_models):
        left = [model for model in left if not model.id.endswith(_FREE)] or left
    return list(left)


def bands_of(models: Sequence[Model]) -> Mapping[str, CostTier | None]:
    """The band of each model by its id: where its lowest price stands among all prices. None: it is the only one, and
    in every band. Models without a price stand with the dearest.
    """
    prices = {model.id: _lowest(model) for model in models}
    order = sorted(prices.values())
    if len(order) < 2:
        return dict.fromkeys(prices)
    first: dict[int, int] = {}
    for place, price in enumerate(order):
        first.setdefault(price, place)
    return {name: BANDS[min(4, 5 * first[price] // (len(order) - 1))] for name, price in prices.items()}


def _lowest(model: Model) -> int:
    prices = [blended_price(one.pricing) for one in model.endpoints if one.priced and one.service_tier is None]
    return min(prices, default=UNPRICED)


def _id(entry: Mapping[str, Raw]) -> str:
    return msgspec.json.decode(entry["id"], type=str)


def _plain(wishes: AutoWishes) -> dict[str, Raw]:
    return {name: Raw(encode(value)) for name, value in msgspec.structs.asdict(wishes).items() if value is not None}


def _wishes(entry_id: str, fields: Mapping[str, Raw]) -> AutoWishes:
    try:
        return msgspec.json.decode(encode(fields), type=AutoWishes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = str(error).replace("`$.", "`").replace(" - at `$`", "").replace("Object contains", "there is an")
        raise BadRequest(f"`plugins`: {entry_id}: {said}") from None


@lru_cache(256)
def _matcher(patterns: tuple[str, ...]) -> Callable[[Model], bool]:
    """Whether a model fits one of *patterns*, by its id or permanent slug, without regard to case.

    Nearly all patterns are names, or names that begin or end so: those cost nothing, however many there are.
    """
    names, starts, ends, rest = _sorted(patterns)
    shapes = [pattern_of(translate(one)).match for one in rest]
    known: dict[str, bool] = {}

    def one_fits(name: str) -> bool:
        return name in names or name.startswith(starts) or name.endswith(ends) or any(fits(name) for fits in shapes)

    def fits(model: Model) -> bool:
        found = known.get(model.id)
        if found is None:
            found = known[model.id] = any(one_fits(name.lower()) for name in {model.id, model.canonical_slug})
        return found

    return fits


def _sorted(patterns: Collection[str]) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...], list[str]]:
    names, starts, ends, rest = set(), [], [], []
    for pattern in dict.fromkeys(one.lower() for one in patterns):
        if not any(mark in pattern for mark in "*?["):
            names.add(pattern)
        elif pattern.endswith("*") and not any(mark in pattern[:-1] for mark in "*?["):
            starts.append(pattern[:-1])
        elif pattern.startswith("*") and not any(mark in pattern[1:] for mark in "*?["):
            ends.append(pattern[1:])
        else:
            rest.append(pattern)
    return frozenset(names), tuple(starts), tuple(ends), rest
