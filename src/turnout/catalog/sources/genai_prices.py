"""genai-prices: price rules, read from its data module without importing the package and what it drags in.

The data module is one list of constructor calls. It is evaluated here with constructors of our own, which saves the
import of an HTTP client and of a validation layer (a tenth of a second and some 30 MB).
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from turnout.catalog.rows import Row, per_million_to_pico, per_unit_to_pico
from turnout.domain.usage import Pricing

__all__ = ["PACKAGE", "PriceRule", "UnknownShape", "packaged", "rules"]

PACKAGE: Final = "genai-prices"
"""The distribution whose data module is read."""

_PER_MILLION: Final = {
    "input_mtok": "prompt",
    "output_mtok": "completion",
    "cache_read_mtok": "input_cache_read",
    "cache_write_mtok": "input_cache_write",
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


class UnknownShape(ValueError):
    """The data module is not there, or is not the list of constructor calls that it was."""


class _Call(NamedTuple):
    """One constructor call of the data module: which constructor, with which keyword arguments."""

    name: str
    fields: Mapping[str, Any]


class PriceRule(NamedTuple):
    """The price of some models of one provider; ``row`` is the rule as a model of its own.

    ``names`` are matched as a whole, ``clauses`` are the patterns beside them.
    """

    provider: str
    names: frozenset[str]
    clauses: tuple[_Call, ...]
    row: Row
    deprecated: bool

    def matches(self, upstream_model: str) -> bool:
        """Whether this rule prices the lower-case *upstream_model*."""
        return upstream_model in self.names or any(_matches(clause, upstream_model) for clause in self.clauses)


def packaged() -> list[_Call]:
    """The constructor calls of the installed package's data module.

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
    if not isinstance(providers, list) or not all(isinstance(provider, _Call) for provider in providers):
        raise UnknownShape("the data of genai-prices is no list of providers")
    return providers


def rules(providers: Iterable[_Call], at: float) -> tuple[PriceRule, ...]:
    """The price rules of *providers* as they stand at the wall-clock time *at*, in unix seconds, in their order.

    Where a price depends on the hour, the last one stated stands for the whole day: the dearer one. Where it grows
    with the length of the prompt, the price of short prompts stands. What does not have the known shape is left out.
    """
    today = datetime.fromtimestamp(at, UTC).date()
    found: list[PriceRule] = []
    for provider in providers:
        for model in provider.fields.get("models", ()):
            try:
                rule = _rule(provider.fields["id"], model.fields, today)
            except (AttributeError, IndexError, KeyError, TypeError):
                continue
            if rule is not None:
                found.append(rule)
    return tuple(found)


def _rule(provider: str, model: Mapping[str, Any], today: date) -> PriceRule | None:
    name: str = model["id"]
    if _NOT_CALLABLE.search(name.lower()):
        return None
    if provider == "google" and name.startswith("claude"):
        return None  # these are Vertex's, not the Gemini API's
    pricing, rounded = _pricing(_current(model["prices"], today))
    if pricing is None:
        return None
    row = Row(
        source="genai-prices",
        provider=provider,
        upstream_model=name,
        name=model.get("name"),
        description=" ".join((model.get("description") or "").split()) or None,
        context_length=model.get("context_window"),
        pricing=pricing,
        rounded=rounded,
        price_list_only=True,
    )
    names, clauses = _split(model["match"])
    return PriceRule(provider, names, clauses, row, bool(model.get("deprecated")))


def _import(name: str, *rest: Any) -> ModuleType:  # noqa: ANN401 - the signature of __import__
    """``from .types import *`` gives recording constructors; the two standard modules it needs pass."""
    relative = len(rest) > 3 and rest[3]
    if relative:
        return _RecordingModule(name)
    if name not in {"datetime", "decimal"}:
        raise ImportError(name)
    return import_module(name)


class _RecordingModule(ModuleType):
    """A module whose every name is a constructor that records its call."""

    __all__ = (
        "ArrayMatch", "ClauseAnd", "ClauseContains", "ClauseEndsWith", "ClauseEquals", "ClauseOr", "ClauseRegex",
        "ClauseStartsWith", "ConditionalPrice", "ModelInfo", "ModelPrice", "PriceVariant", "Provider",
        "StartDateConstraint", "Tier", "TieredPrices", "TimeOfDateConstraint", "UsageExtractor",
        "UsageExtractorMapping",
    )  # fmt: skip

    def __getattr__(self, name: str) -> Callable[..., _Call]:
        if name.startswith("__"):
            raise AttributeError(name)

        def record(**fields: object) -> _Call:
            return _Call(name, fields)

        return record


def _current(prices: _Call | list[_Call], today: date) -> Mapping[str, Any]:
    if not isinstance(prices, list):
        return prices.fields
    for conditional in reversed(prices):
        constraint = conditional.fields.get("constraint")
        start = constraint.fields.get("start_date") if constraint is not None else None
        if start is None or start <= today:
            current: _Call = conditional.fields["prices"]
            return current.fields
    return {}


def _pricing(prices: Mapping[str, Any]) -> tuple[Pricing | None, bool]:
    if "input_mtok" not in prices:
        return None, False
    rounded = False
    units: dict[str, Any] = {}
    for key, value in prices.items():
        dollars = value.fields["base"] if isinstance(value, _Call) else value
        if not isinstance(dollars, Decimal):
            continue
        if key in _PER_MILLION:
            name, price = _PER_MILLION[key], per_million_to_pico(dollars)
        elif key in _PER_THOUSAND:
            name, price = _PER_THOUSAND[key], per_unit_to_pico(dollars / 1000)
        else:
            continue
        if price is None:
            return None, False
        units[name] = price[0]
        rounded = rounded or price[1]
    return Pricing(**units), rounded


def _split(clause: _Call) -> tuple[frozenset[str], tuple[_Call, ...]]:
    alternatives = clause.fields["or_"] if clause.name == "ClauseOr" else [clause]
    names = frozenset(one.fields["equals"].lower() for one in alternatives if one.name == "ClauseEquals")
    return names, tuple(one for one in alternatives if one.name != "ClauseEquals")


def _matches(clause: _Call, upstream_model: str) -> bool:
    fields = clause.fields
    match clause.name:
        case "ClauseEquals":
            return bool(upstream_model == fields["equals"].lower())
        case "ClauseStartsWith":
            return upstream_model.startswith(fields["starts_with"].lower())
        case "ClauseEndsWith":
            return upstream_model.endswith(fields["ends_with"].lower())
        case "ClauseContains":
            return fields["contains"].lower() in upstream_model
        case "ClauseRegex":
            return re.search(fields["regex"], upstream_model) is not None
        case "ClauseOr":
            return any(_matches(inner, upstream_model) for inner in fields["or_"])
        case "ClauseAnd":
            return all(_matches(inner, upstream_model) for inner in fields["and_"])
    return False
