"""Headers, browsers of other origins, and the documents about the API itself."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from gateway import Gateway

_CHAT = "/api/v1/chat/completions"
_HELLO = [{"role": "user", "content": "x"}]
_ORIGIN = {"Origin": "https://app.example"}
_METHODS = {"get", "post", "put", "patch", "delete", "head", "options", "trace"}


@pytest.mark.parametrize(
    "path", [_CHAT, "/v1/chat/completions", "/api/v1/completions", "/api/v1/key", "/api/v1/models"]
)
def test_a_browser_may_ask_before_it_sends(gateway: Gateway, path: str) -> None:
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-title,http-referer",
    }
    reply = gateway.request("OPTIONS", path, headers=_ORIGIN | wanted, key=None)
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "POST" in reply.headers["access-control-allow-methods"]
    allowed = reply.headers["access-control-allow-headers"].lower()
    assert "*" in allowed or all(name in allowed for name in ("authorization", "content-type", "x-title"))
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["fake/echo", "no/such", "fake/status-429"])
def test_a_page_of_another_origin_may_read_answers_and_errors(gateway: Gateway, model: str, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    body = {"model": model, "messages": [{"role": "user", "content": "x"}], "stream": stream}
    reply = gateway.request("POST", _CHAT, body, headers=_ORIGIN)
    assert reply.headers["access-control-allow-origin"] == "*"
    exposed = reply.headers["access-control-expose-headers"].lower()
    assert {"x-generation-id", "x-turnout-overhead-ms", "retry-after"} <= set(exposed.split(", "))


@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/key", "/api/v1/nothing", "/api/v1/generation?id=x"])
def test_a_page_of_another_origin_may_read_the_control_plane(gateway: Gateway, path: str) -> None:
    assert gateway.request("GET", path, headers=_ORIGIN).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "path", [_CHAT, "/api/v1/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses"]
)
def test_other_methods_are_refused_in_the_one_error_shape(gateway: Gateway, path: str) -> None:
    reply = gateway.request("GET", path)
    assert reply.status == 405
    assert reply.json()["error"]["code"] == 405
    assert "POST" in reply.headers["allow"]


@pytest.mark.parametrize("query", ["?beta=true", "?"])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("chat/completions", {"messages": _HELLO}),
        ("completions", {"prompt": "x"}),
        ("messages", {"messages": _HELLO, "max_tokens": 9}),
        ("messages/count_tokens", {"messages": _HELLO}),
        ("responses", {"input": "x"}),
        ("embeddings", {"model": "fake/embed-2", "input": "x"}),
        ("rerank", {"model": "fake/rerank", "query": "x", "documents": ["x"]}),
    ],
)
def test_a_query_behind_the_path_changes_nothing(
    gateway: Gateway, path: str, fields: dict[str, object], query: str
) -> None:
    body = {"model": "fake/echo"} | fields
    assert gateway.request("POST", f"/v1/{path}{query}", body).status == 200


def test_what_is_refused_before_it_is_read_has_the_shape_of_its_family_behind_a_query_too(gateway: Gateway) -> None:
    for path in ("/v1/messages", "/v1/messages?beta=true"):
        reply = gateway.request("POST", path, b" " * 400_000)
        assert reply.status == 413
        assert reply.json()["error"]["type"] == "request_too_large"


def test_parameters_that_a_provider_does_not_get_are_named(gateway: Gateway) -> None:
    assert "x-turnout-dropped" not in gateway.chat("fake/echo", temperature=0.5).headers


def test_the_document_knows_every_operation_of_both_planes(gateway: Gateway) -> None:
    document = gateway.request("GET", "/openapi.json", key=None).json()
    assert document["openapi"].startswith("3.1")
    operations = {(path, method) for path, item in document["paths"].items() for method in item if method in _METHODS}
    assert operations >= {
        (_CHAT, "post"),
        ("/api/v1/completions", "post"),
        ("/api/v1/models", "get"),
        ("/api/v1/model/{author}/{slug}", "get"),
        ("/api/v1/models/{author}/{slug}/endpoints", "get"),
        ("/api/v1/providers", "get"),
        ("/api/v1/key", "get"),
        ("/api/v1/generation", "get"),
    }


def test_the_document_is_sound(gateway: Gateway) -> None:
    document = gateway.request("GET", "/openapi.json", key=None).json()
    assert document["info"].keys() >= {"title", "version"}
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in _references(document):
        _follow(document, reference)
    names = []
    for path, item in document["paths"].items():
        for method in item.keys() & _METHODS:
            operation = item[method]
            names.append(operation["operationId"])
            assert operation["responses"]
            assert all(re.fullmatch(r"\d\d\d|default", status) for status in operation["responses"])
            assert all("description" in response for response in operation["responses"].values())
            declared = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)(?::\w+)?\}", path)), path
            for requirement in operation.get("security", []):
                assert requirement.keys() <= document["components"]["securitySchemes"].keys()
    assert len(names) == len(set(names))


def test_the_page_about_the_api_loads_nothing_from_elsewhere(gateway: Gateway) -> None:
    reply = gateway.request("GET", "/docs", key=None)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")
    page = reply.body.decode()
    assert _CHAT in page
    assert not re.search(r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//""", page)
    assert not re.search(r"<(?:script|link|iframe|object|embed)\b[^>]*(?:src|href)", page)
    assert "url(" not in page
    assert "@import" not in page


def _references(node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _follow(document: Any, reference: str) -> None:  # noqa: ANN401 - JSON
    assert reference.startswith("#/"), reference
    for step in reference[2:].split("/"):
        document = document[step.replace("~1", "/").replace("~0", "~")]


def test_a_key_over_its_own_limit_reads_when_it_may_go_on(gateway: Gateway) -> None:
    wanted = {"name": "in haste", "requests_per_minute": 1}
    key = gateway.request("POST", "/api/v1/keys", wanted, key=gateway.management_key).json()["key"]
    body = {"model": "fake/echo", "messages": _HELLO}
    good, over = (gateway.request("POST", _CHAT, body, key=key) for _ in range(2))
    assert (good.status, over.status) == (200, 429)
    assert not any(name.startswith("x-ratelimit") for name in good.headers)
    assert (over.headers["x-ratelimit-limit"], over.headers["x-ratelimit-remaining"]) == ("1", "0")
    assert int(over.headers["x-ratelimit-reset"]) / 1000 > time.time()
    assert over.json()["error"]["metadata"]["headers"]["X-RateLimit-Reset"] == over.headers["x-ratelimit-reset"]
