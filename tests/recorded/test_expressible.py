"""Of what was asked of each provider, a chat request can say nearly everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from converters import anthropic, bedrock, cohere, google, mistral, openai_responses
from recordings import exchanges

_CONVERTERS: dict[str, tuple[Callable[[Mapping[str, Any]], object], type[Exception]]] = {
    "anthropic": (anthropic.chat_request, anthropic.Inexpressible),
    "bedrock-converse": (partial(bedrock.chat_request, stream=False), bedrock.Inexpressible),
    "cohere": (cohere.chat_request, cohere.Inexpressible),
    "google": (google.as_chat, google.Inexpressible),
    "mistral": (mistral.chat_request, mistral.Inexpressible),
    "openai-responses": (openai_responses.chat_request, openai_responses.Inexpressible),
}


@pytest.mark.parametrize("recording", _CONVERTERS)
def test_nearly_all_requests_can_be_said(recording: str) -> None:
    found = exchanges(recording)
    if not found:
        pytest.skip("TURNOUT_TEST_DATA names no folder with recorded-traffic")
    convert, inexpressible = _CONVERTERS[recording]
    left_out = 0
    for exchange in found:
        try:
            convert(exchange.request)
        except inexpressible:
            left_out += 1
    assert left_out < len(found) / 4
