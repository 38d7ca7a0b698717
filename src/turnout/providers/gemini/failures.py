"""What Google's error objects mean, for the Gemini API and Vertex."""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.providers.failures import failure_from_status, failure_in_stream

__all__ = ["gemini_failure", "gemini_failure_in_stream"]

_DELAY = re.compile(r"(\d{1,9})(?:\.\d+)?s")
_IN_WORDS = re.compile(r"retry in (\d{1,6})(?:\.\d+)?\s?s", re.IGNORECASE)
_LONGEST = 3600
_BAD_REQUEST = 400
_KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"})
_TOO_LONG = ("input token count", "maximum number of tokens", "input context is too long")
_CODES = {
    "INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "OUT_OF_RANGE": 400, "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "ABORTED": 409, "ALREADY_EXISTS": 409, "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499, "UNKNOWN": 500, "INTERNAL": 500, "DATA_LOSS": 500, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}  # fmt: skip


class _Hint(Struct, rename="camel"):
    reason: str | None = None
    retry_delay: str | None = None


class _Error(Struct):
    code: int | None = None
    status: str | None = None
    message: str = ""
    details: list[_Hint] | None = None


class _Body(Struct):
    error: _Error


_read_one = msgspec.json.Decoder(_Body)
_read_list = msgspec.json.Decoder(list[_Body])


def gemini_failure(status: int, body: bytes, retry_after: int | None) -> UpstreamError:
    """The error that a status other than 200 stands for. Streams wrap theirs in a list.

    A key that is refused comes as a 400, and is no fault of the client's; so does a region that is not served.
    """
    error = _error_in(body)
    if error is None:
        return failure_from_status(status, body, retry_after)
    meant = 401 if status == _BAD_REQUEST and _is_about_key(error) else status
    failure = failure_from_status(meant, body, retry_after or _delay(error))
    return _refine(failure, error, status)


def gemini_failure_in_stream(error: Raw) -> UpstreamError:
    """The error that an error object inside a 200 stands for."""
    body = b'{"error":%b}' % bytes(error)
    found = _error_in(body)
    if found is None:
        return failure_in_stream(msgspec.json.decode(error))
    status = found.code or _CODES.get(found.status or "", 502)
    failure = failure_in_stream({"code": status, "message": found.message})
    failure.retry_after = _delay(found)
    return _refine(failure, found, status)


def _refine(failure: UpstreamError, error: _Error, status: int) -> UpstreamError:
    failure.provider_code = error.status or failure.provider_code
    words = error.message.lower()
    if status == _BAD_REQUEST and error.status == "FAILED_PRECONDITION":
        failure.error_type, failure.elsewhere, failure.health = "provider_unavailable", "endpoint", "error"
    elif status == _BAD_REQUEST and any(mark in words for mark in _TOO_LONG):
        failure.error_type = "context_length_exceeded"
    return failure


def _error_in(body: bytes) -> _Error | None:
    try:
        return _read_one.decode(body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        listed = _read_list.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return listed[0].error if listed else None


def _is_about_key(error: _Error) -> bool:
    reasons = {hint.reason for hint in error.details or ()}
    return bool(reasons & _KEY_REASONS) or "api key not valid" in error.message.lower()


def _delay(error: _Error) -> int | None:
    """Whole seconds to wait, rounded up, as a ``RetryInfo`` or the message has them."""
    for hint in error.details or ():
        if hint.retry_delay and (found := _DELAY.fullmatch(hint.retry_delay)):
            return min(max(1, int(found[1]) + ("." in hint.retry_delay)), _LONGEST)
    found = _IN_WORDS.search(error.message)
    return min(int(found[1]) + 1, _LONGEST) if found else None
