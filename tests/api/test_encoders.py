from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from examples import a_request, prices
from turnout.api.chat import ChatSurface
from turnout.api.completions import CompletionsSurface
from turnout.base.errors import UpstreamError
from turnout.base.jsons import encode
from turnout.contracts.surface import Encoder
from turnout.domain.completion import Choice, Chunk, ChunkChoice, Completion
from turnout.domain.usage import NO_USAGE, Usage, cost

USAGE = Usage(fresh=3, cache_read=2, cache_write=1, audio_prompt=1, completion=4, reasoning=5, image_completion=1)
PRICING = prices("0.000001", "0.000002", input_cache_read="0.0000001")
PRICE = cost(USAGE, PRICING)


def raw(value: object) -> Raw:
    return Raw(encode(value))


def chat(**fields: object) -> Encoder:
    encoder = ChatSurface().encoder("gen-1", 7, a_request(**fields))
    encoder.served_by("acme/tiny", "Acme")
    return encoder


def legacy(**fields: object) -> Encoder:
    encoder = CompletionsSurface().encoder("gen-1", 7, a_request(**fields))
    encoder.served_by("acme/tiny", "Acme")
    return encoder


def events(text: bytes) -> list[Any]:
    blocks = text.decode().split("\n\n")
    assert blocks.pop() == ""
    return [json.loads(block.removeprefix("data: ")) if block != "data: [DONE]" else "[DONE]" for block in blocks]


MESSAGE = {"content": raw("hi"), "reasoning": raw("hm"), "reasoning_details": raw([{"type": "reasoning.text"}])}


def test_a_whole_answer_has_every_key_that_clients_demand() -> None:
    completion = Completion([Choice({"content": raw("hi")}, 0, "stop", "end_turn")], USAGE)
    assert json.loads(chat().whole(completion, USAGE, PRICE)) == {
        "id": "gen-1",
        "object": "chat.completion",
        "created": 7,
        "model": "acme/tiny",
        "provider": "Acme",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "logprobs": None,
                "finish_reason": "stop",
                "native_finish_reason": "end_turn",
                "message": {"role": "assistant", "content": "hi", "refusal": None, "reasoning": None},
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 10,
            "total_tokens": 17,
            "cost": 0.0000252,
            "is_byok": False,
            "prompt_tokens_details": {
                "cached_tokens": 2,
                "cache_write_tokens": 1,
                "audio_tokens": 1,
                "video_tokens": 0,
            },
            "cost_details": {
                "upstream_inference_cost": None,
                "upstream_inference_prompt_cost": 0.0000052,
                "upstream_inference_completions_cost": 0.00002,
            },
            "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 0, "image_tokens": 1},
        },
    }


def test_an_answer_that_its_provider_ended_with_an_error_says_so_beside_what_there_is() -> None:
    completion = Completion([Choice({"content": raw("hi")}, 0, "error", "network_error")], USAGE)
    [choice] = json.loads(chat().whole(completion, USAGE, PRICE))["choices"]
    assert (choice["message"]["content"], choice["native_finish_reason"]) == ("hi", "network_error")
    assert choice["error"]["code"] == 502
    assert choice["error"]["metadata"] == {"error_type": "provider_unavailable"}


def test_tier_and_fingerprint_are_passed_on() -> None:
    completion = Completion([Choice({})], service_tier="flex", system_fingerprint="fp")
    answer = json.loads(chat().whole(completion, NO_USAGE, cost(NO_USAGE, PRICING)))
    assert (answer["service_tier"], answer["system_fingerprint"], answer["usage"]["cost"]) == ("flex", "fp", 0)


@pytest.mark.parametrize("fields", [{"reasoning": {"exclude": True}}, {"include_reasoning": False}])
def test_reasoning_is_hidden_on_demand_and_shown_otherwise(fields: dict[str, object]) -> None:
    completion = Completion([Choice(dict(MESSAGE))])
    chunk = Chunk([ChunkChoice(raw(MESSAGE))])
    hidden = json.loads(chat(**fields).whole(completion, USAGE, PRICE))["choices"][0]["message"]
    assert (hidden["reasoning"], "reasoning_details" in hidden) == (None, False)
    [event] = events(chat(**fields).chunks([chunk]))
    assert event["choices"][0]["delta"] == {"role": "assistant", "content": "hi"}
    shown = json.loads(chat().whole(completion, USAGE, PRICE))["choices"][0]["message"]
    assert (shown["reasoning"], shown["reasoning_details"]) == ("hm", [{"type": "reasoning.text"}])
    [event] = events(chat().chunks([chunk]))
    assert event["choices"][0]["delta"]["reasoning"] == "hm"


def test_a_stream_has_roles_once_nulls_always_and_usage_last() -> None:
    encoder = chat(stream=True)
    text = encoder.chunks([Chunk([ChunkChoice(raw({"content": "h"}))]), Chunk([ChunkChoice(raw({"content": "i"}))])])
    text += encoder.chunks([Chunk([ChunkChoice(raw({}), 0, "stop", "eos")]), Chunk([], USAGE)])
    text += encoder.end(USAGE, PRICE)
    first, second, last, usage, done = events(text)
    assert first["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "h"},
            "finish_reason": None,
            "native_finish_reason": None,
            "logprobs": None,
        }
    ]
    assert second["choices"][0]["delta"] == {"content": "i"}
    assert (last["choices"][0]["finish_reason"], last["choices"][0]["native_finish_reason"]) == ("stop", "eos")
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 17)
    assert done == "[DONE]"
    for chunk in (first, second, last, usage):
        assert {name: chunk[name] for name in ("id", "object", "created", "model", "provider")} == {
            "id": "gen-1",
            "object": "chat.completion.chunk",
            "created": 7,
            "model": "acme/tiny",
            "provider": "Acme",
        }


def test_each_choice_of_a_stream_gets_its_role() -> None:
    chunk = Chunk([ChunkChoice(raw({"content": "a"}), 0), ChunkChoice(raw({"content": "b"}), 1)])
    [event] = events(chat().chunks([chunk]))
    assert [choice["delta"] for choice in event["choices"]] == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]


@pytest.mark.parametrize(
    "delta", [b"{}", b"{ }", b"{\t}", b' {"content":"a"}', b'{ "content" : "a" }', b'{"role":"assistant"}']
)
def test_a_first_delta_is_valid_however_it_is_spelled(delta: bytes) -> None:
    [event] = events(chat().chunks([Chunk([ChunkChoice(Raw(delta))])]))
    assert event["choices"][0]["delta"] == {"role": "assistant"} | json.loads(delta)


def test_log_probabilities_are_passed_on_and_empty_ones_are_null() -> None:
    kept = {"content": [{"token": "a", "logprob": -1.0}]}
    chunks = [Chunk([ChunkChoice(raw({"content": "a"}), logprobs=raw(value))]) for value in (kept, {})]
    assert [event["choices"][0]["logprobs"] for event in events(chat().chunks(chunks))] == [kept, None]


def test_a_stream_that_breaks_keeps_the_shape_of_a_chunk() -> None:
    error = UpstreamError("busy", error_type="provider_overloaded")
    chunk, done = events(chat().failed(error))
    assert chunk["choices"] == [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]
    assert chunk["error"] == {"code": 503, "message": "busy", "metadata": {"error_type": "provider_overloaded"}}
    assert {"id", "object", "created", "model", "provider"} <= chunk.keys()
    assert done == "[DONE]"


def test_who_serves_may_change_before_anything_is_encoded() -> None:
    encoder = chat()
    encoder.served_by("acme/large", 'Ot"her')
    [event] = events(encoder.chunks([Chunk([ChunkChoice(raw({"content": "a"}))])]))
    assert (event["model"], event["provider"]) == ("acme/large", 'Ot"her')


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXTS, TEXTS, TEXTS)
def test_any_text_arrives_as_it_is(content: str, provider: str, reason: str) -> None:
    for encoder in (chat(), legacy()):
        encoder.served_by("acme/tiny", provider)
        whole = json.loads(encoder.whole(Completion([Choice({"content": raw(content)}, 0, reason)]), USAGE, PRICE))
        choice = whole["choices"][0]
        assert (choice.get("text", choice.get("message", {}).get("content")), whole["provider"]) == (content, provider)
        [event] = events(encoder.chunks([Chunk([ChunkChoice(raw({"content": content}), 0, reason)])]))
        choice = event["choices"][0]
        assert (choice.get("text", choice.get("delta", {}).get("content")), choice["finish_reason"]) == (
            content,
            reason,
        )


def test_a_legacy_answer_is_text() -> None:
    completion = Completion([Choice(dict(MESSAGE), 0, "stop", "stop")])
    answer = json.loads(legacy().whole(completion, USAGE, PRICE))
    assert answer["object"] == "text_completion"
    assert answer["choices"] == [
        {
            "index": 0,
            "text": "hi",
            "finish_reason": "stop",
            "native_finish_reason": "stop",
            "logprobs": None,
            "reasoning": "hm",
        }
    ]
    assert answer["usage"]["total_tokens"] == 17


@pytest.mark.parametrize("fields", [{"reasoning": {"exclude": True}}, {"include_reasoning": False}])
def test_a_legacy_answer_hides_reasoning_on_demand_too(fields: dict[str, object]) -> None:
    answer = json.loads(legacy(**fields).whole(Completion([Choice(dict(MESSAGE))]), USAGE, PRICE))
    assert "reasoning" not in answer["choices"][0]
    [event] = events(legacy(**fields).chunks([Chunk([ChunkChoice(raw(MESSAGE))])]))
    assert "reasoning" not in event["choices"][0]


def test_a_legacy_stream_ends_with_usage_and_breaks_with_an_error() -> None:
    text = legacy().chunks([Chunk([ChunkChoice(raw({"content": "hi"}))]), Chunk([], USAGE)]) + legacy().end(
        USAGE, PRICE
    )
    first, usage, done = events(text)
    assert (first["choices"][0]["text"], usage["choices"], usage["usage"]["total_tokens"]) == ("hi", [], 17)
    assert done == "[DONE]"
    broken, _ = events(legacy().failed(UpstreamError("busy")))
    assert (broken["choices"][0]["finish_reason"], broken["error"]["code"]) == ("error", 502)
