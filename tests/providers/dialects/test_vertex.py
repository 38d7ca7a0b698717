"""Gemini models on Google's cloud: where requests go, with which token, and a gateway that gets one by itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway import Gateway, model_tables
from turnout.api.chat import ChatSurface
from turnout.app.outside import NOTHING_OUTSIDE
from turnout.base.errors import UpstreamError
from turnout.base.secrets import Secret
from turnout.contracts.provider import Outgoing
from turnout.domain.catalog import Endpoint
from turnout.domain.provider import Provider
from turnout.domain.usage import Usage
from turnout.providers.dialects.vertex import DIALECT

_MODEL = "projects/acme/locations/europe-west1/publishers/google/models/gemini-2.5-flash"
_ANSWER = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}],
    "usageMetadata": {
        "promptTokenCount": 5, "candidatesTokenCount": 1, "totalTokenCount": 6, "trafficType": "ON_DEMAND",
    },
    "modelVersion": "gemini-2.5-flash",
    "createTime": "2025-06-27T08:48:21.154666Z",
    "responseId": "r1",
}  # fmt: skip
_PRICE = '{ prompt = "0.000001", completion = "0.000002" }'


def _provider(**fields: Any) -> Provider:  # noqa: ANN401 - fields of Provider
    stated: dict[str, Any] = {
        "slug": "vertex",
        "name": "Vertex",
        "dialect": "vertex",
        "credential": Secret("ya29.token"),
    } | fields
    provider = Provider(**stated)
    return provider if provider.base_url else Provider(**stated, base_url=_address(provider))


def _address(provider: Provider) -> str:
    assert DIALECT.address is not None
    return DIALECT.address(provider)


def _outgoing(provider: Provider, body: dict[str, Any] | None = None, upstream: str = "gemini-2.5-flash") -> Outgoing:
    chat = {"model": "google/x", "messages": [{"role": "user", "content": "hi"}]} | (body or {})
    request = ChatSurface().decode(json.dumps(chat).encode())
    at = Endpoint(model_id="google/x", provider="vertex", tag="vertex", upstream_model=upstream)
    return DIALECT.adapter(provider, NOTHING_OUTSIDE).outgoing(request, at)


@pytest.mark.parametrize(
    ("location", "address"),
    [
        (None, "https://aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("evil.example/", ""),
    ],
)
def test_every_location_has_its_host(location: str | None, address: str) -> None:
    assert _address(Provider(slug="vertex", name="V", location=location)) == address


@pytest.mark.parametrize(
    ("upstream", "path"),
    [
        ("gemini-2.5-flash", f"/v1beta1/{_MODEL}"),
        ("google/gemini-2.5-flash", f"/v1beta1/{_MODEL}"),
        ("publishers/google/models/gemini-2.5-flash", f"/v1beta1/{_MODEL}"),
        ("endpoints/123", "/v1beta1/projects/acme/locations/europe-west1/endpoints/123"),
    ],
)
def test_models_stand_below_their_project_and_location(upstream: str, path: str) -> None:
    provider = _provider(project="acme", location="europe-west1")
    head = _outgoing(provider, upstream=upstream).head.decode()
    assert head.startswith(f"POST {path}:generateContent HTTP/1.1\r\nHost: europe-west1-aiplatform.googleapis.com\r\n")
    assert "\r\nAuthorization: Bearer ya29.token\r\n" in head
    assert f"{path}:streamGenerateContent?alt=sse HTTP" in _outgoing(provider, {"stream": True}, upstream).head.decode()


def test_a_key_needs_no_project() -> None:
    head = _outgoing(_provider(credential=Secret("AIzaSy-1"))).head.decode()
    assert head.startswith("POST /v1beta1/publishers/google/models/gemini-2.5-flash:generateContent HTTP/1.1\r\n")
    assert "\r\nx-goog-api-key: AIzaSy-1\r\n" in head


def test_another_version_may_be_asked_for() -> None:
    assert _outgoing(_provider(project="acme", api_version="v1")).head.startswith(b"POST /v1/projects/acme/")


def test_a_tier_is_asked_for_in_the_head() -> None:
    outgoing = _outgoing(_provider(project="acme"), {"service_tier": "flex"})
    assert b"\r\nX-Vertex-AI-LLM-Shared-Request-Type: flex\r\n" in outgoing.head
    assert b"serviceTier" not in outgoing.body


def test_public_files_are_named_by_their_address() -> None:
    content = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    body = json.loads(_outgoing(_provider(), {"messages": [{"role": "user", "content": content}]}).body)
    [part] = body["contents"][0]["parts"]
    assert part == {"fileData": {"fileUri": "https://example.com/a.png", "mimeType": "image/png"}}


@pytest.mark.parametrize("fields", [{"location": "a.b"}, {"project": "a/b"}, {"credential": Secret("a\r\nb")}])
def test_settings_that_make_no_address_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="provider vertex"):
        DIALECT.adapter(_provider(**fields), NOTHING_OUTSIDE)


def test_it_is_usable_with_a_credential_or_a_file() -> None:
    assert DIALECT.usable is not None
    assert DIALECT.usable(_provider())
    assert DIALECT.usable(_provider(credential=None, credentials_file="/key.json"))
    assert not DIALECT.usable(_provider(credential=None))


def test_claude_is_spoken_to_in_its_own_language() -> None:
    provider = _provider(project="acme", location="us-east5")
    outgoing = _outgoing(provider, {"max_tokens": 9}, "claude-sonnet-4-5@20250929")
    place = b"/v1/projects/acme/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929"
    assert outgoing.head.startswith(b"POST " + place + b":rawPredict HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer ya29.token\r\n" in outgoing.head
    body = json.loads(outgoing.body)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert body["max_tokens"] == 9
    assert "model" not in body
    assert place + b":streamRawPredict HTTP" in _outgoing(provider, {"stream": True}, "claude-sonnet-4-5@20250929").head


def test_models_of_other_houses_are_spoken_to_in_openais_language() -> None:
    outgoing = _outgoing(_provider(project="acme"), {"temperature": 1}, "zai-org/glm-4.7-maas")
    assert outgoing.head.startswith(b"POST /v1/projects/acme/locations/global/endpoints/openapi/chat/completions HTTP")
    assert json.loads(outgoing.body)["model"] == "zai-org/glm-4.7-maas"


_CLAUDE = {
    "id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 1},
}  # fmt: skip
_OPEN = {
    "id": "c1", "object": "chat.completion", "model": "glm", "created": 1,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
}  # fmt: skip


@pytest.mark.parametrize("answer", [_ANSWER, _CLAUDE, _OPEN], ids=["google", "anthropic", "open"])
def test_a_whole_answer_tells_whose_it_is(answer: dict[str, Any]) -> None:
    completion = DIALECT.adapter(_provider(), NOTHING_OUTSIDE).completion(json.dumps(answer).encode())
    assert bytes(completion.choices[0].message["content"]) == b'"Hello"'
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage == Usage(fresh=5, completion=1)


def _claude_stream() -> bytes:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": _CLAUDE | {"content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 'Hello "choices"'}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in events)


def _google_stream() -> bytes:
    answer = json.loads(json.dumps(_ANSWER).replace('"Hello"', json.dumps('Hello "choices"')))
    return b"data: %b\r\n\r\n" % json.dumps(answer).encode()


def _open_stream() -> bytes:
    delta = {"id": "c1", "choices": [{"index": 0, "delta": {"content": 'Hello "choices"'}, "finish_reason": "stop"}]}
    return b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(delta | {"usage": _OPEN["usage"]}).encode()


@pytest.mark.parametrize(
    "stream", [_google_stream(), _claude_stream(), _open_stream()], ids=["google", "claude", "open"]
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_stream_tells_whose_it_is(stream: bytes, size: int) -> None:
    decoder = DIALECT.adapter(_provider(), NOTHING_OUTSIDE).decoder()
    chunks = [chunk for start in range(0, len(stream), size) for chunk in decoder.feed(stream[start : start + size])]
    choices = [choice for chunk in [*chunks, *decoder.flush()] for choice in chunk.choices]
    assert "".join(json.loads(bytes(choice.delta)).get("content", "") for choice in choices) == 'Hello "choices"'
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]


@pytest.mark.parametrize("stream", [b"", b'data: {"type":"strange"}\n\n', b'data: {"usageMetadata":{}}\n\n'])
def test_a_stream_that_says_nothing_is_no_answer(stream: bytes) -> None:
    decoder = DIALECT.adapter(_provider(), NOTHING_OUTSIDE).decoder()
    assert not decoder.feed(stream)
    with pytest.raises(UpstreamError, match="empty"):
        decoder.flush()


def test_an_error_alone_in_a_stream_is_googles() -> None:
    decoder = DIALECT.adapter(_provider(), NOTHING_OUTSIDE).decoder()
    decoder.feed(b'data: {"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}\n\n')
    with pytest.raises(UpstreamError, match="slow down"):
        decoder.flush()


class _Google(NamedTuple):
    """Google's token address and its models, on loopback; ``faults`` are answers by path, used up one by one."""

    url: str
    paths: list[str]
    tokens: list[str | None]
    faults: dict[str, list[tuple[int, bytes]]]


@pytest.fixture
def google() -> Iterator[_Google]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            place = "token" if self.path == "/token" else "model"
            state.paths.append(self.path)
            state.tokens.append(self.headers.get("Authorization"))
            status, body = 200, json.dumps(_ANSWER).encode()
            if place == "token":
                body = b'{"access_token":"ya29.from-loopback","expires_in":3599,"token_type":"Bearer"}'
            if state.faults.get(place):
                status, body = state.faults[place].pop(0)
            elif self.path.endswith("alt=sse"):
                body = b"data: %b\r\n\r\n" % body
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream" if b"data: " in body[:6] else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = _Google(f"http://127.0.0.1:{server.server_address[1]}", [], [], {})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def _key_file(directory: Path, google: _Google) -> Path:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key = {
        "type": "service_account",
        "project_id": "acme",
        "client_email": "turnout@acme.iam.gserviceaccount.com",
        "private_key": private.private_bytes(encoding, form, serialization.NoEncryption()).decode(),
        "token_uri": f"{google.url}/token",
    }
    path = directory / "key.json"
    path.write_text(json.dumps(key))
    return path


def test_a_gateway_gets_its_token_by_itself_and_tells_what_goes_wrong(tmp_path: Path, google: _Google) -> None:
    toml = f"""
        [catalog]
        bundled = false
        [providers.vertex]
        base_url = "{google.url}"
        location = "europe-west1"
        credentials_file = "{_key_file(tmp_path, google)}"
    """
    toml += model_tables("google/flash", [("vertex", "gemini-2.5-flash", _PRICE)])
    body: dict[str, Any] = {"model": "google/flash", "messages": [{"role": "user", "content": "hi"}]}
    google.faults["token"] = [(400, b'{"error":"invalid_grant","error_description":"Invalid JWT Signature."}')]
    with Gateway(tmp_path, toml) as gateway:
        refused = gateway.request("POST", "/api/v1/chat/completions", json.dumps(body).encode())
        assert refused.status == 502
        assert "Invalid JWT Signature." in refused.json()["error"]["message"]
        assert google.paths == ["/token"]
    google.paths.clear()
    google.tokens.clear()
    quota = [{"error": {"code": 429, "message": "Resource exhausted.", "status": "RESOURCE_EXHAUSTED"}}]
    with Gateway(tmp_path, toml) as gateway:
        whole = gateway.request("POST", "/api/v1/chat/completions", json.dumps(body).encode())
        assert whole.json()["choices"][0]["message"]["content"] == "Hello"
        assert whole.json()["usage"]["prompt_tokens"] == 5
        stream = gateway.request("POST", "/api/v1/chat/completions", json.dumps(body | {"stream": True}).encode())
        assert "Hello" in stream.body.decode()
        assert google.paths == [
            "/token", f"/v1beta1/{_MODEL}:generateContent", f"/v1beta1/{_MODEL}:streamGenerateContent?alt=sse"
        ]  # fmt: skip
        assert google.tokens == [None, "Bearer ya29.from-loopback", "Bearer ya29.from-loopback"]
        google.faults["model"] = [(429, json.dumps(quota).encode())]
        limited = gateway.request("POST", "/api/v1/chat/completions", json.dumps(body).encode())
        assert limited.status == 429
        assert limited.json()["error"]["metadata"]["provider_code"] == "RESOURCE_EXHAUSTED"
