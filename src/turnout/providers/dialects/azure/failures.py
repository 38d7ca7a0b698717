"""What Azure's errors mean: its content filter and its limits."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, reader
from turnout.providers.failures import failure_from_status

__all__ = ["azure_failure"]

_FILTERED: Final = frozenset({"content_filter", "ResponsibleAIPolicyViolation"})
_IN_WORDS: Final = re.compile(r"retry after (\d{1,6}) (milli)?second", re.IGNORECASE)
_LONGEST: Final = 3600
_BAD_REQUEST: Final = 400
_MOST_REASONS: Final = 20


class _Inner(Struct):
    code: str | None = None
    content_filter_result: dict[str, Any] | None = None
    content_filter_results: dict[str, Any] | None = None


class _Error(Struct):
    code: str | int | None = None
    message: str | None = None
    innererror: _Inner | None = None
    inner_error: _Inner | None = None


class _Body(Struct):
    error: _Error | None = None
    message: str | None = None


_body = reader(_Body)


def azure_failure(status: int, body: bytes, retry_after: int | None) -> UpstreamError:
    """The error that a status other than 200 stands for.

    A prompt that the filter refuses names what it was refused for under ``reasons``; the filter is this provider's
    own, so that another one may answer.

    Source: Azure OpenAI, "Content filtering", errors and annotations.
    """
    told = _read(body)
    error = told.error or _Error(message=told.message)
    failure = failure_from_status(status, body, retry_after or _delay(error.message or ""))
    inner = error.innererror or error.inner_error or _Inner()
    if status == _BAD_REQUEST and (error.code in _FILTERED or inner.code in _FILTERED):
        failure.error_type, failure.elsewhere, failure.health = "content_policy_violation", "endpoint", "ignored"
        failure.provider_code = str(error.code or inner.code)
        failure.metadata["reasons"] = _reasons(inner.content_filter_result or inner.content_filter_results or {})
    return failure


def _reasons(results: dict[str, Any]) -> list[str]:
    """The categories that the filter found, in its words; with the severity where there is one."""
    found = []
    for name, result in results.items():
        if isinstance(result, dict) and (result.get("filtered") is True or result.get("detected") is True):
            severity = result.get("severity")
            found.append(f"{name[:40]}/{severity[:20]}" if isinstance(severity, str) else name[:40])
    return found[:_MOST_REASONS]


def _delay(message: str) -> int | None:
    """Whole seconds to wait, as the message has them."""
    found = _IN_WORDS.search(message)
    if found is None:
        return None
    seconds = int(found[1]) if found[2] is None else -(-int(found[1]) // 1000)
    return min(max(1, seconds), _LONGEST)


def _read(body: bytes) -> _Body:
    try:
        return _body(body)
    except BadJSON:
        return _Body()
