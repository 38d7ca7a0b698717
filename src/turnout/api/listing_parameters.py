"""The query parameters of listings as the OpenAPI document names them."""

from __future__ import annotations

from typing import Any, Final

from turnout.catalog.query import CATEGORIES, DEFAULT_LIMIT, MAX_LIMIT
from turnout.catalog.sorts import SORTS

__all__ = ["BENCHMARK_PARAMETERS", "LISTING_PARAMETERS", "PAGE_PARAMETERS"]

_NUMBER: Final = {"type": "number", "minimum": 0}
_WHOLE: Final = {"type": "integer", "minimum": 0}
_TEXT: Final = {"type": "string"}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"in": "query", "name": name, "required": False, "schema": schema, "description": description}


def _span(name: str, schema: dict[str, Any], description: str) -> tuple[dict[str, Any], ...]:
    return (_query(f"min_{name}", schema, f"Least {description}"), _query(f"max_{name}", schema, f"Most {description}"))


PAGE_PARAMETERS: Final = (
    _query("offset", _WHOLE, "Models to pass over; asks for a page."),
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        f"Models of a page, {DEFAULT_LIMIT} where only an offset is sent; asks for a page.",
    ),
)

LISTING_PARAMETERS: Final = (
    _query("output_modalities", _TEXT, "Comma list; a model writes one of them. `all` for every model; else `text`."),
    _query("input_modalities", _TEXT, "Comma list; a model reads all of them."),
    _query("supported_parameters", _TEXT, "Comma list; a model takes all of them."),
    _query("sort", {"type": "string", "enum": list(SORTS)}, "Order; models without data for it come last."),
    _query("q", _TEXT, "Words of the id or the name."),
    _query("context", {"type": "integer", "minimum": 1}, "Fewest tokens of context."),
    *_span("price", _NUMBER, "prompt price, in dollars per million tokens."),
    *_span("output_price", _NUMBER, "completion price, in dollars per million tokens."),
    _query("category", {"type": "string", "enum": sorted(CATEGORIES)}, "Use case."),
    _query("arch", _TEXT, "Comma list of tokenizer families."),
    _query("model_authors", _TEXT, "Comma list of authors."),
    _query("providers", _TEXT, "Comma list of slugs or display names; one of them serves the model."),
    _query("distillable", {"type": "string", "enum": ["true", "false"]}, "Whether its answers may train others."),
    _query("zdr", {"type": "string", "enum": ["true"]}, "An endpoint retains no data."),
    _query("region", {"type": "string", "enum": ["eu", "us"]}, "An endpoint stays within the region."),
    *_span("age_days", _WHOLE, "days since the model came."),
    *_span("intelligence_index", _NUMBER, "intelligence index."),
    *_span("coding_index", _NUMBER, "coding index."),
    *_span("agentic_index", _NUMBER, "agentic index."),
    *_span("tool_success_rate", {"type": "number", "minimum": 0, "maximum": 1}, "fraction of sound tool calls here."),
    *PAGE_PARAMETERS,
    _query("use_rss", {"type": "string", "enum": ["true"]}, "Answer with an RSS feed."),
    _query("use_rss_chat_links", {"type": "string", "enum": ["true"]}, "Its items lead to the chat page."),
)

BENCHMARK_PARAMETERS: Final = (
    _query(
        "source", {"type": "string", "enum": ["artificial-analysis", "design-arena", "openrouter"]}, "Who measured."
    ),
    _query("task_type", {"type": "string", "enum": ["coding", "intelligence", "agentic", "search"]}, "Which index."),
    _query("arena", {"type": "string", "enum": ["models", "builders", "agents"]}, "Which arena."),
    _query("category", _TEXT, "Which category of an arena."),
    _query("max_results", {"type": "integer", "minimum": 1}, "Most results."),
)
