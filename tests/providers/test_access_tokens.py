"""What issuers of access tokens answer."""

from __future__ import annotations

import json

import pytest

from turnout.providers.access_tokens import granted


@pytest.mark.parametrize(("stated", "seconds"), [(3599, 3599.0), ("3599", 3599.0), (1, 60.0), ("soon", 60.0)])
def test_a_token_lasts_as_long_as_is_said_but_at_least_a_minute(stated: object, seconds: float) -> None:
    assert granted(200, json.dumps({"access_token": "t", "expires_in": stated}).encode()) == ("t", seconds)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>", "makes no sense"),
        (200, b'{"access_token": "a\\r\\nb"}', "no token"),
        (200, b"{}", "no token"),
        (401, b'{"error": "invalid_client"}', "status 401: invalid_client"),
        (502, b"<html>", "status 502"),
    ],
)
def test_what_is_no_token_is_told(status: int, body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        granted(status, body)


def test_a_refusal_is_told_without_the_secret() -> None:
    with pytest.raises(ValueError, match=r"wrong: \*+") as caught:
        granted(400, b'{"error_description": "wrong: hush-7"}', "hush-7")
    assert "hush-7" not in str(caught.value)
