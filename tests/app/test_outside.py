"""What adapters reach besides their arguments, alone and through a whole gateway."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, model_tables
from turnout.app.outside import NOTHING_OUTSIDE, fetch_limits, outside_of
from turnout.base.errors import BadRequest, UpstreamError
from turnout.config import load
from turnout.contracts.provider import Outside
from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.fetch import CANNOT_BE_READ, Fetcher, Limits
from turnout.net.outbox import Outbox

PNG = b"\x89PNG\r\n\x1a\n-picture"
ANSWER = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "A picture."}]}, "finishReason": "STOP", "index": 0}
    ],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3, "totalTokenCount": 8},
}


class Everything:
    """A file server, a provider and an issuer of tokens in one; ``asked`` holds (method, path, headers, body)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self, PNG, "image/png")

            def do_POST(self) -> None:
                if self.path.startswith("/token"):
                    outer._answer(self, b'{"access_token":"t"}', "application/json", 201)
                elif self.path.startswith("/endless"):
                    outer._answer(self, b"x" * 3_000_000, "text/plain")
                else:
                    outer._answer(self, json.dumps(ANSWER).encode(), "application/json")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes, kind: str, status: int = 200) -> None:
        sent = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append((handler.command, handler.path, headers, sent))
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture(scope="module")
def server() -> Iterator[Everything]:
    running = Everything()
    yield running
    running.stop()


def outside() -> Outside:
    loop = asyncio.get_running_loop()
    client = Client(Deadlines(loop), Outbox(loop, lambda: None))
    return outside_of(client, Fetcher(client.exchange))


async def test_a_token_is_posted_for(server: Everything) -> None:
    post = outside().post
    for _ in range(2):
        status, body = await post(f"http://{server.place}/token?x=1", {"Content-Type": "text/plain"}, b"grant")
        assert (status, body) == (201, b'{"access_token":"t"}')
    method, path, headers, sent = server.asked[-1]
    assert (method, path, sent) == ("POST", "/token?x=1", b"grant")
    assert headers["host"] == server.place
    assert headers["content-type"] == "text/plain"


async def test_an_endless_token_is_refused(server: Everything) -> None:
    with pytest.raises(UpstreamError, match="too large"):
        await outside().post(f"http://{server.place}/endless", {}, b"")


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("nowhere", {}),
        ("ftp://a/", {}),
        ("http://a/\r\nX: y", {}),
        ("http://a/", {"A": "b\r\nC: d"}),
        ("http://a/é", {}),
    ],
)
async def test_what_cannot_be_a_head_is_not_sent(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(UpstreamError):
        await outside().post(url, headers, b"")


async def test_processes_that_call_no_provider_reach_nothing() -> None:
    with pytest.raises(BadRequest):
        await NOTHING_OUTSIDE.fetch("https://example.com/")
    with pytest.raises(UpstreamError):
        await NOTHING_OUTSIDE.post("https://example.com/", {}, b"")


def test_limits_come_from_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text('[fetch]\nallow = ["A.intra:81"]\nports = [8080]\nmax_bytes = 5\nseconds = 2')
    limits = fetch_limits(load(path, {}, {}).settings)
    assert limits == Limits(frozenset({"a.intra:81"}), frozenset({8080}), 5, 2.0)


# -- through a gateway --


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, server: Everything) -> Iterator[Gateway]:
    toml = f"""
[catalog]
bundled = false
[fetch]
allow = ["{server.place}"]
[providers.gem]
dialect = "google"
base_url = "http://{server.place}"
api_key = "canary-key"
"""
    toml += model_tables("acme/tiny", [("gem", "gemini-2.5-flash", '{ prompt = "0.000001", completion = "0.000002" }')])
    with Gateway(tmp_path_factory.mktemp("gateway"), toml) as running:
        yield running


def seeing(url: str) -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


def test_a_picture_by_url_is_put_inline(gateway: Gateway, server: Everything) -> None:
    server.asked.clear()
    reply = gateway.chat("acme/tiny", messages=seeing(f"http://{server.place}/pictures/a.png"))
    assert reply.status == 200, reply.body
    (first, path, headers, _), (_, _, _, sent) = server.asked
    assert (first, path) == ("GET", "/pictures/a.png")
    assert "authorization" not in headers
    assert "canary-key" not in str(headers)
    [part] = [part for part in json.loads(sent)["contents"][0]["parts"] if "inlineData" in part]
    assert part["inlineData"] == {"mimeType": "image/png", "data": "iVBORw0KGgotcGljdHVyZQ=="}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "host", ["127.0.0.1:{other}", "localhost:{port}", "2130706433:{port}", "[::1]:{port}", "169.254.169.254"]
)
def test_a_private_address_is_refused_in_the_same_words_and_no_packet_leaves(
    gateway: Gateway,
    server: Everything,
    host: str,
    stream: bool,  # noqa: FBT001 - drawn
) -> None:
    server.asked.clear()
    port = int(server.place.rpartition(":")[2])
    url = f"http://{host.format(port=port, other=gateway.port)}/a.png"
    reply = gateway.chat("acme/tiny", messages=seeing(url), stream=stream)
    assert reply.status == 400
    message = reply.json()["error"]["message"]
    assert message == f"The file at `messages[0].content[1]` cannot be read: {CANNOT_BE_READ}"
    assert server.asked == []
    record = gateway.generation(reply)
    assert record["cancelled"] is False
    assert all((value or 0) >= 0 for name, value in record.items() if name.endswith(("latency", "_time")))
