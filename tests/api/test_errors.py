from __future__ import annotations

import json

import pytest

from turnout.api.chat import ChatSurface
from turnout.api.errors import chunk_error, error_body, retry_after_of, status_of
from turnout.api.messages import MessagesSurface
from turnout.api.responses import ResponsesSurface
from turnout.base import errors
from turnout.base.errors import (
    AddressTooLong,
    BadRequest,
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
    UpstreamError,
)
from turnout.contracts.surface import Surface

CLASSES = [getattr(errors, name) for name in errors.__all__ if name not in {"TurnoutError", "UpstreamError"}]
TYPES = {
    "context_length_exceeded": 400, "max_tokens_exceeded": 400, "token_limit_exceeded": 400, "string_too_long": 400,
    "invalid_request": 400, "invalid_prompt": 400, "authentication": 401, "payment_required": 402,
    "permission_denied": 403, "not_found": 404, "image_not_found": 404, "precondition_failed": 412,
    "payload_too_large": 413, "unprocessable": 422, "rate_limit_exceeded": 429, "server": 500, "unmapped": 500,
    "provider_unavailable": 502, "provider_overloaded": 503, "timeout": 504, "content_policy_violation": 400,
    "refusal": 400, "invalid_image": 400, "image_too_large": 400, "image_too_small": 400,
    "unsupported_image_format": 400, "image_download_failed": 400,
}  # fmt: skip
"""Source: OpenRouter, "Errors", typed list."""


def _made(kind: type[TurnoutError]) -> TurnoutError:
    return Internal() if kind is Internal else kind("words")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (BadRequest, 400), (ModelNotFound, 400), (PayloadTooLarge, 413), (AddressTooLong, 414), (HeadersTooLarge, 431),
        (Unauthenticated, 401), (Forbidden, 403),
        (NotFound, 404), (NoEndpoints, 404), (RequestTimeout, 408), (Unavailable, 503), (Internal, 500),
        (TurnoutError, 500),
    ],
)  # fmt: skip
def test_every_class_of_error_has_its_status(kind: type[TurnoutError], status: int) -> None:
    assert status_of(_made(kind)) == status


def test_no_class_of_error_is_forgotten() -> None:
    for kind in CLASSES:
        assert 400 <= status_of(_made(kind)) <= 599
        assert kind is Internal or status_of(_made(kind)) != 500


@pytest.mark.parametrize(("error_type", "status"), TYPES.items())
def test_every_type_of_the_specification_has_its_status(error_type: str, status: int) -> None:
    assert status_of(UpstreamError("words", error_type=error_type)) == status


@pytest.mark.parametrize("kind", CLASSES)
def test_a_body_has_the_one_shape_with_an_integer_code(kind: type[TurnoutError]) -> None:
    error = _made(kind)
    shown = json.loads(error_body(error))["error"]
    assert shown["code"] == status_of(error)
    assert shown["message"] == error.message
    assert shown["metadata"]["error_type"] in TYPES
    assert "availability" not in shown


def test_facts_of_an_error_are_shown() -> None:
    error = NoEndpoints("no", metadata={"provider_name": "A"}, availability={"code": "no_endpoints"}, retry_after=9)
    shown = json.loads(error_body(error))["error"]
    assert shown["metadata"] == {"error_type": "not_found", "provider_name": "A"}
    assert shown["availability"] == {"code": "no_endpoints", "docs_url": "/docs", "retry_after": 9}


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Unavailable("no"), 5),
        (Unavailable("no", retry_after=1), 1),
        (UpstreamError("no", error_type="rate_limit_exceeded"), 5),
        (UpstreamError("no", error_type="rate_limit_exceeded", retry_after=40), 40),
        (UpstreamError("no", error_type="provider_overloaded"), 5),
        (UpstreamError("no"), None),
        (BadRequest("no"), None),
        (Internal(), None),
    ],
)
def test_clients_that_will_come_again_are_told_when(error: TurnoutError, seconds: int | None) -> None:
    assert retry_after_of(error) == seconds


def test_an_error_in_a_stream_has_a_code_a_message_and_a_type() -> None:
    error = UpstreamError("busy", error_type="provider_overloaded", provider_code="529")
    assert json.loads(chunk_error(error)) == {
        "code": 503,
        "message": "busy",
        "metadata": {"error_type": "provider_overloaded", "provider_code": "529"},
    }


@pytest.mark.parametrize("surface", [ChatSurface(), MessagesSurface(), ResponsesSurface()])
def test_every_family_tells_when_a_model_will_be_there_again(surface: Surface) -> None:
    error = Unavailable("no", availability={"code": "temporarily_unavailable"}, retry_after=9)
    _, body = surface.refusal(error, "gen-1")
    told = {"code": "temporarily_unavailable", "docs_url": "/docs", "retry_after": 9}
    assert json.loads(body)["error"]["availability"] == told
