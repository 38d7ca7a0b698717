"""Azure through a whole gateway: a scripted resource answers as the vendor's documentation shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from gateway import Gateway, Reply, model_tables
from recordings import StandIn, stand_in

_FILTERED = {
    "hate": {"filtered": False, "severity": "safe"},
    "jailbreak": {"filtered": False, "detected": False},
    "self_harm": {"filtered": False, "severity": "safe"},
    "violence": {"filtered": True, "severity": "medium"},
}
_USAGE = {
    "prompt_tokens": 18,
    "completion_tokens": 9,
    "total_tokens": 27,
    "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 4},
    "completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": 2},
}
_PROMPT = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}]


class Stage(NamedTuple):
    """A gateway, and the resource behind it."""

    gateway: Gateway
    resource: StandIn

    def ask(self, model: str = "openai/gpt-4o", **fields: object) -> Reply:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]} | fields
        return self.gateway.request("POST", "/api/v1/chat/completions", json.dumps(body).encode())


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    price = '{ prompt = "0.000001", completion = "0.000002" }'
    with stand_in() as server:
        toml = f"""
[catalog]
bundled = false
[providers.azure]
base_url = "{server.url}"
api_key = "azure-secret-key"
api_version = "2024-10-21"
[providers.foundry]
dialect = "azure"
base_url = "{server.url}/openai/v1"
api_key = "azure-secret-key"
"""
        toml += model_tables("openai/gpt-4o", [("azure", "my-deployment", price)])
        toml += model_tables("mistralai/large", [("foundry", "Mistral-Large", price)])
        with Gateway(tmp_path_factory.mktemp("gateway"), toml) as gateway:
            yield Stage(gateway, server)


@pytest.fixture
def stage(started: Stage) -> Stage:
    started.resource.received.clear()
    _answer(started, 200, {})
    return started


def _answer(stage: Stage, status: int, body: dict[str, Any]) -> None:
    stage.resource.status, stage.resource.content_type = status, "application/json"
    stage.resource.answer = json.dumps(body).encode()


def _whole() -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello there.", "refusal": None}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message, "content_filter_results": {}}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-11-20",
            "prompt_filter_results": _PROMPT, "choices": [choice],
            "system_fingerprint": "fp_1", "usage": _USAGE}  # fmt: skip


def test_a_whole_answer_comes_from_the_deployment(stage: Stage) -> None:
    _answer(stage, 200, _whole())
    reply = stage.ask()
    assert reply.status == 200, reply.body
    answer = reply.json()
    assert answer["provider"] == "Azure"
    assert answer["choices"][0]["message"]["content"] == "Hello there."
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 4
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2
    [received] = stage.resource.received
    assert received.path == "/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"
    assert received.headers["api-key"] == "azure-secret-key"
    assert "Authorization" not in received.headers


def test_a_foundry_serves_models_of_others(stage: Stage) -> None:
    _answer(stage, 200, _whole())
    assert stage.ask("mistralai/large").status == 200
    [received] = stage.resource.received
    assert received.path == "/openai/v1/chat/completions"
    assert json.loads(received.body)["model"] == "Mistral-Large"


@pytest.mark.parametrize("sliced", [False, True])
def test_a_stream_begins_with_the_filter_and_ends_with_the_counts(stage: Stage, sliced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}, {"content": "Hello"}]
    chunks: list[dict[str, Any]] = [
        {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": _PROMPT},
        *(common | {"choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas),
        common | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "content_filter_results": {}}]},
        common | {"choices": [], "usage": _USAGE},
    ]
    stage.resource.content_type, stage.resource.sliced = "text/event-stream", sliced
    stage.resource.answer = b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in chunks) + b"data: [DONE]\n\n"
    reply = stage.ask(stream=True)
    events = reply.events()
    stage.resource.sliced = False
    assert events.pop() == "[DONE]"
    assert "".join(one["delta"].get("content") or "" for event in events for one in event["choices"]) == "Hello"
    assert [one["finish_reason"] for event in events for one in event["choices"]][-1] == "stop"
    assert events[-1]["usage"]["total_tokens"] == 27
    assert json.loads(stage.resource.received[0].body)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_the_filter_refuses_is_told_with_its_reasons(stage: Stage, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": _FILTERED}
    words = "The response was filtered due to the prompt triggering the content management policy."
    _answer(stage, 400, {"error": {"message": words, "type": None, "param": "prompt", "code": "content_filter",
                                   "status": 400, "innererror": inner}})  # fmt: skip
    reply = stage.ask(stream=stream)
    error = reply.json()["error"]
    assert error["metadata"]["error_type"] == "content_policy_violation"
    assert error["metadata"]["reasons"] == ["violence/medium"]
    assert error["metadata"]["provider_code"] == "content_filter"
    assert error["message"] == words


def test_a_limit_says_when_to_come_back(stage: Stage) -> None:
    words = "Requests have exceeded the token rate limit of your current tier. Please retry after 8 seconds."
    _answer(stage, 429, {"error": {"code": "429", "message": words}})
    reply = stage.ask()
    assert reply.status == 429
    assert reply.headers["retry-after"] == "8"


def test_a_missing_deployment_is_not_found_and_a_refused_key_is_ours(stage: Stage) -> None:
    _answer(stage, 404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}})
    assert stage.ask().json()["error"]["metadata"]["error_type"] == "not_found"
    _answer(stage, 401, {"error": {"code": "401", "message": "Access denied due to invalid key azure-secret-key."}})
    reply = stage.ask()
    assert reply.json()["error"]["metadata"]["error_type"] == "provider_unavailable"
    assert b"azure-secret-key" not in reply.body
