"""The border: which HTTP status an error has, and the one shape in which clients read it."""

from __future__ import annotations

from collections.abc import Mapping

from turnout.base.errors import (
    AddressTooLong,
    BadRequest,
    Conflict,
    Forbidden,
    HeadersTooLarge,
    Internal,
    ModelNotFound,
    NoEndpoints,
    NotFound,
    PayloadTooLarge,
    RequestTimeout,
    TurnoutError,
    Unauthenticated,
    Unavailable,
)
from turnout.base.jsons import encode

__all__ = ["OneShape", "availability_of", "chunk_error", "error_body", "retry_after_of", "status_of"]

_BY_TYPE: Mapping[str, int] = {
    "authentication": 401,
    "content_policy_violation": 400,
    "context_length_exceeded": 400,
    "image_download_failed": 400,
    "image_not_found": 404,
    "image_too_large": 400,
    "image_too_small": 400,
    "invalid_image": 400,
    "invalid_prompt": 400,
    "invalid_request": 400,
    "max_tokens_exceeded": 400,
    "not_found": 404,
    "payload_too_large": 413,
    "payment_required": 402,
    "permission_denied": 403,
    "precondition_failed": 412,
    "provider_overloaded": 503,
    "provider_unavailable": 502,
    "rate_limit_exceeded": 429,
    "refusal": 400,
    "server": 500,
    "string_too_long": 400,
    "timeout": 504,
    "token_limit_exceeded": 400,
    "unmapped": 500,
    "unprocessable": 422,
    "unsupported_image_format": 400,
}
"""Source: OpenRouter, "Errors", typed list."""

_BY_CLASS: Mapping[type[TurnoutError], int] = {
    BadRequest: 400,
    ModelNotFound: 400,
    PayloadTooLarge: 413,
    AddressTooLong: 414,
    HeadersTooLarge: 431,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    NoEndpoints: 404,
    RequestTimeout: 408,
    Unavailable: 503,
    Internal: 500,
}

_RETRY_STATUSES = frozenset({429, 503})
_DEFAULT_RETRY_SECONDS = 5


def status_of(error: TurnoutError) -> int:
    """The HTTP status that goes with *error*."""
    return _BY_CLASS.get(type(error)) or _BY_TYPE.get(error.error_type, 500)


def retry_after_of(error: TurnoutError) -> int | None:
    """Seconds for the ``Retry-After`` header: always some with 429 and 503, whose clients will come again."""
    if status_of(error) in _RETRY_STATUSES:
        return error.retry_after or _DEFAULT_RETRY_SECONDS
    return error.retry_after


def availability_of(error: TurnoutError) -> dict[str, object]:
    """What an error tells of its model's availability, with the seconds after which to come again."""
    seconds = retry_after_of(error)
    told = {**(error.availability or {}), "docs_url": "/docs"}
    return told if seconds is None else told | {"retry_after": seconds}


def error_body(error: TurnoutError) -> bytes:
    """``{"error": {code, message, metadata, availability?}}`` with an integer code."""
    shown: dict[str, object] = {
        "code": status_of(error),
        "message": error.message,
        "metadata": {"error_type": error.error_type} | error.metadata,
    }
    if error.availability is not None:
        shown["availability"] = availability_of(error)
    if error.routing is not None:
        return encode({"error": shown, "openrouter_metadata": error.routing})
    return encode({"error": shown})


class OneShape:
    """A surface whose clients read errors in the one shape."""

    def refusal(self, error: TurnoutError, generation_id: str | None) -> tuple[int, bytes]:  # noqa: ARG002 - of a surface
        """Status and body of an error."""
        return status_of(error), error_body(error)


def chunk_error(error: TurnoutError) -> bytes:
    """The ``error`` object of a stream's last chunk."""
    metadata: dict[str, object] = {"error_type": error.error_type}
    if isinstance(code := getattr(error, "provider_code", None), str):
        metadata["provider_code"] = code
    if isinstance(provider := getattr(error, "provider", None), str) and provider:
        metadata["provider_name"] = provider
    return encode({"code": status_of(error), "message": error.message, "metadata": metadata})
