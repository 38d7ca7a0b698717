"""Definitions as clients may send them, for properties of their ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

__all__ = ["CHANGES", "DEFAULTS", "QUERY", "QUERY_CHANGES", "SCORE", "SCORE_CHANGES", "query_llms", "score_llms"]

JSON = dict[str, Any]
QUERY: Final[JSON] = {"id": "acme/tiny", "mode": "generate", "weight": {"type": "static", "weight": 1}}
SCORE: Final[JSON] = {"model": "acme/tiny"}

DEFAULTS: Final[Mapping[str, tuple[object, ...]]] = {
    "frequency_penalty": (0, 0.0, -0.0, None),
    "logit_bias": ({}, {"7": 0}, None),
    "max_completion_tokens": (0, 0.0, None),
    "presence_penalty": (0, None),
    "stop": ([], None),
    "temperature": (1, 1.0, None),
    "top_p": (1, None),
    "max_tokens": (0, None),
    "min_p": (0, None),
    "provider": (
        {},
        {"order": [], "only": [], "allow_fallbacks": True, "require_parameters": False, "data_collection": "allow"},
        {"ignore": None, "sort": None},
        None,
    ),
    "reasoning": ({}, {"max_tokens": 0}, {"effort": None}, None),
    "repetition_penalty": (1, None),
    "top_a": (0, None),
    "top_k": (0, None),
    "verbosity": ("medium", None),
    "models": ([], None),
}
"""What says nothing, by field."""

CHANGES: Final[Mapping[str, tuple[object, ...]]] = {
    "frequency_penalty": (0.5, -2, 2),
    "logit_bias": ({"7": 1}, {"7": -1}, {"8": 1}, {"7": 1, "10": 1}),
    "max_completion_tokens": (1, 2147483647),
    "presence_penalty": (1e-7, -1),
    "stop": ("a", "b", ["a", "b"], ["a", "b", "c"]),
    "temperature": (0, 0.7, 2),
    "top_p": (0, 0.5),
    "max_tokens": (1, 10),
    "min_p": (0.05, 1),
    "provider": (
        {"order": ["a", "b"]},
        {"order": ["b", "a"]},
        {"only": ["a"]},
        {"ignore": ["a"]},
        {"quantizations": ["fp8"]},
        {"allow_fallbacks": False},
        {"require_parameters": True},
        {"data_collection": "deny"},
        {"sort": "price"},
        {"sort": "throughput"},
    ),
    "reasoning": ({"max_tokens": 5}, {"effort": "low"}, {"effort": "high"}),
    "repetition_penalty": (0, 1.1),
    "top_a": (0.3, 1),
    "top_k": (1, 40),
    "verbosity": ("low", "high"),
    "models": (["b/c"], ["b/c", "d/e"], ["d/e", "b/c"]),
}
"""What says something, by field: each value of a field something else."""


def _definitions(base: JSON, changes: Mapping[str, tuple[object, ...]]) -> st.SearchStrategy[JSON]:
    optional = {name: st.sampled_from(values + DEFAULTS.get(name, ())) for name, values in changes.items()}
    return st.fixed_dictionaries({}, optional=optional).map(lambda chosen: base | chosen)


_TAUGHT: Final[JSON] = {"type": "training_table", "base_weight": 1, "min_weight": 0.5, "max_weight": 2}
QUERY_CHANGES: Final[Mapping[str, tuple[object, ...]]] = {
    **CHANGES,
    "id": ("acme/tiny", "acme/other"),
    "mode": ("select_thinking", "select_non_thinking", "select_thinking_logprobs", "select_non_thinking_logprobs"),
    "select_top_logprobs": (1, 5, 19),
    "reasoning_effort": ("minimal", "low", "medium", "high"),
    "weight": ({"type": "static", "weight": 2}, _TAUGHT, _TAUGHT | {"max_weight": 3}),
}
SCORE_CHANGES: Final[Mapping[str, tuple[object, ...]]] = {
    **CHANGES,
    "model": ("acme/tiny", "acme/other"),
    "weight": ({"type": "static", "weight": 2}, _TAUGHT, _TAUGHT | {"max_weight": 3}),
    "output_mode": ("json_schema", "tool_call"),
    "top_logprobs": (1, 5, 20),
    "prefix_messages": ([{"role": "system", "content": "A"}], [{"role": "user", "content": "A"}]),
    "suffix_messages": ([{"role": "system", "content": "A"}], [{"role": "system", "content": "A", "name": "n"}]),
}

query_llms: Final = _definitions(QUERY, QUERY_CHANGES)
score_llms: Final = _definitions(SCORE, SCORE_CHANGES)
