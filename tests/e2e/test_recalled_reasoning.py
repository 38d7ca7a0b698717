"""A client that drops signed thoughts gets them put back, whichever worker it meets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.kit import KITS
from conformance.test_answers import CASES
from gateway import Gateway, model_tables
from recordings import stand_in

SAID = CASES["all"]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
ASKED = [{"role": "user", "content": "Weather?"}]


@pytest.mark.parametrize(
    ("dialect", "workers", "stream"),
    [("anthropic", 1, True), ("anthropic", 2, False), ("google", 1, False), ("google", 2, True)],
)
def test_thoughts_come_back_with_their_calls(tmp_path: Path, dialect: str, workers: int, stream: bool) -> None:  # noqa: FBT001 - drawn
    kit = KITS[dialect]
    with stand_in() as provider:
        provider.answer = b"".join(kit.stream(SAID)) if stream else kit.whole(SAID)
        provider.content_type = "text/event-stream" if stream else "application/json"
        toml = "[catalog]\nbundled = false\n"
        toml += f'[providers.acme]\ndialect = "{dialect}"\nbase_url = "{provider.url}"\napi_key = "k"\n'
        toml += model_tables("acme/tiny", [("acme", kit.model, '{ prompt = "0", completion = "0" }')])
        with Gateway(tmp_path, toml, workers=workers) as gateway:
            first = gateway.chat("acme/tiny", messages=ASKED, tools=TOOLS, stream=stream)
            assert first.status == 200
            calls = [
                {
                    "id": one.id,
                    "type": "function",
                    "function": {"name": one.name, "arguments": json.dumps(one.arguments)},
                }
                for one in SAID.calls
            ]
            spoken = {"role": "assistant", "content": SAID.text, "tool_calls": calls}
            results = [{"role": "tool", "tool_call_id": one.id, "content": "rain"} for one in SAID.calls]
            provider.received.clear()
            for _ in range(8):  # over connections of their own, so that each worker gets some
                reply = gateway.chat("acme/tiny", messages=[*ASKED, spoken, *results], tools=TOOLS, max_tokens=9000,
                                     reasoning={"max_tokens": 2000})  # fmt: skip
                assert reply.status == 200 or stream  # the stand-in answers with a stream then
            assert [json.dumps(SAID.signature).encode() in one.body for one in provider.received] == [True] * 8
        stored = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
        assert SAID.signature.encode() not in stored
        assert SAID.thought.encode() not in stored
