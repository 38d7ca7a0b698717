"""What Bedrock's errors mean, with a status and inside a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, excerpt, reader
from turnout.providers.failures import failure_from_status, failure_in_stream

__all__ = ["failure_of", "failure_of_frame"]

_BAD_REQUEST: Final = 400
_TOO_LONG: Final = ("input is too long", "too many input tokens", "exceeds the maximum number of tokens",
                    "maximum context length", "prompt is too long", "input token count")  # fmt: skip
_STATUSES: Final = {
    "accessdenied": 403, "conflict": 400, "expiredtoken": 403, "incompletesignature": 403, "internalserver": 500,
    "internalfailure": 500, "invalidsignature": 403, "missingauthenticationtoken": 403, "modelerror": 424,
    "modelnotready": 429, "modelstreamerror": 424, "modeltimeout": 408, "resourcenotfound": 404,
    "servicequotaexceeded": 429, "serviceunavailable": 503, "throttling": 429, "toomanyrequests": 429,
    "unrecognizedclient": 403, "validation": 400,
}  # fmt: skip
"""By the name of the exception, without ``Exception``, in small letters."""
_QUOTAS: Final = ("service quota", "servicequotaexceeded", "quota exceeded")
_UNKNOWN: Final = 500


class _Body(Struct):
    message: str | None = None
    Message: str | None = None  # as some services before it spell it
    type: str | None = msgspec.field(default=None, name="__type")
    original_message: str | None = msgspec.field(default=None, name="originalMessage")


_body = reader(_Body)


def failure_of(status: int, body: bytes, retry_after: int | None) -> UpstreamError:
    """The error that a status other than 200 stands for. A quota that is used up comes as a 400."""
    told = _read(body)
    kind = _kind(told.type or "")
    words = (told.message or told.Message or "").lower()
    spent = kind == "servicequotaexceeded" or any(mark in words for mark in _QUOTAS)
    meant = 429 if status == _BAD_REQUEST and spent else status
    failure = failure_from_status(meant, body, retry_after)
    failure.upstream_status = status
    if told.type:
        failure.provider_code = excerpt(told.type.rpartition("#")[2], 100)
    if meant == _BAD_REQUEST and any(mark in words for mark in _TOO_LONG):
        failure.error_type = "context_length_exceeded"
    return failure


def failure_of_frame(headers: Mapping[str, str], payload: bytes) -> UpstreamError:
    """The error that a message of a stream stands for, an exception or an error of the protocol."""
    name = headers.get(":exception-type") or headers.get(":error-code") or ""
    told = _read(payload)
    message = told.message or told.Message or told.original_message or headers.get(":error-message") or ""
    status = _STATUSES.get(_kind(name), _UNKNOWN)
    failure = failure_in_stream({"code": status, "message": message})
    if name:
        failure.provider_code = excerpt(name, 100)
    if status == _BAD_REQUEST and any(mark in message.lower() for mark in _TOO_LONG):
        failure.error_type = "context_length_exceeded"
    return failure


def _read(body: bytes) -> _Body:
    try:
        return _body(body)
    except BadJSON:
        return _Body()


def _kind(name: str) -> str:
    return name.rpartition("#")[2].partition(":")[0].lower().removesuffix("exception")
