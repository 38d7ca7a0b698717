"""What goes over the wire, as curl sees it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from gateway import Gateway

_CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(_CURL is None, reason="curl is not installed")
_CHAT = "/api/v1/chat/completions"


class _Answer(NamedTuple):
    status_line: str
    headers: dict[str, str]
    body: str


def _curl(gateway: Gateway, path: str, body: Any = None, options: Sequence[str] = ()) -> _Answer:  # noqa: ANN401 - JSON
    assert _CURL is not None
    command = [_CURL, "-sS", "-i", "-m", "20", "-H", f"Authorization: Bearer {gateway.key}", *options]
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    if text is not None:
        command += ["-H", "Content-Type: application/json", "--data-binary", "@-"]
    done = subprocess.run(  # noqa: S603 - the program that was found
        [*command, gateway.url + path], input=text, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    head, _, rest = done.stdout.partition("\n\n")
    while " 100 " in head:
        head, _, rest = rest.partition("\n\n")
    status_line, *lines = head.splitlines()
    pairs = [line.partition(": ") for line in lines]
    return _Answer(status_line, {name.lower(): value for name, _, value in pairs}, rest)


def _ask(model: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}]} | fields


@pytest.mark.parametrize("mount", ["/api/v1", "/v1"])
def test_an_answer_is_json_with_its_length(gateway: Gateway, mount: str) -> None:
    answer = _curl(gateway, f"{mount}/chat/completions", _ask("fake/echo"))
    assert answer.status_line == "HTTP/1.1 200 OK"
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.body.encode())
    assert answer.headers["x-generation-id"] == json.loads(answer.body)["id"]
    assert float(answer.headers["x-turnout-overhead-ms"]) >= 0
    assert "date" in answer.headers
    assert "server" not in answer.headers


def test_a_stream_is_server_sent_events_and_nothing_else(gateway: Gateway) -> None:
    answer = _curl(gateway, _CHAT, _ask("fake/lorem-3", stream=True), ["-N"])
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["x-generation-id"].startswith("gen-")
    *events, done, end = answer.body.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    assert all(event.startswith("data: {") and "\n" not in event for event in events)
    assert {json.loads(event[6:])["id"] for event in events} == {answer.headers["x-generation-id"]}


@pytest.mark.parametrize("gateway", ["protocol"], indirect=True)  # uvicorn's own protocol sends chunks to any client
def test_an_old_client_gets_its_stream_without_chunks(gateway: Gateway) -> None:
    answer = _curl(gateway, _CHAT, _ask("fake/lorem-3", stream=True), ["-N", "--http1.0"])
    assert answer.status_line.endswith("200 OK")
    assert "transfer-encoding" not in answer.headers
    assert answer.body.endswith("data: [DONE]\n\n")


def test_a_client_may_wait_before_it_sends_the_body(gateway: Gateway) -> None:
    answer = _curl(gateway, _CHAT, _ask("fake/echo"), ["-H", "Expect: 100-continue"])
    assert answer.status_line == "HTTP/1.1 200 OK"


def test_a_body_may_come_in_chunks(gateway: Gateway) -> None:
    answer = _curl(gateway, _CHAT, _ask("fake/echo"), ["-H", "Transfer-Encoding: chunked"])
    assert answer.status_line == "HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400), ("[]", 400), ("", 400), ('{"model":"fake/echo","messages":[],"x":1,"x":2}', 400),
        (_ask("no/such"), 400), (_ask("acme/locked"), 404), (_ask("fake/status-429"), 429),
        (_ask("fake/echo", messages=[{"role": "user", "content": "x" * 400_000}]), 413),
    ],
    ids=["broken", "list", "nothing", "twice", "unknown", "locked", "busy", "large"],
)  # fmt: skip
def test_errors_are_json_with_their_status_as_code(gateway: Gateway, body: Any, status: int) -> None:  # noqa: ANN401 - JSON
    answer = _curl(gateway, _CHAT, body)
    assert f" {status} " in f"{answer.status_line} "
    assert answer.headers["content-type"] == "application/json"
    error = json.loads(answer.body)["error"]
    assert error["code"] == status
    assert isinstance(error["message"], str)
    assert error["metadata"]["error_type"]
    if status == 429:
        assert int(answer.headers["retry-after"]) >= 1


def test_an_error_in_mid_stream_is_the_last_event_before_the_end(gateway: Gateway) -> None:
    answer = _curl(gateway, _CHAT, _ask("fake/error-in-stream-2", stream=True), ["-N"])
    assert answer.status_line == "HTTP/1.1 200 OK"
    *_, last, done, _ = answer.body.split("\n\n")
    assert done == "data: [DONE]"
    assert json.loads(last[6:])["error"]["code"] == 502


def test_a_stream_that_goes_on_and_on_is_ended_long_after_what_was_asked_for(gateway: Gateway) -> None:
    answer = _curl(gateway, _CHAT, _ask("fake/endless", stream=True, max_tokens=10), ["-N"])
    assert answer.status_line == "HTTP/1.1 200 OK"
    *said, last, done, _ = answer.body.split("\n\n")
    assert done == "data: [DONE]"
    end = json.loads(last[6:])
    assert end["error"]["code"] == 502
    assert "does not end" in end["error"]["message"]
    assert end["choices"][0]["finish_reason"] == "error"
    assert 1_000 < len(said) < 10_000
