"""``POST /query/completions``, ``/score/completions`` and ``/multichat/completions``, and the archive behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

from turnout.api.errors import OneShape
from turnout.base.errors import Internal
from turnout.contracts.surface import Encoder
from turnout.domain.chat import ChatRequest

__all__ = ["BODIES", "VotingSurface"]

_ANY: Final[dict[str, Any]] = {"description": "Any value."}
_SHARE: Final[dict[str, Any]] = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_FLAG: Final[dict[str, Any]] = {"type": "boolean"}
_LIST: Final[dict[str, Any]] = {"type": "array"}
_COMMON: Final[dict[str, Any]] = {
    "messages": _LIST,
    "model": {"anyOf": [{"type": "string"}, {"type": "object"}]},
    "tools": _LIST,
    "seed": {"type": "integer"},
    "service_tier": {"type": "string"},
    "stream": _FLAG,
    "stream_options": {"type": "object"},
    "usage": {"type": "object"},
    "user": {"type": "string"},
    "session_id": {"type": "string"},
    "store": _FLAG,
    "max_cost": {"anyOf": [{"type": "number"}, {"type": "string"}]},
    "max_latency_ms": {"type": "integer", "minimum": 1},
}
_GENERATING: Final[dict[str, Any]] = {
    "n": {"type": "integer", "minimum": 1, "maximum": 128},
    "response_format": {"type": "object"},
    "logprobs": _FLAG,
    "top_logprobs": _COUNT,
    "prediction": _ANY,
}
_VOTING: Final[dict[str, Any]] = {
    "vote_seed": {"type": "integer"},
    "passes": {"enum": [1, 2]},
    "allow_abstain": _FLAG,
    "threshold": _SHARE,
    "min_voters": _COUNT,
    "min_weight_share": _SHARE,
    "early_stop": {"enum": ["off", "winner", "confidence"]},
    "early_stop_interval": _SHARE,
    "cascade": {"anyOf": [_FLAG, {"type": "object", "properties": {"margin": _SHARE}}]},
    "vote_cache": _FLAG,
}


def _body(required: tuple[str, ...], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": dict(properties), "additionalProperties": False}


BODIES: Final[Mapping[str, dict[str, Any]]] = {
    "query": _body(
        ("messages", "model"),
        {**_COMMON, **_GENERATING, **_VOTING, "select_deterministic": _FLAG, "embeddings": {"type": "string"}},
    ),
    "score": _body(("messages", "model", "choices"), {**_COMMON, "choices": _LIST, **_VOTING}),
    "multichat": _body(("messages", "model"), {**_COMMON, **_GENERATING}),
}
"""The JSON schemas of the bodies, by family."""


@final
class VotingSurface(OneShape):
    """What voters answer: it does not go down the line as one request, but as one for each of them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def decode(self, body: bytes) -> ChatRequest:  # noqa: ARG002 - of a surface
        """Nothing: there is no one request in it."""
        raise Internal

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> Encoder:  # noqa: ARG002 - as above
        """Nothing, as above."""
        raise Internal
