"""What providers' statuses and error bodies mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnout.providers.failures import failure_from_status, failure_in_stream, retry_after_seconds


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "No such thing", "code": "x"}},
        {"error": "No such thing"},
        {"message": "No such thing", "type": "x"},
        {"detail": "No such thing"},
        {"detail": [{"loc": ["body"], "msg": "No such thing"}]},
        {"errors": [{"message": "No such thing"}]},
        [{"error": {"message": "No such thing", "status": "x"}}],
        {"error": {"message": {"message": "No such thing"}}},
        {"object": "error", "message": {"detail": [{"loc": ["body", "x"], "msg": "No such thing"}]}},
        "No such thing",
    ],
)
def test_the_words_about_a_request_reach_the_client_from_every_usual_shape(body: Any) -> None:  # noqa: ANN401 - JSON
    for status in (400, 404, 413, 422, 429):
        assert failure_from_status(status, json.dumps(body).encode()).message == "No such thing"


def test_plain_words_are_quoted_and_pages_are_not() -> None:
    assert failure_from_status(404, b"Model not found\n").message == "Model not found"
    for body in (b"<html>404</html>", b"{broken", b"a" * 1000, b"\x00\x01", "näh".encode(), b""):
        assert failure_from_status(404, body).message == "The provider answered with status 404"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_words_about_our_credential_are_kept_from_the_client(status: int) -> None:
    body = json.dumps({"error": {"message": "Incorrect API key sk-123", "code": "invalid_api_key"}}).encode()
    failure = failure_from_status(status, body)
    assert "sk-123" not in f"{failure.message}{failure.raw}"
    assert failure.error_type == "provider_unavailable"


def test_a_providers_own_trouble_is_named_and_quoted_apart() -> None:
    failure = failure_from_status(500, b'{"error":{"message":"worker 7 crashed","code":500}}')
    assert failure.message == "The provider failed"
    assert failure.raw == "worker 7 crashed"
    assert failure.error_type == "provider_unavailable"


@pytest.mark.parametrize(
    ("error", "error_type"),
    [
        ({"message": "m", "code": 429}, "rate_limit_exceeded"),
        ({"message": "m", "code": "429"}, "rate_limit_exceeded"),
        ({"message": "m", "code": "tool_use_failed", "status_code": 400}, "invalid_request"),
        ({"message": "m", "code": None, "type": "overloaded_error"}, "provider_overloaded"),
        ({"message": "m", "status": "RESOURCE_EXHAUSTED"}, "rate_limit_exceeded"),
        ({"message": "m", "type": "invalid_request_error"}, "invalid_request"),
        ({"message": "maximum context length", "code": 400}, "context_length_exceeded"),
        ({"message": "m", "code": "server_error"}, "provider_unavailable"),
        ({"message": "m", "code": 200}, "provider_unavailable"),
        ("m", "provider_unavailable"),
    ],
)
def test_an_error_inside_a_stream_is_understood_by_its_number_or_its_word(error: Any, error_type: str) -> None:  # noqa: ANN401 - JSON
    failure = failure_in_stream(error)
    assert failure.message == "m" or "context" in failure.message
    assert failure.error_type == error_type
    assert failure.may_be_billed


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None), ("7", 7), ("0", 1), ("-3", 1), ("1.5", 1), ("1e9", 3600), ("nan", None), ("soon", None),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20), ("Thu, 01 Jan 1970 00:00:05 GMT", 1),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date_within_an_hour(value: str | None, seconds: int | None) -> None:
    assert retry_after_seconds(value, 10.0) == seconds
