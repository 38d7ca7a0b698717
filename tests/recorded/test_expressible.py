"""Of what was asked of each provider, a chat request can say nearly everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from answers import Inexpressible
from converters import anthropic, bedrock, cohere, google, mistral, openai_responses
from recordings import exchanges

_CONVERTERS: dict[str, Callable[[Mapping[str, Any]], object]] = {
    "anthropic": anthropic.chat_request,
    "bedrock-converse": partial(bedrock.chat_request, stream=False),
    "cohere": cohere.chat_request,
    "google": google.as_chat,
    "mistral": mistral.chat_request,
    "openai-responses": openai_responses.chat_request,
}


@pytest.mark.parametrize("recording", _CONVERTERS)
def test_nearly_all_requests_can_be_said(recording: str) -> None:
    found = exchanges(recording)
    if not found:
        pytest.skip("TURNOUT_TEST_DATA names no folder with recorded-traffic")
    left_out = 0
    for exchange in found:
        try:
            _CONVERTERS[recording](exchange.request)
        except Inexpressible:
            left_out += 1
    assert left_out < len(found) / 4
