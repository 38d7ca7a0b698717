"""OpenRouter's catalog: its list of models, and who serves each of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from turnout.catalog.rows import SERVICE_TIERS, Row
from turnout.catalog.sources import listing
from turnout.catalog.sources.listing import UnreadableListing
from turnout.domain.catalog import ArenaScore, Benchmarks, ReasoningSupport

__all__ = ["NAME", "entry_digests", "parse_endpoints", "parse_models"]

NAME: Final = "openrouter"
"""The source, and the provider of the rows of :func:`parse_models`."""

_SLUGS: Final[Mapping[str, str]] = {"google-ai-studio": "google"}
_QUANTIZATIONS: Final = frozenset(
    {"int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "mxfp4", "nvfp4", "mxfp8"}
)
_EFFORTS: Final = ("minimal", "low", "medium", "high", "xhigh", "max", "none")
_LONGEST_WORD: Final = 100
_MOST_ENDPOINTS: Final = 200
_MOST_ARENAS: Final = 100


def parse_models(body: bytes, fetched: str) -> tuple[Row, ...]:
    """The answer of ``GET /models``: one row for each model, with OpenRouter as its provider.

    *fetched* is the day, ``YYYY-MM-DD``. Names that begin with ``~`` stand for other models and are left out.

    Raises:
        UnreadableListing: *body* is not JSON, or not of that shape.
    """
    entries = {entry["id"]: entry for entry in reversed(_entries(body)) if isinstance(entry.get("id"), str)}
    return tuple(
        _with_facts(row, entries.get(row.upstream_model, {}), fetched)
        for row in listing.parse(NAME, body)
        if "/" in row.upstream_model and not row.upstream_model.startswith("~")
    )


def parse_endpoints(model_id: str, body: bytes, provider_names: Mapping[str, str], fetched: str) -> tuple[Row, ...]:
    """The answer of ``GET /models/{author}/{slug}/endpoints``: facts of endpoints that other sources know by name.

    *provider_names* leads from OpenRouter's slugs of providers to ours. The rows have no upstream name: OpenRouter
    does not tell it. Nor have they prices: those of a provider are what it charges its own customers.

    Raises:
        UnreadableListing: *body* is not JSON, or not of that shape.
    """
    document = _decoded(body)
    inner = document.get("data") if isinstance(document, Mapping) else None
    entries = inner.get("endpoints") if isinstance(inner, Mapping) else None
    if not isinstance(entries, list):
        raise UnreadableListing("no list of endpoints")
    rows: list[Row] = []
    for entry in entries[:_MOST_ENDPOINTS]:
        tag = _word(entry, "tag") if isinstance(entry, Mapping) else None
        row = None if tag is None else _endpoint_row(model_id, tag, entry, provider_names, fetched)
        rows += [row] if row is not None else []
    return tuple(rows)


def entry_digests(body: bytes) -> dict[str, str]:
    """By model id a digest of what ``GET /models`` says of it, to tell which models have changed since.

    Raises:
        UnreadableListing: *body* is not JSON, or not of that shape.
    """
    import hashlib  # noqa: PLC0415 - only a sync needs it

    return {
        entry["id"]: hashlib.sha256(msgspec.json.encode(entry)).hexdigest()[:16]
        for entry in _entries(body)
        if isinstance(entry.get("id"), str)
    }


def _entries(body: bytes) -> list[Mapping[str, Any]]:
    document = _decoded(body)
    entries = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise UnreadableListing("no list of models")
    return [entry for entry in entries[: listing.MAX_MODELS] if isinstance(entry, Mapping)]


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableListing(f"not JSON: {error}") from None


def _with_facts(row: Row, entry: Mapping[str, Any], fetched: str) -> Row:
    architecture = _table(entry, "architecture")
    reasoning = _reasoning(entry.get("reasoning"))
    parameters = row.supported_parameters
    return replace(
        row,
        source=NAME,
        fetched=fetched,
        model=row.upstream_model.lower(),
        canonical_slug=_slug(entry, "canonical_slug"),
        knowledge_cutoff=_day(entry, "knowledge_cutoff"),
        expiration_date=_day(entry, "expiration_date"),
        hugging_face_id=_word(entry, "hugging_face_id"),
        tokenizer=_word(architecture, "tokenizer"),
        instruct_type=_word(architecture, "instruct_type"),
        reasoning=None if parameters is None else "reasoning" in parameters or reasoning is not None,
        reasoning_support=reasoning,
        benchmarks=_benchmarks(_table(entry, "benchmarks")),
    )


def _endpoint_row(
    model_id: str, tag: str, entry: Mapping[str, Any], provider_names: Mapping[str, str], fetched: str
) -> Row | None:
    slug, _, rest = tag.lower().partition("/")
    provider = _SLUGS.get(slug) or provider_names.get(slug, slug)
    # The listing's parser knows all limits; it only wants a name.
    parsed = listing.parse(provider, msgspec.json.encode([{**entry, "id": model_id, "name": None, "pricing": None}]))
    if not parsed or provider == NAME:
        return None
    stated = _word(entry, "quantization")
    caching = entry.get("supports_implicit_caching")
    return replace(
        parsed[0],
        source=NAME,
        fetched=fetched,
        upstream_model="",
        model=model_id.lower(),
        tag=rest if rest and rest not in _QUANTIZATIONS | SERVICE_TIERS else None,
        service_tier=rest if rest in SERVICE_TIERS else None,
        quantization=stated if stated in _QUANTIZATIONS else rest if rest in _QUANTIZATIONS else None,
        implicit_caching=caching if isinstance(caching, bool) else None,
        name=None,
        description=None,
        listed=False,
    )


def _table(entry: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = entry.get(key)
    return value if isinstance(value, Mapping) else {}


def _word(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_WORD or not value.isprintable():
        return None
    return None if "<" in value or ">" in value else value


def _slug(entry: Mapping[str, Any], key: str) -> str | None:
    value = _word(entry, key)
    return value.lower() if value is not None and "/" in value else None


def _day(entry: Mapping[str, Any], key: str) -> str | None:
    value = _word(entry, key)
    try:
        return None if value is None else date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        return None


def _reasoning(stated: object) -> ReasoningSupport | None:
    if not isinstance(stated, Mapping):
        return None
    efforts = stated.get("supported_efforts")
    default = stated.get("default_effort")
    return ReasoningSupport(
        mandatory=stated.get("mandatory") is True,
        supported_efforts=tuple(one for one in _EFFORTS if one in efforts) if isinstance(efforts, list) else None,
        default_effort=default if default in _EFFORTS else None,
        default_enabled=_truth(stated.get("default_enabled")),
        supports_max_tokens=_truth(stated.get("supports_max_tokens")),
    )


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _benchmarks(stated: Mapping[str, Any]) -> Benchmarks | None:
    analysis = _table(stated, "artificial_analysis")
    arenas = stated.get("design_arena")
    scores = [_arena(entry) for entry in arenas[:_MOST_ARENAS]] if isinstance(arenas, list) else []
    found = Benchmarks(
        intelligence_index=_number(analysis.get("intelligence_index"), 100),
        coding_index=_number(analysis.get("coding_index"), 100),
        agentic_index=_number(analysis.get("agentic_index"), 100),
        design_arena=tuple(score for score in scores if score is not None),
    )
    return None if found == Benchmarks() else found


def _arena(entry: object) -> ArenaScore | None:
    if not isinstance(entry, Mapping):
        return None
    arena, category = _word(entry, "arena"), _word(entry, "category")
    elo, win_rate = _number(entry.get("elo"), 10_000), _number(entry.get("win_rate"), 100)
    if arena is None or category is None or elo is None or win_rate is None:
        return None
    return ArenaScore(arena=arena, category=category, elo=elo, win_rate=win_rate)


def _number(value: object, most: float) -> float | None:
    """A number from 0 to *most*; infinities and NaN are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        return None
    return float(value)
