"""Three turns with tools through the Messages API: each provider gets its thoughts back, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude import collected, events_of
from conformance.kit import KITS, adapter_of, endpoint_of
from conformance.voice import Call, Said
from turnout.api.messages import MessagesSurface
from turnout.base.money import Pico
from turnout.domain.usage import NO_USAGE, Cost

_DIALECTS = ("anthropic", "bedrock", "google", "openai", "openai-responses")
_SURFACE = MessagesSurface()
_PRICE = Cost(Pico(0), Pico(0), Pico(0), Pico(0))
_SIGNATURE = "RXFRQi8rPT1zaWduYXR1cmUtb2YtdHVybi0{}"
_TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", _DIALECTS)
def test_three_turns_with_tools_keep_every_signature(dialect: str, streamed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    kit, adapter, endpoint = KITS[dialect], adapter_of(dialect), endpoint_of(dialect)
    turns: list[dict[str, Any]] = [{"role": "user", "content": "Look around."}]
    asked: dict[str, Any] = {"model": "a/b", "max_tokens": 9000, "stream": streamed, "tools": [_TOOL]}
    for number in range(3):
        call = Call(f"call_{number}", "look", {"at": f"place {number}"})
        said = Said(
            thought=f"Thought {number}.", signature=_SIGNATURE.format(number), calls=(call,), finish="tool_calls"
        )
        request = _SURFACE.decode(json.dumps(asked | {"messages": turns}).encode())
        outgoing = adapter.outgoing(request, endpoint)
        encoder = _SURFACE.encoder("gen-1", 1, request)
        encoder.served_by("a/b", "Acme")
        if streamed:
            decoder: Any = adapter.decoder()
            if outgoing.verbatim:
                decoder.verbatim = True
            sent = b"".join(encoder.chunks(decoder.feed(frame)) for frame in kit.stream(said))
            sent += encoder.chunks(decoder.flush()) + encoder.end(NO_USAGE, _PRICE)
            message: Any = collected(events_of(sent))
        else:
            completion = adapter.completion(kit.whole(said))
            completion.verbatim = kit.whole(said) if outgoing.verbatim else None
            message = json.loads(encoder.whole(completion, NO_USAGE, _PRICE))
        assert message["stop_reason"] == "tool_use"
        [called] = [block for block in message["content"] if block["type"] == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": called["id"], "content": f"It is {number}."}
        turns += [{"role": "assistant", "content": message["content"]}, {"role": "user", "content": [result]}]
    body = adapter.outgoing(_SURFACE.decode(json.dumps(asked | {"messages": turns}).encode()), endpoint).body.decode()
    for number in range(3):
        assert f"It is {number}." in body
        assert f"place {number}" in body
        if kit.signs:
            assert _SIGNATURE.format(number) in body
    if kit.signs:
        assert "turnout1." not in body
