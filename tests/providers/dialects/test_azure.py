"""Azure: where deployments stand, what is shown there, and what its filter and its failures mean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from conformance.hearing import hear_stream
from examples import a_provider, a_request, an_endpoint
from turnout.base.errors import UpstreamError
from turnout.base.secrets import Secret
from turnout.contracts.provider import Fetched, Outgoing, Outside
from turnout.domain.provider import Provider
from turnout.providers.dialects.azure import DIALECT, AzureAdapter

HOST = "https://acme.openai.azure.com"
SECRET = {"tenant_id": "t-1", "client_id": "c-1", "client_secret": "hidden-secret"}
TOKEN = "eyJhbGciOi.eyJhdWQi.c2lnbmF0dXJl"


async def _fetch(_: str) -> Fetched:
    raise AssertionError("nothing is fetched")


class Entra:
    """The token address: counts who asks, and answers as told."""

    def __init__(self) -> None:
        self.now = 1_780_000_000.0
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.answers: list[tuple[int, bytes]] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        assert headers == {"Content-Type": "application/x-www-form-urlencoded"}
        self.asked.append((url, parse_qs(body.decode())))
        await asyncio.sleep(0)
        if self.answers:
            return self.answers.pop(0)
        granted = {"token_type": "Bearer", "expires_in": 3599, "access_token": f"token-{len(self.asked)}"}
        return 200, json.dumps(granted).encode()

    @property
    def outside(self) -> Outside:
        return Outside(lambda: self.now, _fetch, self.post)


def provider(**fields: Any) -> Provider:  # noqa: ANN401 - any field of a provider
    return a_provider("azure", dialect="azure", **({"base_url": HOST, "credential": Secret("a-key")} | fields))


def sent(deployment: str = "gpt-4o", model: str = "openai/gpt-4o", **fields: Any) -> Outgoing:  # noqa: ANN401 - the same
    adapter = AzureAdapter(provider(**fields), Entra().outside)
    return adapter.outgoing(a_request(max_tokens=7), an_endpoint("azure", model, upstream_model=deployment))


# -- addresses --


@pytest.mark.parametrize(
    ("base", "version", "path"),
    [
        (HOST, "2024-10-21", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"),
        (f"{HOST}/", "2024-10-21", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"),
        (f"{HOST}/openai", "2024-10-21", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"),
        (HOST, None, "/openai/v1/chat/completions"),
        (HOST, "v1", "/openai/v1/chat/completions"),
        (HOST, "preview", "/openai/v1/chat/completions?api-version=preview"),
        (f"{HOST}/openai/v1", None, "/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1/", "2024-10-21", "/openai/v1/chat/completions"),
        ("https://acme.services.ai.azure.com", None, "/openai/v1/chat/completions"),
        (
            "https://acme.services.ai.azure.com/models",
            None,
            "/models/chat/completions?api-version=2024-05-01-preview",
        ),
        ("https://gate.example/ai/azure", "2024-10-21",
         "/ai/azure/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"),
    ],
)  # fmt: skip
def test_a_deployment_stands_where_the_version_says(base: str, version: str | None, path: str) -> None:
    outgoing = sent(base_url=base, api_version=version)
    assert outgoing.head.startswith(f"POST {path} HTTP/1.1\r\nHost: ".encode())
    assert json.loads(outgoing.body)["model"] == "gpt-4o"


def test_any_name_of_a_deployment_is_one_segment_of_the_path() -> None:
    head = sent("a/../b c?d=1#\r\n", api_version="2024-10-21&x=1").head
    assert head.startswith(
        b"POST /openai/deployments/a%2F..%2Fb%20c%3Fd%3D1%23%0D%0A/chat/completions?api-version=2024-10-21%26x%3D1 HTTP"
    )


@pytest.mark.parametrize(
    ("model", "version", "limit", "counted"),
    [
        ("openai/gpt-5", None, "max_completion_tokens", True),
        ("openai/gpt-5", "2025-01-01-preview", "max_completion_tokens", True),
        ("openai/gpt-4o", "2024-02-01", "max_tokens", False),
        ("mistralai/mistral-large", None, "max_tokens", True),
    ],
)
def test_bodies_fit_the_version_and_the_model(model: str, version: str | None, limit: str, counted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    adapter = AzureAdapter(provider(api_version=version), Entra().outside)
    outgoing = adapter.outgoing(a_request(max_tokens=7, stream=True), an_endpoint("azure", model))
    body = json.loads(outgoing.body)
    assert body[limit] == 7
    assert ("stream_options" in body) is counted


# -- credentials --


def test_a_key_has_azures_own_header_and_a_token_the_usual_one() -> None:
    head = sent().head
    assert b"\r\napi-key: a-key\r\n" in head
    assert b"Authorization" not in head
    head = sent(credential=Secret(TOKEN)).head
    assert f"\r\nAuthorization: Bearer {TOKEN}\r\n".encode() in head
    assert b"api-key" not in head
    head = sent(credential=None, headers=(("Ocp-Apim-Subscription-Key", "k"),)).head
    assert b"\r\nOcp-Apim-Subscription-Key: k\r\n" in head


async def test_a_secret_is_changed_for_a_token_that_is_kept_until_it_ends() -> None:
    entra = Entra()
    adapter = AzureAdapter(provider(credential=Secret(json.dumps(SECRET))), entra.outside)
    request, endpoint = a_request(), an_endpoint("azure")
    assert adapter.prepare is not None
    prepared = await asyncio.gather(*(adapter.prepare(request, endpoint) for _ in range(5)))
    assert all(one is request for one in prepared)
    assert b"Authorization: Bearer token-1\r\n" in adapter.outgoing(request, endpoint).head
    assert b"hidden-secret" not in adapter.outgoing(request, endpoint).head
    entra.now += 3000
    await adapter.prepare(request, endpoint)
    assert len(entra.asked) == 1
    entra.now += 400
    await adapter.prepare(request, endpoint)
    assert b"Authorization: Bearer token-2\r\n" in adapter.outgoing(request, endpoint).head
    url, form = entra.asked[0]
    assert url == "https://login.microsoftonline.com/t-1/oauth2/v2.0/token"
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["c-1"],
        "client_secret": ["hidden-secret"],
        "scope": ["https://cognitiveservices.azure.com/.default"],
    }


async def test_a_file_with_the_secret_is_read_again_for_each_token(tmp_path: Path) -> None:
    entra, file = Entra(), tmp_path / "secret.json"
    adapter = AzureAdapter(provider(credential=None, credentials_file=str(file)), entra.outside)
    assert adapter.prepare is not None
    with pytest.raises(UpstreamError, match="cannot be read"):
        await adapter.prepare(a_request(), an_endpoint("azure"))
    national = {
        "authority": "https://login.microsoftonline.us/",
        "scope": "https://cognitiveservices.azure.us/.default",
    }
    file.write_text(json.dumps(SECRET | national))
    with pytest.raises(UpstreamError):  # not at once
        await adapter.prepare(a_request(), an_endpoint("azure"))
    entra.now += 10
    await adapter.prepare(a_request(), an_endpoint("azure"))
    assert entra.asked[0][0] == "https://login.microsoftonline.us/t-1/oauth2/v2.0/token"


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (
            401,
            {"error": "invalid_client", "error_description": "AADSTS7000215: hidden-secret is wrong"},
            "AADSTS7000215",
        ),
        (500, "no JSON", "status 500"),
        (200, {"token": "x"}, "holds no token"),
        (200, {"access_token": "a\r\nb"}, "holds no token"),
    ],
)
async def test_no_token_is_the_providers_failure_told_without_the_secret(
    status: int, answer: object, words: str
) -> None:
    entra = Entra()
    entra.answers = [(status, json.dumps(answer).encode())]
    adapter = AzureAdapter(provider(credential=Secret(json.dumps(SECRET))), entra.outside)
    assert adapter.prepare is not None
    with pytest.raises(UpstreamError) as caught:
        await adapter.prepare(a_request(), an_endpoint("azure"))
    assert words in caught.value.message
    assert "hidden-secret" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    ["{", "{}", json.dumps(SECRET | {"tenant_id": "../evil"}), json.dumps(SECRET | {"client_secret": ""}),
     json.dumps(SECRET | {"authority": "http://evil.example"})],
)  # fmt: skip
async def test_secrets_that_are_none_ask_nobody(text: str) -> None:
    entra = Entra()
    adapter = AzureAdapter(provider(credential=Secret(text)), entra.outside)
    assert adapter.prepare is not None
    with pytest.raises(UpstreamError, match="No access token"):
        await adapter.prepare(a_request(), an_endpoint("azure"))
    assert entra.asked == []


def test_a_provider_is_usable_with_an_address_and_something_to_show() -> None:
    assert DIALECT.usable is not None
    assert DIALECT.usable(provider())
    assert DIALECT.usable(provider(credential=None, credentials_file="x.json"))
    assert not DIALECT.usable(provider(credential=None))
    assert not DIALECT.usable(provider(base_url=""))
    assert all(known.credential == () for known in DIALECT.providers)


# -- failures --


def failure(status: int, error: dict[str, Any], retry_after: str | None = None) -> UpstreamError:
    return AzureAdapter(provider(), Entra().outside).failure(status, retry_after, json.dumps(error).encode())


def test_a_filtered_prompt_names_what_it_was_refused_for() -> None:
    results = {
        "hate": {"filtered": True, "severity": "high"},
        "jailbreak": {"filtered": True, "detected": True},
        "self_harm": {"filtered": False, "severity": "safe"},
        "violence": {"filtered": False, "severity": "low"},
    }
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results}
    told = {"message": "The response was filtered.", "type": None, "param": "prompt", "code": "content_filter",
            "status": 400, "innererror": inner}  # fmt: skip
    error = failure(400, {"error": told})
    assert error.error_type == "content_policy_violation"
    assert error.metadata["reasons"] == ["hate/high", "jailbreak"]
    assert (error.provider_code, error.elsewhere, error.health) == ("content_filter", "endpoint", "ignored")
    assert error.message == "The response was filtered."


@pytest.mark.parametrize(
    "inner", [None, {"code": "ResponsibleAIPolicyViolation"}, {"content_filter_result": {"hate": 7, "x": None}}]
)
def test_a_filter_that_says_less_is_understood_too(inner: object) -> None:
    error = failure(400, {"error": {"code": "content_filter", "message": "no", "innererror": inner}})
    assert error.error_type == "content_policy_violation"
    assert error.metadata["reasons"] == []


@pytest.mark.parametrize(
    ("status", "body", "error_type"),
    [
        (401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key."}},
         "provider_unavailable"),
        (401, {"statusCode": 401, "message": "Unauthorized."}, "provider_unavailable"),
        (404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}}, "not_found"),
        (400, {"error": {"code": "context_length_exceeded", "message": "This model's maximum context length is 8192"}},
         "context_length_exceeded"),
        (400, {"error": {"code": "unsupported_value", "message": "no"}}, "invalid_request"),
        (429, {"error": {"code": "429", "message": "Slow down."}}, "rate_limit_exceeded"),
        (503, {"error": {"code": "InternalServerError", "message": "x"}}, "provider_overloaded"),
    ],
)  # fmt: skip
def test_failures_mean_what_they_say(status: int, body: dict[str, Any], error_type: str) -> None:
    assert failure(status, body).error_type == error_type


@pytest.mark.parametrize(
    ("header", "words", "seconds"),
    [
        (None, "Please retry after 8 seconds.", 8),
        (None, "Please retry after 1 second.", 1),
        (None, "retry after 1500 milliseconds", 2),
        (None, "Please retry later.", None),
        ("3", "Please retry after 8 seconds.", 3),
    ],
)
def test_how_long_to_wait_is_read_from_the_words_too(header: str | None, words: str, seconds: int | None) -> None:
    assert failure(429, {"error": {"code": "429", "message": words}}, header).retry_after == seconds


# -- streams --


def _event(**value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


SAFE = {"hate": {"filtered": False, "severity": "safe"}}


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_words_of_the_filter_between_the_events_change_nothing(size: int) -> None:
    offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 198}
    stream = b"".join([
        _event(id="", object="", created=0, model="", choices=[],
               prompt_filter_results=[{"prompt_index": 0, "content_filter_results": SAFE}]),
        _event(id="c", choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]),
        _event(id="c", choices=[{"index": 0, "delta": {"content": "Hello"}, "finish_reason": None,
                                 "content_filter_results": SAFE}]),
        _event(id="", choices=[{"index": 0, "finish_reason": None, "content_filter_results": SAFE,
                                "content_filter_offsets": offsets}]),
        _event(id="c", choices=[{"index": 0, "delta": {"content": " you"}, "finish_reason": None}]),
        _event(id="c", choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "content_filter_results": {}}]),
        _event(id="", choices=[{"index": 0, "finish_reason": None, "content_filter_results": SAFE,
                                "content_filter_offsets": offsets}]),
        _event(id="c", choices=[], usage={"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}),
        b"data: [DONE]\n\n",
    ])  # fmt: skip
    adapter = AzureAdapter(provider(), Entra().outside)
    heard = hear_stream(adapter, [stream[at : at + size] for at in range(0, len(stream), size)])
    assert (heard.text, heard.finish) == ("Hello you", "stop")
    assert heard.usage is not None
    assert (heard.usage.prompt_tokens, heard.usage.completion_tokens) == (5, 2)


def test_an_answer_that_the_filter_cuts_off_says_so() -> None:
    filtered = {"violence": {"filtered": True, "severity": "medium"}}
    stream = b"".join([
        _event(id="c", choices=[{"index": 0, "delta": {"content": "Once"}, "finish_reason": None}]),
        _event(id="c", choices=[{"index": 0, "delta": {}, "finish_reason": "content_filter",
                                 "content_filter_results": filtered}]),
        b"data: [DONE]\n\n",
    ])  # fmt: skip
    adapter = AzureAdapter(provider(), Entra().outside)
    assert hear_stream(adapter, [stream]).finish == "content_filter"
    whole = {"choices": [{"index": 0, "message": {"role": "assistant"}, "finish_reason": "content_filter",
                          "content_filter_results": filtered}], "prompt_filter_results": []}  # fmt: skip
    assert adapter.completion(json.dumps(whole).encode()).choices[0].finish_reason == "content_filter"
