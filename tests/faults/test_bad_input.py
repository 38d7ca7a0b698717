"""Whatever a client asks, it reads a clear 4xx in the one error shape, soon, and the server lives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import turnout
from gateway import API_KEY, FakeServer, Gateway
from patience import until
from rawhttp import GOOD_CHAT, chat_body, converse, head_of, post_chat, refused

_PROMPT = [{"role": "user", "content": "Hello"}]
_BOTH = json.dumps({"model": "acme/echo", "messages": _PROMPT, "prompt": "Hello"}).encode()
"""A request for either family."""
_DEEP = 100


# -- JSON --


@pytest.mark.parametrize("route", ["chat/completions", "completions"])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON"),
        (b"null", "object"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"{", "truncated"),
        (_BOTH + b"}", "trailing"),
        (b"\xef\xbb\xbf" + _BOTH, "JSON"),
        (_BOTH.replace(b"Hello", b"\xff\xfe"), "UTF-8"),
        (_BOTH.replace(b"Hello", b"\xc0\xaf"), "UTF-8"),
        (_BOTH.replace(b"Hello", b"\xed\xa0\x80"), "UTF-8"),
        (_BOTH.replace(b"acme", b"\xffacme"), "UTF-8"),
        (_BOTH.replace(b'"model"', b'"mod\xffel"'), "UTF-8"),
        (_BOTH.replace(b"Hello", b"a\x00b"), "JSON"),
        (_BOTH.replace(b"Hello", b"a\nb"), "JSON"),
        (_BOTH[:-1] + b',"model":"acme/locked"}', "stands twice"),
        (_BOTH[:-1] + b',"mod\\u0065l":"acme/locked"}', "stands twice"),
        (_BOTH[:-1] + b',"x":1,"x":1}', "stands twice"),
        (_BOTH[:-1] + b',"provider":{"order":["a"],"order":["b"]}}', "stands twice"),
        (_BOTH[:-1] + b',"provider":{"sort":{"by":"price","by":"latency"}}}', "stands twice"),
        (_BOTH[:-1] + b',"plugins":[{"id":"web","id":"web"}]}', "stands twice"),
        (_BOTH[:-1] + b',"unknown":NaN}', "JSON"),
        (_BOTH[:-1] + b',"temperature":NaN}', "JSON"),
        (_BOTH[:-1] + b',"temperature":Infinity}', "JSON"),
        (_BOTH[:-1] + b',"temperature":1e400}', "out of range"),
        (_BOTH[:-1] + b',"seed":' + b"9" * 5000 + b"}", "seed"),
        (_BOTH.replace(b"Hello", b"\\ud800 "), "JSON"),
        (b'{"a":' + b"[" * 101 + b"]" * 101 + b"}", "nested"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested"),
        (b"[" * 200_000, "nested"),
        (b"{" + b",".join(b'"k%d":1' % number for number in range(10_000)) + b"}", "fields"),
    ],
)
def test_what_is_no_strict_json_object_is_refused(gateway: Gateway, route: str, body: bytes, words: str) -> None:
    error = refused(gateway, post_chat(body, line=f"POST /api/v1/{route} HTTP/1.1"), 400)
    assert words in error["message"]
    assert error["metadata"]["error_type"] == "invalid_request"


def test_nesting_up_to_the_limit_and_odd_but_legal_text_pass(gateway: Gateway, fake: FakeServer) -> None:
    deep = b"[" * (_DEEP - 1) + b"]" * (_DEEP - 1)
    text = "\\ud83d\\ude00 \\u0000 \u2028 \U0001f600 {[".encode()
    body = GOOD_CHAT.replace(b"Hello", text)[:-1] + b',"unknown":' + deep + b',"huge":1e400}'
    assert converse(gateway.port, post_chat(body)).only.status == 200
    upstream = next(entry["body"] for entry in reversed(fake.journal()) if entry["t"] == "request")
    assert text.decode() in upstream
    assert deep.decode() in upstream


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "hot"), ("temperature", True), ("temperature", 3), ("temperature", [1]),
        ("top_p", -0.1), ("top_k", -1), ("top_k", 1.5), ("min_p", 2), ("frequency_penalty", 9),
        ("max_tokens", 0), ("max_tokens", -1), ("max_tokens", 10**12), ("max_tokens", 1.5), ("max_tokens", "5"),
        ("max_tokens", True), ("max_completion_tokens", 2**70), ("n", 0), ("seed", 2**70), ("seed", "x"),
        ("stop", 5), ("stop", ["x"] * 10_000), ("stop", [1]), ("top_logprobs", 21), ("logprobs", "yes"),
        ("logit_bias", {"5": 1000}), ("logit_bias", [1]), ("stream", "yes"), ("stream", 1),
        ("tools", {}), ("tools", "x"), ("parallel_tool_calls", 1), ("response_format", "json"),
        ("response_format", {"type": "yaml"}), ("provider", "acme"), ("provider", {"order": "acme"}),
        ("provider", {"oder": ["acme"]}), ("provider", {"sort": "best"}), ("provider", {"zdr": "yes"}),
        ("provider", {"max_price": {"prompt": -1}}), ("reasoning", 5), ("reasoning", {"effort": "huge"}),
        ("reasoning_effort", "huge"), ("plugins", {}), ("plugins", [5]), ("plugins", [{}]),
        ("metadata", {"a": 1}), ("metadata", [1]), ("user", 5), ("user", "x" * 1000), ("session_id", "x" * 1000),
        ("model", 5), ("model", ""), ("model", ["acme/echo"]), ("model", "x" * 1000),
        ("models", "acme/echo"), ("models", [5]), ("models", ["acme/echo"] * 100),
        ("messages", {}), ("messages", "Hello"), ("messages", []), ("messages", None), ("messages", 5),
        ("messages", [5]), ("messages", ["Hello"]), ("messages", [[]]),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_kind_is_named(gateway: Gateway, field: str, value: object) -> None:
    error = refused(gateway, post_chat(chat_body(**{field: value})), 400)
    assert field in error["message"]


def test_a_million_messages_are_refused_before_they_are_looked_at(gateway: Gateway) -> None:
    body = b'{"model":"acme/echo","messages":[' + b'{"role":"user","content":"x"},' * 999_999
    error = refused(gateway, post_chat(body + b"{}]}"), 400, within=1.0)
    assert "too many" in error["message"]


@pytest.mark.parametrize("prompt", [5, None, {}, ["a", "b"], [], [1, 2, 3]])
def test_a_prompt_must_be_one_text(gateway: Gateway, prompt: object) -> None:
    body = json.dumps({"model": "acme/echo", "prompt": prompt}).encode()
    error = refused(gateway, post_chat(body, line="POST /v1/completions HTTP/1.1"), 400)
    assert "prompt" in error["message"]


# -- models and keys --


def test_a_request_without_a_model_says_so(gateway: Gateway) -> None:
    error = refused(gateway, post_chat(json.dumps({"messages": _PROMPT}).encode()), 400)
    assert "model" in error["message"]


@pytest.mark.parametrize("model", ["nobody/nothing", "no slash", "a/b/c", "../../etc/passwd", "a\u0000b", "🙂"])
def test_an_unknown_model_is_the_callers_mistake(gateway: Gateway, model: str) -> None:
    error = refused(gateway, post_chat(chat_body(model=model)), 400)
    assert error["metadata"]["error_type"] == "invalid_request"


def test_an_unknown_model_is_told_apart_by_a_code(gateway: Gateway) -> None:
    error = refused(gateway, post_chat(chat_body(model="nobody/nothing")), 400)
    assert error["availability"]["code"] == "model_not_found"
    assert error["availability"]["retryable"] is False


def test_a_model_that_nobody_may_serve_is_not_found(gateway: Gateway) -> None:
    error = refused(gateway, post_chat(chat_body(model="acme/locked")), 404)
    assert error["availability"]["excluded_by"] == ["no_credential"]
    error = refused(gateway, post_chat(chat_body(provider={"only": ["elsewhere"]})), 404)
    assert error["availability"]["excluded_by"] == ["allowed_providers"]


_BAD_KEYS = [
    None,
    "",
    "Bearer",
    "Bearer ",
    "Bearer nobody",
    f"Basic {API_KEY}",
    API_KEY,
    f"Bearer {API_KEY[:-1]}",
    f"Bearer {API_KEY}0",
    f"Bearer {API_KEY}, Bearer {API_KEY}",
    "Bearer ' OR 1=1 --",
    "Bearer \xff\xfe",
]


@pytest.mark.parametrize("authorization", _BAD_KEYS)
@pytest.mark.parametrize("target", ["POST /v1/chat/completions", "GET /v1/key", "GET /v1/generation?id=gen-1"])
def test_a_bad_key_is_refused_everywhere_and_not_repeated(
    gateway: Gateway, authorization: str | None, target: str
) -> None:
    lines = [] if authorization is None else [f"Authorization: {authorization}"]
    body = GOOD_CHAT if target.startswith("POST") else b""
    head = head_of(f"{target} HTTP/1.1", *lines, key=None)
    error = refused(gateway, head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body), 401)
    assert error["metadata"]["error_type"] == "authentication"
    assert API_KEY[:-1] not in error["message"]


@pytest.mark.alone
def test_a_key_stops_working_within_a_second_of_being_disabled(gateway: Gateway, tmp_path: Path) -> None:
    there = {"TURNOUT_SERVER__DATA_DIR": str(gateway.data_dir)}
    key = turnout(tmp_path, "keys", "create", "short-lived", environment=there).stdout.strip()
    until(lambda: gateway.request("GET", "/v1/key", key=key).status == 200)
    assert turnout(tmp_path, "keys", "disable", "short-lived", environment=there).returncode == 0
    until(lambda: gateway.request("POST", "/v1/chat/completions", GOOD_CHAT, key=key).status == 401, 2.0)
    assert gateway.request("GET", "/v1/key", key=key).status == 401


# -- routes and methods --


@pytest.mark.parametrize(
    "target",
    ["/nothing", "/v1/nothing", "/api/v1/chat/completions/", "/v1/chat", "/api/v2/models", "/%ff%00%0d%0a", "/..%2f..",
     "/v1/nothing/acme/../key", "//v1/models"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PROPFIND"])
def test_an_unknown_route_has_the_one_shape(gateway: Gateway, method: str, target: str) -> None:
    error = refused(gateway, head_of(f"{method} {target} HTTP/1.1") + b"Content-Length: 0\r\n\r\n", 404)
    assert error["metadata"]["error_type"] == "not_found"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        *[(method, "/v1/chat/completions") for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")],
        ("GET", "/api/v1/completions"),
        ("POST", "/v1/models"),
        ("DELETE", "/v1/key"),
        ("POST", "/health"),
        ("PUT", "/ready"),
    ],
)
def test_a_wrong_method_has_the_one_shape_and_says_which_are_right(gateway: Gateway, method: str, target: str) -> None:
    conversation = converse(gateway.port, head_of(f"{method} {target} HTTP/1.1") + b"Content-Length: 0\r\n\r\n")
    assert conversation.only.status == 405
    assert conversation.only.error["metadata"]["error_type"] == "invalid_request"
    assert conversation.only.headers["allow"]


def test_every_operation_of_the_control_plane_refuses_nonsense_in_the_one_shape(gateway: Gateway) -> None:
    document = gateway.request("GET", "/openapi.json").json()
    for path, operations in document["paths"].items():
        for method in operations:
            concrete = path.replace("{", "%7B").replace("}", "%7D")
            for key in (None, gateway.key):
                reply = gateway.request(method.upper(), concrete, b"\xff not json", key=key)
                assert reply.status != 500, (method, path)
                if reply.status >= 400:
                    error = reply.json()["error"]
                    assert error["message"], (method, path)
                    others = path.endswith(("/messages", "/responses", "/count_tokens"))  # they have their own shape
                    assert others or isinstance(error["code"], int), (method, path)


def test_head_of_a_hot_route_has_no_body(gateway: Gateway) -> None:
    reply = gateway.request("HEAD", "/v1/chat/completions")
    assert (reply.status, reply.body) == (405, b"")
