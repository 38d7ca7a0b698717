"""Providers add fields and events whenever they like, and order theirs anew: the recordings mean the same then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple
from random import Random
from typing import Any

import pytest

from conformance.hearing import Heard, hear_stream, hear_whole
from conformance.kit import adapter_of
from recordings import Exchange, exchanges, sse_events
from turnout.base.errors import UpstreamError

_DIALECTS = {
    "anthropic": "anthropic", "bedrock-converse": "bedrock", "cohere": "cohere", "google": "google", "groq": "openai",
    "mistral": "mistral", "openai-chat": "openai", "openai-responses": "openai-responses",
}  # fmt: skip
"""The recordings by the dialect that they are in."""
_CALLERS_OWN = frozenset({"args", "arguments", "input", "json", "logprobs", "parameters", "response_schema", "schema"})
"""What holds JSON of the caller's, in which each field means something, or what goes on as it is."""
_NEW_VALUES: tuple[Any, ...] = (1, None, "new", [], {}, {"type": "text", "text": "not to be read"}, True, 1.5)
_NEW_EVENT = {"type": "something_new", "something": {"type": "text", "text": "not to be read"}}


def _read(exchange: Exchange, response: Any) -> tuple[object, ...] | str:  # noqa: ANN401 - JSON
    """What is heard, as far as it is the answer's own; or that it is an error."""
    adapter = adapter_of(_DIALECTS[exchange.provider])
    try:
        if isinstance(response, list):
            text = "".join(f"event: {one.get('type', 'message')}\ndata: {json.dumps(one)}\n\n" for one in response)
            return _essence(hear_stream(adapter, [text.encode()]))
        return _essence(hear_whole(adapter, json.dumps(response).encode()))
    except UpstreamError as error:
        return error.message


def _essence(heard: Heard) -> tuple[object, ...]:
    """Without ids, some of which are made of the whole answer, and with details as far as they are thoughts."""
    text, thought, calls, *others, details = astuple(heard)
    thoughts = [(one["type"], one.get("text"), one.get("summary"), one.get("signature")) for one in details]
    return text, thought, list(calls.values()), *others, thoughts


def _objects(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        yield value
        for name in [name for name in value if name not in _CALLERS_OWN]:
            yield from _objects(value[name])
    elif isinstance(value, list):
        for one in value:
            yield from _objects(one)


def _said(exchange: Exchange) -> Any:  # noqa: ANN401 - JSON
    """A fresh copy of the answer, as JSON or as a list of events."""
    return sse_events(exchange.response) if exchange.streamed else json.loads(json.dumps(exchange.response))


@pytest.mark.parametrize("recording", _DIALECTS)
def test_new_fields_new_events_and_another_order_change_nothing(recording: str) -> None:
    found = [one for one in exchanges(recording) if one.status == 200 and "$base64" not in one.response]
    if not found:
        pytest.skip("TURNOUT_TEST_DATA names no folder with recorded-traffic")
    dice = Random(recording)
    for exchange in found:
        expected = _read(exchange, _said(exchange))
        response = _said(exchange)
        for place in list(_objects(response)):
            fields = [*place.items(), (f"something_new_{dice.randrange(9)}", dice.choice(_NEW_VALUES))]
            dice.shuffle(fields)
            place.clear()
            place.update(fields)
        if isinstance(response, list):
            response.insert(dice.randint(0, len(response)), _NEW_EVENT)
        assert _read(exchange, response) == expected, exchange.id
