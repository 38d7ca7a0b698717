"""The page of all models: what the server draws of it, and the table that the browser filters itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from turnout.base.errors import BadRequest
from turnout.base.money import Pico, dollars
from turnout.catalog.authors import AUTHOR_NAMES
from turnout.catalog.entries import Entry
from turnout.catalog.listing import Listing
from turnout.catalog.query import Query, parse_query
from turnout.catalog.sorts import SORTS
from turnout.web.drawing import Drawn

__all__ = ["SORT_NAMES", "browse", "entry_row", "parsed", "table_of"]

SORT_NAMES: Final[Mapping[str, str]] = {
    "": "As listed",
    "newest": "Newest",
    "top-weekly": "Most used this week",
    "pricing-low-to-high": "Price, low to high",
    "pricing-high-to-low": "Price, high to low",
    "context-high-to-low": "Context, high to low",
    "throughput-high-to-low": "Throughput, high to low",
    "latency-low-to-high": "Latency, low to high",
    "intelligence-high-to-low": "Intelligence index",
    "coding-high-to-low": "Coding index",
    "agentic-high-to-low": "Agentic index",
    "design-arena-elo-high-to-low": "Design arena rating",
}
"""What people call the orders of the Models API."""

_PAGE: Final = 60
_INPUTS: Final = ("text", "image", "file", "audio", "video")
_OUTPUTS: Final = ("text", "image", "embeddings", "audio", "video", "rerank", "speech", "transcription")
_PARAMETERS: Final = ("tools", "structured_outputs", "response_format", "reasoning", "logprobs", "seed")
_ASKED: Final = (
    "q", "sort", "output_modalities", "input_modalities", "supported_parameters", "context", "max_price",
)  # fmt: skip
_PAIRS: Final = frozenset({"offset", "limit", "fmt"})
_encoder = msgspec.json.Encoder()


def parsed(pairs: Sequence[tuple[str, str]]) -> tuple[Query, str]:
    """The query that *pairs* ask for, and what is wrong with it: then it is that of all models."""
    try:
        return parse_query(pairs), ""
    except BadRequest as error:
        return Query(), error.message


def browse(
    listing: Listing, entries: Sequence[Entry], pairs: Sequence[tuple[str, str]], query: Query, problem: str
) -> Drawn:
    """The page of the models *entries*, which are what *query* asks for."""
    offset = min(query.offset or 0, len(entries))
    shown = entries[offset : offset + (query.limit or _PAGE)]
    kept = [(name, value) for name, value in pairs if name not in _PAIRS and value]
    content = {
        "rows": [entry_row(entry) for entry in shown],
        "total": len(entries),
        "all_models": len(listing.entries),
        "offset": offset,
        "asked": dict.fromkeys(_ASKED, "") | dict(kept),
        "problem": problem,
        "previous": _address(kept, max(0, offset - _PAGE)) if offset else None,
        "next": _address(kept, offset + _PAGE) if offset + _PAGE < len(entries) else None,
        "sorts": SORT_NAMES,
        "inputs": _INPUTS,
        "outputs": _OUTPUTS,
        "parameters": _PARAMETERS,
        "api_query": urlencode(kept),
    }
    return "models.html", content, 400 if problem else 200


def entry_row(entry: Entry) -> dict[str, Any]:
    """A model as one row of a table."""
    model = entry.model
    return {
        "id": model.id,
        "name": model.name,
        "author": AUTHOR_NAMES.get(entry.author, entry.author),
        "description": model.description,
        "created": model.created,
        "context": model.context_length,
        "prompt": None if entry.prompt is None or model.router else dollars(Pico(entry.prompt)),
        "completion": None if entry.completion is None or model.router else dollars(Pico(entry.completion)),
        "router": model.router,
        "inputs": model.input_modalities,
        "outputs": model.output_modalities,
        "providers": len({endpoint.provider for endpoint in model.endpoints}),
        "tokens": entry.figures.tokens,
        "throughput": entry.figures.throughput,
        "latency": entry.figures.latency,
    }


def table_of(listing: Listing, entries: Iterable[Entry]) -> bytes:
    """Everything that the browser needs to search, filter and sort *entries* by itself, as compact JSON.

    A row is an array in the order of `frontend/src/public/catalog.ts`; lists are numbers into the tables before it.
    Prices are in pico-dollars per token.
    """
    tables = _Tables()
    usable = {slug for slug, one in listing.snapshot.providers.items() if one.usable}
    rows = [
        [
            entry.model.id,
            entry.model.name,
            entry.model.created,
            entry.model.context_length or 0,
            entry.prompt,
            entry.completion,
            entry.weighted,
            tables.lists(sorted(entry.inputs)),
            tables.lists(sorted(entry.outputs)),
            tables.lists(sorted(entry.parameters)),
            tables.lists(sorted({endpoint.provider for endpoint in entry.model.endpoints})),
            entry.architecture,
            (1 if entry.zdr else 0)
            + (2 if entry.model.distillable else 0)
            + (4 if entry.model.distillable is False else 0)
            + (8 if "eu" in entry.regions else 0)
            + (16 if "us" in entry.regions else 0)
            + (32 if entry.model.router else 0)
            + (64 if any(endpoint.provider in usable for endpoint in entry.model.endpoints) else 0),
            entry.intelligence_index,
            entry.coding_index,
            entry.agentic_index,
            _best(SORTS["design-arena-elo-high-to-low"].figure(entry)),
            entry.figures.tokens,
            _best(entry.figures.throughput),
            _best(entry.figures.latency),
            entry.figures.tool_success_rate,
        ]
        for entry in entries
    ]
    slugs = {slug for words in tables.made for slug in words}
    names = {slug: one.name for slug, one in listing.snapshot.providers.items() if slug in slugs}
    return _encoder.encode({"lists": list(tables.made), "providers": names, "authors": AUTHOR_NAMES, "rows": rows})


class _Tables:
    """Lists that many rows share, each kept once."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, ...], int] = {}

    def lists(self, words: Sequence[str]) -> int:
        return self.made.setdefault(tuple(words), len(self.made))


def _best(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 2)


def _address(pairs: Sequence[tuple[str, str]], offset: int) -> str:
    return f"/models?{urlencode([*pairs, ('offset', str(offset))])}"
