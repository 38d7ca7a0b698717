"""What a provider's status and error body mean, for the dialects that write errors the OpenAI way."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Raw

from turnout.base.errors import UpstreamError
from turnout.base.jsons import excerpt
from turnout.domain.completion import NULL

__all__ = [
    "decoded",
    "failure_from_status",
    "failure_in_stream",
    "nonsense",
    "refuse_error",
    "retry_after_seconds",
    "unsaid",
]

_MAX_RETRY_AFTER = 3600
_MAX_CODE = 100  # characters
_MAX_PLAIN_WORDS = 300
_DEEPEST_WORDS = 4  # lists and objects around a message
_WORDY = ("message", "detail", "error", "error_message", "msg")
"""Where an error object keeps its message."""
_CONTEXT_CODES = ("context_length", "context length", "context window", "maximum context", "too many tokens",
                  "prompt is too long", "exceed context limit")  # fmt: skip
_POLICY_CODES = ("content_policy", "content_filter", "moderation", "safety system")


class _Meaning(NamedTuple):
    error_type: str
    elsewhere: Literal["endpoint", "model", "nowhere"]
    health: Literal["error", "rate_limited", "ignored"]
    message: str | None  # None: the provider's own words are for the client


_OUR_CREDENTIAL = _Meaning(
    "provider_unavailable", "endpoint", "error", "The provider refused this gateway's credential"
)
_BY_STATUS: Mapping[int, _Meaning] = {
    400: _Meaning("invalid_request", "model", "ignored", None),
    401: _OUR_CREDENTIAL,
    402: _Meaning("provider_unavailable", "endpoint", "error", "The provider wants to be paid by this gateway"),
    403: _OUR_CREDENTIAL,
    404: _Meaning("not_found", "endpoint", "error", None),
    405: _Meaning("provider_unavailable", "endpoint", "error", "The provider does not know this call"),
    408: _Meaning("timeout", "endpoint", "error", "The provider timed out"),
    409: _Meaning("provider_unavailable", "endpoint", "error", None),
    413: _Meaning("payload_too_large", "model", "ignored", None),
    415: _Meaning("invalid_request", "model", "ignored", None),
    422: _Meaning("unprocessable", "model", "ignored", None),
    424: _Meaning("provider_unavailable", "endpoint", "error", None),
    429: _Meaning("rate_limit_exceeded", "endpoint", "rate_limited", None),
    498: _Meaning("rate_limit_exceeded", "endpoint", "rate_limited", None),
    503: _Meaning("provider_overloaded", "endpoint", "error", "The provider is overloaded"),
    504: _Meaning("timeout", "endpoint", "error", "The provider timed out"),
    524: _Meaning("timeout", "endpoint", "error", "The provider timed out"),
    529: _Meaning("provider_overloaded", "endpoint", "error", "The provider is overloaded"),
}
_STATUS_OF_WORD: Mapping[str, int] = {
    "api_error": 500,
    "authentication_error": 401,
    "billing_error": 402,
    "invalid_api_key": 401,
    "insufficient_quota": 429,
    "invalid_argument": 400,
    "invalid_request_error": 400,
    "content_filter": 400,
    "context_length_exceeded": 400,
    "model_not_found": 404,
    "not_found_error": 404,
    "overloaded": 503,
    "overloaded_error": 503,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "request_too_large": 413,
    "resource_exhausted": 429,
    "timeout": 504,
    "timeout_error": 504,
    "unavailable": 503,
}
"""Codes and types of errors that come with a 200, where no number tells the status."""
_NO_ERRORS = frozenset({b"null", b'""', b"{}", b"false"})
_UNKNOWN_STATUS = 502
_ABOUT_OUR_CREDENTIAL = frozenset({401, 402, 403})
_OTHER = _Meaning("provider_unavailable", "endpoint", "error", "The provider failed")


def failure_from_status(status: int, body: bytes, retry_after: int | None = None) -> UpstreamError:
    """The error that a status other than 200 stands for.

    The provider's words are the message where they concern the client's request, and quoted in ``raw`` where they
    do not; words about this gateway's credential, which may repeat it, are left out.
    """
    code, words = _words(body)
    meaning = _BY_STATUS.get(status, _OTHER)
    error_type = meaning.error_type
    if meaning.message is None and status in {400, 413, 422}:
        error_type = _finer_type(error_type, f"{code} {words}".lower())
    quoted = excerpt(words) if words and status not in _ABOUT_OUR_CREDENTIAL else None
    shown = quoted if meaning.message is None else meaning.message
    return UpstreamError(
        shown or f"The provider answered with status {status}",
        error_type=error_type,
        provider_code=code or str(status),
        raw=quoted,
        elsewhere=meaning.elsewhere,
        health=meaning.health,
        upstream_status=status,
        retry_after=retry_after,
    )


def failure_in_stream(error: object) -> UpstreamError:
    """The error that an error object inside a 200 stands for, in a stream or in place of an answer."""
    body = msgspec.json.encode({"error": error})
    code, words = _words(body)
    status = _status_in(error)
    found = failure_from_status(status, body)
    quoted = excerpt(words) if words and status not in _ABOUT_OUR_CREDENTIAL else None
    return UpstreamError(
        quoted or found.message,
        error_type=found.error_type,
        provider_code=code or None,
        raw=quoted,
        elsewhere=found.elsewhere,
        health=found.health,
        upstream_status=200,
        may_be_billed=True,
    )


def refuse_error(error: Raw) -> None:
    """Raise what an error object inside a 200 stands for; an empty one stands for none."""
    if error is not NULL and bytes(error) not in _NO_ERRORS:
        raise failure_in_stream(decoded(error))


def decoded(value: Raw | bytes) -> Any:  # noqa: ANN401 - JSON enters here
    """The JSON *value*. Raises UpstreamError: it is none."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise nonsense() from None


def retry_after_seconds(value: str | None, now: float) -> int | None:
    """Whole seconds of a ``Retry-After`` header (a number, or a date after *now* in unix seconds), from 1 to 3600."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    if seconds != seconds:  # noqa: PLR0124 - NaN is the one number that differs from itself
        return None
    return int(min(max(seconds, 1), _MAX_RETRY_AFTER))


def unsaid(what: str) -> UpstreamError:
    """What must not be dropped and cannot be said: another provider may have the words for it."""
    return UpstreamError(
        f"This provider does not take {what}", error_type="invalid_request", elsewhere="endpoint", health="ignored"
    )


def nonsense() -> UpstreamError:
    """What is no answer."""
    return UpstreamError("The provider's answer makes no sense", may_be_billed=True)


def _status_in(error: object) -> int:
    """The status that an error object stands for: the number in it, else what its words mean, else 502."""
    if not isinstance(error, dict):
        return _UNKNOWN_STATUS
    for name in ("code", "status_code", "status", "http_status"):
        number = _text(error.get(name))
        if len(number) == 3 and number.isdigit() and number >= "400":
            return int(number)
    for name in ("code", "type", "status"):
        if (status := _STATUS_OF_WORD.get(_text(error.get(name)).lower())) is not None:
            return status
    return _UNKNOWN_STATUS


def _finer_type(error_type: str, text: str) -> str:
    if any(mark in text for mark in _CONTEXT_CODES):
        return "context_length_exceeded"
    if any(mark in text for mark in _POLICY_CODES):
        return "content_policy_violation"
    return error_type


def _words(body: bytes) -> tuple[str, str]:
    """The provider's error code and message, from any of the usual shapes; empty where there is none."""
    try:
        answer: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", _plain_words(body)
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if isinstance(answer, str):
        return "", answer
    if not isinstance(answer, dict):
        return "", ""
    inner = answer.get("error") or answer.get("errors") or answer
    if isinstance(inner, list):
        inner = inner[0]
    if isinstance(inner, str):
        return excerpt(_text(answer.get("code")), _MAX_CODE), inner
    if not isinstance(inner, dict):
        return "", ""
    code = _text(inner.get("code")) or _text(inner.get("status")) or _text(inner.get("type"))
    return excerpt(code, _MAX_CODE), next((words for name in _WORDY if (words := _message(inner.get(name)))), "")


def _message(value: object) -> str:
    """A message, also where it stands in a list of complaints, and such a list in an object (Mistral)."""
    for _ in range(_DEEPEST_WORDS):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict):
            value = value.get("message") or value.get("msg") or value.get("detail")
    return _text(value)


def _plain_words(body: bytes) -> str:
    """A short answer in plain text; no page, and nothing binary."""
    if len(body) > _MAX_PLAIN_WORDS or not body.isascii():
        return ""
    words = body.decode().strip()
    return "" if words[:1] in {"<", "{", "["} or not words.isprintable() else words


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
