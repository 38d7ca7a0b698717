"""genai-prices: price rules, read from its JSON shape, which the installed package is brought into without its import.

The package's data module is one list of constructor calls. It is evaluated here with constructors of our own that
give the JSON shape of the live file, which saves the import of an HTTP client and of a validation layer (a tenth of a
second and some 30 MB).
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from turnout.base.money import Pico
from turnout.catalog.kinds import outputs_by_name
from turnout.catalog.rows import Row, per_million_to_pico, per_unit_to_pico
from turnout.domain.usage import PriceOverride, Pricing

__all__ = ["PACKAGE", "PriceRule", "UnknownShape", "packaged", "parse", "rules"]

PACKAGE: Final = "genai-prices"
"""The distribution whose data module is read."""

SOURCE: Final = "genai-prices"

_Json = Mapping[str, Any]

_PER_MILLION: Final = {
    "input_mtok": "prompt",
    "output_mtok": "completion",
    "cache_read_mtok": "input_cache_read",
    "cache_write_mtok": "input_cache_write",
    "cache_write_5m_mtok": "input_cache_write",
    "cache_write_1h_mtok": "input_cache_write_1h",
    "input_audio_mtok": "audio",
    "output_audio_mtok": "audio_output",
    "cache_audio_read_mtok": "input_audio_cache",
    "input_image_mtok": "image_token",
    "output_image_mtok": "image_output",
    "output_reasoning_mtok": "internal_reasoning",
}
_PER_THOUSAND: Final = {"requests_kcount": "request", "web_searches_kcount": "web_search"}

_NOT_CALLABLE: Final = re.compile(
    r"^ft:|\.ft-|^(?:text-)?(?:ada|babbage|curie|davinci)\b|^claude-(?:v?1|2|instant)|realtime|[-.]live\b|-tts\b"
    r"|^regional\.|^gemini-(?:1\.|pro$|pro-vision|(?:flash|pro)-1)|:extended"
)
"""Names that stand for price classes, for retired models, or for what no API of ours speaks."""


_TIERS: Final = ("flex", "priority")
"""Service tiers that are offers of their own; batch has an API of its own, and "fast" no name in ours."""

_LONGEST_PATTERN: Final = 500
_LONGEST_NAME: Final = 200
_LARGEST_CONTEXT: Final = 10**9
_MOST_MODELS: Final = 50_000


class UnknownShape(ValueError):
    """The document is not there, or is not the list of providers that it was."""


class PriceRule(NamedTuple):
    """The price of some models of one provider; ``row`` is the rule as a model of its own.

    ``names`` are matched as a whole, ``clauses`` are the patterns beside them. ``tiers`` has the prices at service
    tiers that the provider sells, by the tier's name.
    """

    provider: str
    names: frozenset[str]
    clauses: tuple[_Json, ...]
    row: Row
    deprecated: bool
    tiers: Mapping[str, Pricing] = {}

    def matches(self, upstream_model: str) -> bool:
        """Whether this rule prices the lower-case *upstream_model*."""
        return upstream_model in self.names or any(_matches(clause, upstream_model) for clause in self.clauses)


_decoder = msgspec.json.Decoder(list[Any], float_hook=Decimal)


def parse(document: bytes) -> list[_Json]:
    """The providers in a live ``data.json``; prices as exact decimals.

    Raises:
        UnknownShape: *document* is not JSON, or no list.
    """
    try:
        return [provider for provider in _decoder.decode(document) if isinstance(provider, Mapping)]
    except (msgspec.DecodeError, ArithmeticError, RecursionError) as error:
        raise UnknownShape(f"no list of providers: {error}") from error


def packaged() -> list[_Json]:
    """The providers of the installed package's data module, in the shape of the live file.

    Raises:
        UnknownShape: the package is not installed or has changed its shape.
    """
    spec = find_spec("genai_prices")
    if spec is None or not spec.submodule_search_locations:
        raise UnknownShape("the package genai-prices is not installed")
    path = Path(spec.submodule_search_locations[0]) / "data.py"
    try:
        # The loader takes the compiled file where pip or a first run left one: milliseconds instead of a compilation.
        code = SourceFileLoader("genai_prices.data", str(path)).get_code("genai_prices.data")
        namespace: dict[str, Any] = {"__builtins__": vars(builtins) | {"__import__": _import}, "__name__": "data"}
        exec(code, namespace)  # type: ignore[arg-type]  # noqa: S102 - an installed dependency, as an import would run it
        providers = namespace["providers"]
    except Exception as error:  # running somebody's module may raise anything
        raise UnknownShape(f"the data of genai-prices cannot be read: {error}") from error
    if not isinstance(providers, list) or not all(isinstance(provider, dict) for provider in providers):
        raise UnknownShape("the data of genai-prices is no list of providers")
    return providers


def rules(
    providers: Iterable[_Json], at: float, source: str = SOURCE, fetched: str | None = None
) -> tuple[PriceRule, ...]:
    """The price rules of *providers* as they stand at the wall-clock time *at*, in unix seconds, in their order.

    Prices of certain hours, of long prompts and of days to come are overrides. What does not have the known shape is
    left out. *source* and *fetched* go into the rows.
    """
    now = datetime.fromtimestamp(at, UTC).date()
    blank = Row(source=source, fetched=fetched, provider="", upstream_model="", price_list_only=True)
    found: list[PriceRule] = []
    for provider in providers:
        models = provider.get("models")
        slug = provider.get("id")
        if not isinstance(models, list) or not isinstance(slug, str):
            continue
        for model in models[:_MOST_MODELS]:
            try:
                rule = _rule(replace(blank, provider=slug), model, now)
            except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError):
                continue
            if rule is not None:
                found.append(rule)
    return tuple(found)


def _rule(blank: Row, model: _Json, today: date) -> PriceRule | None:
    name: str = model["id"]
    if len(name) > _LONGEST_NAME or not name.isprintable():
        return None
    if _NOT_CALLABLE.search(name.lower()):
        return None
    if blank.provider == "google" and name.startswith("claude"):
        return None  # these are Vertex's, not the Gemini API's
    prices = _Prices(today)
    pricing = prices.of(model["prices"])
    if pricing is None:
        return None
    row = replace(
        blank,
        upstream_model=name,
        name=_text(model, "name"),
        description=" ".join((_text(model, "description") or "").split()) or None,
        context_length=_whole(model.get("context_window")),
        output_modalities=outputs_by_name(name),
        pricing=pricing,
        rounded=prices.rounded,
    )
    names, clauses = _split(model["match"])
    tiers = _variants(model, pricing, prices)
    return PriceRule(blank.provider, names, clauses, row, bool(model.get("deprecated")), tiers)


def _text(entry: _Json, key: str) -> str | None:
    value = entry.get(key)
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 < value <= _LARGEST_CONTEXT else None


class _Prices:
    """Reads price tables as they stand on a day, and remembers whether one had to be rounded."""

    def __init__(self, today: date) -> None:
        self._today = today
        self.rounded = False

    def of(self, stated: _Json | Sequence[_Json]) -> Pricing | None:
        """The prices that hold now, with those of other hours and days as overrides; None when one is no price."""
        history = [{"prices": stated}] if isinstance(stated, Mapping) else list(stated)
        base = max((i for i, entry in enumerate(history) if self.holds(entry)), default=0)
        units = _units(history[base]["prices"], self)
        if units is None or "prompt" not in units[0]:
            return None
        overrides = list(units[1])
        for entry in history[base + 1 :]:
            condition = self._condition(entry["constraint"])
            other = _units(entry["prices"], self)
            if other is None:
                return None
            overrides.append(PriceOverride(prices=other[0], **condition))
            overrides += [replace(tier, **condition) for tier in other[1]]
        return Pricing(**units[0], overrides=tuple(overrides))

    def holds(self, entry: _Json) -> bool:
        """Whether an entry counts today, at any hour."""
        constraint = entry.get("constraint")
        if constraint is None:
            return True
        start = constraint.get("start_date")
        return start is not None and date.fromisoformat(start) <= self._today

    def _condition(self, constraint: _Json) -> dict[str, int]:
        if "start_date" in constraint:
            day = datetime.combine(date.fromisoformat(constraint["start_date"]), time(), UTC)
            return {"valid_from": int(day.timestamp())}
        return {"utc_start": _hhmm(constraint["start_time"]), "utc_end": _hhmm(constraint["end_time"])}


def _hhmm(text: str) -> int:
    """The UTC time of day of ``16:30:00Z`` as 1630; a time without a zone is UTC."""
    moment = time.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = datetime.combine(date(2000, 1, 2), moment).astimezone(UTC).time()
    return moment.hour * 100 + moment.minute


def _units(prices: _Json, reader: _Prices) -> tuple[dict[str, Any], list[PriceOverride]] | None:
    """Prices by our names, and overrides for long prompts; None when one is no price."""
    units: dict[str, Pico] = {}
    longer: dict[int, dict[str, Pico]] = {}
    for key, value in prices.items():
        name = _PER_MILLION.get(key) or _PER_THOUSAND.get(key)
        if name is None or value is None:
            continue
        tiered = isinstance(value, Mapping)
        steps: list[tuple[int | None, Any]] = [(None, value["base"])] if tiered else [(None, value)]
        steps += [(tier["start"], tier["price"]) for tier in value["tiers"]] if tiered else []
        for start, dollars in steps:
            exact = dollars if isinstance(dollars, Decimal) else Decimal(str(dollars))
            price = per_million_to_pico(exact) if key in _PER_MILLION else per_unit_to_pico(exact / 1000)
            if price is None:
                return None
            reader.rounded = reader.rounded or price[1]
            (units if start is None else longer.setdefault(int(start), {}))[name] = price[0]
    return units, [PriceOverride(prices=longer[start], min_prompt_tokens=start) for start in sorted(longer)]


def _variants(model: _Json, pricing: Pricing, reader: _Prices) -> dict[str, Pricing]:
    """The prices of the service tiers; for each unit the first variant that states it counts, else the usual price."""
    tiers: dict[str, Pricing] = {}
    for variant in reversed(model.get("price_variants") or ()):
        tier = variant["when"].get("service_tier")
        if tier not in _TIERS or len(variant["when"]) > 1 or not reader.holds(variant):
            continue
        units = _units(variant["prices"], reader)
        if units is not None:
            usual = tiers.get(tier, pricing)
            # What the tier states holds at every length and hour, unless the tier says otherwise.
            kept = (_without(override, units[0]) for override in usual.overrides)
            overrides = (*(override for override in kept if override.prices), *units[1])
            tiers[tier] = replace(usual, **units[0], overrides=overrides)
    return {tier: prices for tier, prices in tiers.items() if prices != pricing}


def _without(override: PriceOverride, names: Iterable[str]) -> PriceOverride:
    return replace(override, prices={name: price for name, price in override.prices.items() if name not in names})


def _import(name: str, *rest: Any) -> ModuleType:  # noqa: ANN401 - the signature of __import__
    """``from .types import *`` gives recording constructors; the two standard modules it needs pass."""
    relative = len(rest) > 3 and rest[3]
    if relative:
        return _RecordingModule(name)
    if name not in {"datetime", "decimal"}:
        raise ImportError(name)
    return import_module(name)


class _RecordingModule(ModuleType):
    """A module whose every name is a constructor that gives the JSON shape of what it would have made."""

    __all__ = (
        "ArrayMatch", "ClauseAnd", "ClauseContains", "ClauseEndsWith", "ClauseEquals", "ClauseOr", "ClauseRegex",
        "ClauseStartsWith", "ConditionalPrice", "ModelInfo", "ModelPrice", "PriceVariant", "Provider",
        "StartDateConstraint", "Tier", "TieredPrices", "TimeOfDateConstraint", "UsageExtractor",
        "UsageExtractorMapping",
    )  # fmt: skip

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        if name.startswith("__"):
            raise AttributeError(name)

        def plain(**fields: object) -> dict[str, Any]:
            return fields

        def with_times(**fields: date | time) -> dict[str, Any]:
            return {key: value.isoformat() for key, value in fields.items()}

        def of_clauses(**fields: object) -> dict[str, Any]:
            return {key.rstrip("_"): value for key, value in fields.items()}

        if name in {"StartDateConstraint", "TimeOfDateConstraint"}:
            return with_times
        return of_clauses if name in {"ClauseAnd", "ClauseOr"} else plain


def _split(clause: _Json) -> tuple[frozenset[str], tuple[_Json, ...]]:
    _check_clause(clause)
    alternatives = clause.get("or", [clause])
    names = frozenset(one["equals"].lower() for one in alternatives if "equals" in one)
    return names, tuple(one for one in alternatives if "equals" not in one)


def _check_clause(clause: object) -> None:
    """Raises TypeError for what is no clause, so that none has to be expected once rules are asked."""
    if not isinstance(clause, Mapping):
        raise TypeError("a clause is an object")
    for kind, wanted in clause.items():
        if kind in {"or", "and"}:
            for inner in wanted:
                _check_clause(inner)
        elif not isinstance(wanted, str):
            raise TypeError("a clause compares with text")


def _matches(clause: _Json, upstream_model: str) -> bool:
    for kind, wanted in clause.items():
        match kind:
            case "equals":
                return bool(upstream_model == wanted.lower())
            case "starts_with":
                return upstream_model.startswith(wanted.lower())
            case "ends_with":
                return upstream_model.endswith(wanted.lower())
            case "contains":
                return wanted.lower() in upstream_model
            case "regex":
                pattern = _pattern(wanted)
                return pattern is not None and pattern.search(upstream_model) is not None
            case "or":
                return any(_matches(inner, upstream_model) for inner in wanted)
            case "and":
                return all(_matches(inner, upstream_model) for inner in wanted)
    return False


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str] | None:
    """The expression; None for one that does not compile, or that could keep a processor busy."""
    if len(text) > _LONGEST_PATTERN or _NESTED_REPEAT.search(text):
        return None
    try:
        return re.compile(text)
    except (re.error, RecursionError):
        return None


_NESTED_REPEAT: Final = re.compile(r"[+*]\)+[+*{]")
