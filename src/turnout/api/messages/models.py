"""Models as Anthropic's clients list them: other names for the same facts, in pages that begin at a model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from turnout.base.errors import BadRequest
from turnout.base.jsons import encode
from turnout.domain.catalog import Model

__all__ = ["ASKED_BY", "model_for_messages", "models_for_messages"]

ASKED_BY: Final = "anthropic-version"
"""The header that all of these clients send, and no others."""

_MOST: Final = 1_000


def models_for_messages(models: Sequence[Model], pairs: Sequence[tuple[str, str]]) -> bytes:
    """The body of ``GET /models``. *pairs*: ``limit``, and ``after_id`` or ``before_id``; others are not looked at.

    Without ``limit`` a page is as long as may be, for clients that ask for one only.

    Raises:
        BadRequest: a wrong ``limit``, both cursors, or one that is no model's id.

    Source: Messages API, "List Models".
    """
    asked = dict(pairs)
    limit = asked.get("limit") or str(_MOST)
    if not limit.isascii() or not limit.isdigit() or not 0 < int(limit[:5]) <= _MOST:
        raise BadRequest(f"`limit` must be a number from 1 to {_MOST}")
    after, before = asked.get("after_id"), asked.get("before_id")
    if after and before:
        raise BadRequest("`after_id` and `before_id` exclude each other")
    if before:
        end = _place(models, before, "before_id")
        begin = max(0, end - int(limit))
        more = begin > 0
    else:
        begin = _place(models, after, "after_id") + 1 if after else 0
        end = begin + int(limit)
        more = end < len(models)
    page = [_shape(model, model.id) for model in models[begin:end]]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return encode({"data": page, "first_id": first, "last_id": last, "has_more": more})


def model_for_messages(model: Model, name: str) -> bytes:
    """The body of ``GET /models/{id}`` for a *model* that was asked for by *name*."""
    return encode(_shape(model, name))


def _place(models: Sequence[Model], model_id: str, parameter: str) -> int:
    for place, model in enumerate(models):
        if model.id == model_id:
            return place
    raise BadRequest(f"`{parameter}` is the id of no listed model")


def _shape(model: Model, name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": model.name,
        "created_at": datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "max_input_tokens": model.context_length,
        "max_tokens": model.max_completion_tokens,
        "capabilities": None,
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
    }
