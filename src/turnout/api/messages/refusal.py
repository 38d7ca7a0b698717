"""Errors in the shape of the Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from turnout.api.errors import availability_of, status_of
from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode

__all__ = ["error_object", "message_refusal"]

_OVERLOADED: Final = 529
_BY_STATUS: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    414: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    431: "invalid_request_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_REST: Final = "api_error"


def error_object(error: TurnoutError) -> dict[str, Any]:
    """What stands under ``error``: a type of the language's, and ours beside it.

    Source: OpenRouter, "Errors"; the language's own list of errors.
    """
    kind = _BY_STATUS.get(status_of(error), _REST)
    shown: dict[str, Any] = {"type": kind, "message": error.message, "error_type": error.error_type}
    if error.metadata:
        shown["metadata"] = error.metadata
    return shown


def message_refusal(error: TurnoutError, generation_id: str | None) -> tuple[int, bytes]:
    """Status and body of an error that comes in place of an answer. What is overloaded has a status of its own here."""
    shown = error_object(error)
    body: dict[str, Any] = {"type": "error", "error": shown, "request_id": generation_id}
    if error.availability is not None:
        shown["availability"] = availability_of(error)
    if error.routing is not None:
        body["openrouter_metadata"] = error.routing
    status = status_of(error)
    return (_OVERLOADED if shown["type"] == "overloaded_error" else status), encode(body)
