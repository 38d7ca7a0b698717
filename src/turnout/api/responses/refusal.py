"""Errors in the shape of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from turnout.api.errors import availability_of, status_of
from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode

__all__ = ["error_field", "response_refusal"]

_CODES: Final[Mapping[str, str]] = {
    "image_download_failed": "failed_to_download_image",
    "image_not_found": "image_file_not_found",
    "invalid_request": "invalid_prompt",
    "max_tokens_exceeded": "invalid_prompt",
    "provider_overloaded": "server_error",
    "provider_unavailable": "server_error",
    "server": "server_error",
    "string_too_long": "invalid_prompt",
    "timeout": "server_error",
    "token_limit_exceeded": "invalid_prompt",
    "unmapped": "server_error",
    "unprocessable": "invalid_prompt",
    "unsupported_image_format": "unsupported_image_media_type",
}
"""The language's own codes; what it has none for keeps our word."""


def error_field(error: TurnoutError) -> dict[str, Any]:
    """What stands under ``error``: a code that is a word, and a message. Source: OpenRouter, "Errors"."""
    return {"code": _CODES.get(error.error_type, error.error_type), "message": error.message}


def response_refusal(error: TurnoutError) -> tuple[int, bytes]:
    """Status and body of an error that comes in place of an answer."""
    shown = error_field(error)
    if error.availability is not None:
        shown["availability"] = availability_of(error)
    body: dict[str, Any] = {"error": shown, "error_type": error.error_type, "metadata": error.metadata or None}
    if error.routing is not None:
        body["openrouter_metadata"] = error.routing
    return status_of(error), encode(body)
