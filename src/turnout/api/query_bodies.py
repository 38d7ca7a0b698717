"""What a definition looks like when it is registered, for the API's document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from turnout.domain.query import MODES, OUTPUT_MODES, DefinitionKind

__all__ = ["DEFINITION_BODIES"]

_Schema = dict[str, Any]

_MOST: Final = 2**31 - 1
_EFFORTS: Final = ["minimal", "low", "medium", "high"]


def _number(low: float, high: float, default: float, what: str) -> _Schema:
    return {"type": "number", "minimum": low, "maximum": high, "default": default, "description": what}


def _count(most: int, what: str) -> _Schema:
    return {"type": "integer", "minimum": 0, "maximum": most, "description": what}


def _one_of(values: list[str], what: str) -> _Schema:
    return {"type": "string", "enum": values, "description": what}


def _names(what: str) -> _Schema:
    return {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True, "description": what}


def _object(properties: Mapping[str, Any], required: tuple[str, ...] = (), what: str = "") -> _Schema:
    made: _Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return made | ({"required": list(required)} if required else {}) | ({"description": what} if what else {})


def _typed(kind: str, properties: Mapping[str, Any], what: str) -> _Schema:
    return _object({"type": {"const": kind}} | dict(properties), ("type", *properties), what)


def _weighed(what: str) -> _Schema:
    return {"type": "number", "exclusiveMinimum": 0, "description": what}


_SLUG: Final[_Schema] = {"type": "string", "minLength": 1, "description": "The model that is asked."}
_STOPS: Final = _names("Texts at which it stops; their order means nothing.")
_PROVIDER: Final = _object(
    {
        "order": _names("Providers in the order in which they are tried."),
        "allow_fallbacks": {"type": "boolean", "default": True, "description": "Whether others may step in."},
        "require_parameters": {"type": "boolean", "description": "Only those that take every parameter."},
        "data_collection": _one_of(["allow", "deny"], "Whether providers may keep what they are sent."),
        "only": _names("Only these providers."),
        "ignore": _names("None of these providers."),
        "quantizations": _names("Only weights of these precisions."),
        "sort": {"type": "string", "minLength": 1, "description": "What counts first: `price` or `throughput`."},
    },
    what="Routing.",
)
_WEIGHT: Final[_Schema] = {
    "description": "How much its voice counts; of the type of the model's weight.",
    "anyOf": [
        _typed("static", {"weight": _weighed("Always this.")}, "Always the same."),
        _typed(
            "training_table",
            {
                "base_weight": _weighed("Where nothing has been learned."),
                "min_weight": _weighed("Where it was never right; at most the base."),
                "max_weight": _weighed("Where it was always right; at least the base."),
            },
            "By what it got right on similar prompts.",
        ),
    ],
}
_COMMON: Final[Mapping[str, Any]] = {
    "frequency_penalty": _number(-2, 2, 0, "Against tokens, the more the more often they have come."),
    "logit_bias": {
        "type": "object",
        "patternProperties": {"^(0|[1-9][0-9]*)$": {"type": "integer", "minimum": -100, "maximum": 100}},
        "additionalProperties": False,
        "description": "By number of a token: what is added to its logit.",
    },
    "max_completion_tokens": _count(_MOST, "Tokens of an answer at most, thoughts included; 0: no bound."),
    "presence_penalty": _number(-2, 2, 0, "Against tokens that have come before."),
    "stop": {"anyOf": [{"type": "string", "minLength": 1}, _STOPS]},
    "temperature": _number(0, 2, 1, "How freely tokens are drawn; 0: always the likeliest."),
    "top_p": _number(0, 1, 1, "Only the likeliest tokens that come to this probability together."),
    "max_tokens": _count(_MOST, "Tokens of an answer at most; 0: no bound."),
    "min_p": _number(0, 1, 0, "Only tokens that have this part of the likeliest one's probability."),
    "provider": _PROVIDER,
    "reasoning": _object(
        {
            "max_tokens": _count(_MOST, "Tokens of thought at most; not with `effort`."),
            "effort": _one_of(_EFFORTS, "How hard it thinks."),
            "enabled": {"type": "boolean", "description": "Whether it thinks; false alone only."},
        },
        what="How much it thinks before it answers.",
    ),
    "repetition_penalty": _number(0, 2, 1, "Against tokens that have come before, by their probability."),
    "top_a": _number(0, 1, 0, "Only tokens that are likely enough beside the likeliest one."),
    "top_k": _count(_MOST, "Only so many of the likeliest tokens; 0: all."),
    "verbosity": _one_of(["low", "medium", "high"], "How long its answers are."),
    "models": _names("Models that are asked in this order where the first fails."),
    "weight": _WEIGHT,
}
_MESSAGES: Final[_Schema] = {"type": "array", "items": {"type": "object"}, "description": "Around each prompt."}
_QUERY_LLM: Final = _object(
    {
        "id": _SLUG,
        "mode": _one_of(list(MODES), "Whether it answers, or how it selects among the answers of others."),
        "select_top_logprobs": _count(20, "In the modes with probabilities: of how many options they are told."),
        "reasoning_effort": _one_of(_EFFORTS, "How hard it thinks."),
        **_COMMON,
    },
    ("id", "mode", "weight"),
)
_SCORE_LLM: Final = _object(
    {
        "model": _SLUG,
        "output_mode": _one_of(list(OUTPUT_MODES), "How it writes its vote."),
        "synthetic_reasoning": {"type": "boolean", "description": "It thinks in words first; not with `instruction`."},
        "top_logprobs": _count(20, "Of how many options it tells probabilities."),
        "prefix_messages": _MESSAGES,
        "suffix_messages": _MESSAGES,
        **_COMMON,
    },
    ("model",),
)
_TOP: Final[_Schema] = {"type": "integer", "minimum": 1, "maximum": _MOST, "description": "Rows that count at most."}
_EMBEDDINGS: Final = _object(
    {"model": _SLUG, "max_tokens": _count(_MOST, "Where prompts are cut."), "provider": _PROVIDER},
    ("model", "max_tokens"),
)


def _model(llm: _Schema, field: str, embeddings: Mapping[str, Any], more: Mapping[str, Any]) -> _Schema:
    weights = [
        _typed("static", {}, "Each LLM has the weight of its definition."),
        _typed("training_table", {**embeddings, "top": _TOP}, "Weights follow the most similar rows of a table."),
    ]
    llms = {"type": "array", "items": llm, "minItems": 1, "maxItems": 128}
    required = (field, "weight") if field == "models" else (field,)
    return _object({field: llms, "weight": {"anyOf": weights}, **more}, required)


_SEEN: Final = {"type": "boolean", "description": "Whether those that select see the thoughts of those that answer."}
_SCORE_MODEL: Final = _model(_SCORE_LLM, "llms", {"embeddings": _EMBEDDINGS}, {})
DEFINITION_BODIES: Final[Mapping[DefinitionKind, _Schema]] = {
    "query_llm": _QUERY_LLM,
    "query_model": _model(_QUERY_LLM, "models", {"embeddings_model": _SLUG}, {"select_generated_reasoning": _SEEN}),
    "score_llm": _SCORE_LLM,
    "score_model": _SCORE_MODEL,
    "multichat_llm": _SCORE_LLM,
    "multichat_model": _SCORE_MODEL,
}
"""The JSON schemas of bodies, by kind."""
