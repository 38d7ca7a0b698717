"""A provider's own list of models: the answer of ``GET /models`` in the shapes that are met in the wild."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from turnout.catalog.rows import PARAMETERS, Row, per_unit_to_pico
from turnout.domain.usage import Pricing

__all__ = ["MAX_MODELS", "UnreadableListing", "parse"]

MAX_MODELS: Final = 20_000
"""More entries than this are not read: the answer comes from outside."""

_LONGEST_NAME: Final = 200
_MOST_VOICES: Final = 500
_LONG: Final = 100
_LATEST_YEAR_2100: Final = 4_102_444_800
_LARGEST_CONTEXT: Final = 10**9

# The same fact under the names that OpenRouter, vLLM, llama.cpp, Groq, Mistral, Together, LM Studio … give it.
_CONTEXT: Final = ("context_length", "context_window", "max_model_len", "max_context_length", "n_ctx", "n_ctx_train")
_COMPLETION: Final = ("max_completion_tokens", "max_output_length", "max_output_tokens", "max_tokens")
_PROMPT: Final = ("max_prompt_tokens", "max_input_tokens", "max_input_length")
_PRICES: Final = (
    "prompt", "completion", "request", "image", "image_token", "image_output", "audio", "audio_output",
    "input_audio_cache", "web_search", "internal_reasoning", "input_cache_read", "input_cache_write",
    "input_cache_write_1h", "output_image", "audio_second", "character",
)  # fmt: skip
_MODALITIES: Final = frozenset(
    {"text", "image", "file", "audio", "video", "embeddings", "rerank", "speech", "transcription"}
)


class UnreadableListing(ValueError):
    """The answer is no list of models in any known shape."""


def parse(provider: str, body: bytes) -> tuple[Row, ...]:
    """The models in *body*, the first of each name, in its order; entries without a usable name are left out.

    Known shapes: ``{"data": [...]}`` (OpenAI, OpenRouter, vLLM, llama.cpp, Anthropic), ``{"models": [...]}``
    (Ollama's ``/api/tags``, llama.cpp, Gemini) and a bare list (Together).

    Raises:
        UnreadableListing: *body* is not JSON or has none of these shapes.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableListing(f"not JSON: {error}") from error
    rows: dict[str, Row] = {}
    for entry in _entries(document)[:MAX_MODELS]:
        if isinstance(entry, Mapping) and (row := _row(provider, entry)) is not None:
            rows.setdefault(row.upstream_model, row)
    return tuple(rows.values())


def _entries(document: object) -> list[Any]:
    if isinstance(document, Mapping):
        # llama.cpp sends both; its "data" holds the lengths.
        document = document["data"] if isinstance(document.get("data"), list) else document.get("models")
    if not isinstance(document, list):
        raise UnreadableListing("no list of models")
    return document


def _row(provider: str, entry: Mapping[str, Any]) -> Row | None:
    name = _first_text(entry, ("id", "model", "name"))
    if name is None or len(name) > _LONGEST_NAME or not name.isprintable():
        return None
    meta = _mapping(entry, "meta")
    top = _mapping(entry, "top_provider")
    architecture = _mapping(entry, "architecture")
    pricing, rounded = _pricing(_mapping(entry, "pricing"))
    return Row(
        source=f"{provider} /models",
        provider=provider,
        upstream_model=name.removeprefix("models/"),
        name=_first_text(entry, ("display_name", "displayName")) or _display_name(entry, name),
        description=_first_text(entry, ("description",)),
        created=_count((entry,), ("created",), _LATEST_YEAR_2100),
        context_length=_count((entry, meta, top), (*_CONTEXT, "inputTokenLimit"), _LARGEST_CONTEXT),
        max_prompt_tokens=_count((entry,), _PROMPT, _LARGEST_CONTEXT),
        max_completion_tokens=_count((entry, top), (*_COMPLETION, "outputTokenLimit"), _LARGEST_CONTEXT),
        input_modalities=_words(architecture.get("input_modalities", entry.get("input_modalities")), _MODALITIES),
        output_modalities=_words(architecture.get("output_modalities", entry.get("output_modalities")), _MODALITIES),
        supported_voices=_voices(entry.get("supported_voices")),
        supported_parameters=_words(entry.get("supported_parameters"), PARAMETERS),
        pricing=pricing,
        rounded=rounded,
        listed=True,
    )


def _mapping(entry: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = entry.get(key)
    return value if isinstance(value, Mapping) else {}


def _first_text(entry: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    return next((value for key in keys if isinstance(value := entry.get(key), str) and value.strip()), None)


def _display_name(entry: Mapping[str, Any], name: str) -> str | None:
    stated = entry.get("name")
    return stated if isinstance(stated, str) and stated.strip() and stated != name else None


def _count(places: Iterable[Mapping[str, Any]], keys: tuple[str, ...], largest: int) -> int | None:
    for place in places:
        for key in keys:
            value = place.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= largest:
                return int(value)
    return None


def _words(value: object, known: Iterable[str]) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    stated = {word for word in value if isinstance(word, str)}
    return tuple(word for word in (value if isinstance(known, frozenset) else known) if word in stated & set(known))


def _voices(value: object) -> tuple[str, ...] | None:
    """Names of voices; every provider has its own."""
    if not isinstance(value, list):
        return None
    named = [one for one in value[:_MOST_VOICES] if isinstance(one, str) and one.isprintable() and len(one) < _LONG]
    return tuple(dict.fromkeys(named)) or None


def _pricing(stated: Mapping[str, Any]) -> tuple[Pricing | None, bool]:
    """Prices in dollars per unit as strings, as OpenRouter sends them; numbers have no known unit."""
    rounded = False
    prices: dict[str, Any] = {}
    for name in _PRICES:
        text = stated.get(name)
        if not isinstance(text, str):
            continue
        try:
            price = per_unit_to_pico(Decimal(text)) if len(text) <= 40 else None
        except InvalidOperation:
            price = None
        if price is None:  # "-1" stands for "depends on where it is routed"
            if name in {"prompt", "completion"}:
                return None, False
            continue
        prices[name] = price[0]
        rounded = rounded or price[1]
    if "prompt" not in prices or "completion" not in prices:
        return None, False
    return Pricing(**prices), rounded
