"""A socket client for tests that need bytes on the wire which no HTTP library would send."""

from __future__ import annotations

import json
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gateway import API_KEY, Gateway
from patience import PATIENCE

__all__ = [
    "GOOD_CHAT",
    "Answer",
    "Conversation",
    "chat_body",
    "connected",
    "converse",
    "head_of",
    "post_chat",
    "read_answers",
    "refused",
]

GOOD_CHAT = b'{"model": "acme/echo", "messages": [{"role": "user", "content": "Hello"}]}'
"""A request that the gateway of the fault suites answers."""

_SOON = 2.0
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_HEADER = re.compile(rb"\r\n([^:\r\n]+): ?([^\r\n]*)")


@dataclass
class Answer:
    """One HTTP answer as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - tests look inside
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, after a check that it has the one shape."""
        answer = self.json()
        assert set(answer) == {"error"}, answer
        error: dict[str, Any] = answer["error"]
        assert error["code"] == self.status
        assert isinstance(error["message"], str)
        assert error["message"]
        assert isinstance(error["metadata"]["error_type"], str)
        assert self.headers["content-type"] == "application/json"
        return error


@dataclass
class Conversation:
    """Everything that came back on one connection. *closed*: by the server; *seconds*: until then or the answer."""

    received: bytes
    closed: bool
    seconds: float
    answers: list[Answer] = field(default_factory=list)

    @property
    def only(self) -> Answer:
        assert len(self.answers) == 1, self.received[:2000]
        return self.answers[0]


def head_of(
    line: str = "POST /v1/chat/completions HTTP/1.1",
    *lines: str,
    key: str | None = API_KEY,
    host: str | None = "gateway",
) -> bytes:
    """A request head without its closing blank line."""
    parts = [line]
    if host is not None:
        parts.append(f"Host: {host}")
    if key is not None:
        parts.append(f"Authorization: Bearer {key}")
    return "".join(f"{part}\r\n" for part in [*parts, *lines]).encode("latin-1")


def post_chat(body: bytes, *lines: str, line: str = "POST /v1/chat/completions HTTP/1.1") -> bytes:
    """A whole request with a ``Content-Length``."""
    return head_of(line, *lines) + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def connected(port: int, wait: float = PATIENCE) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=wait)


def converse(port: int, sent: bytes, *, wait: float = PATIENCE, answers: int = 1, linger: float = 0.05) -> Conversation:
    """Send *sent*, read until the server closes, or until *answers* answers are whole and *linger* seconds passed."""
    began = time.monotonic()
    with connected(port, wait) as client:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused early; what was said about it is read below
            client.sendall(sent)
        return read_answers(client, began=began, wait=wait, answers=answers, linger=linger)


def chat_body(**fields: object) -> bytes:
    """The good request with other or more *fields*."""
    return json.dumps(json.loads(GOOD_CHAT) | fields).encode()


def refused(gateway: Gateway, sent: bytes, status: int, *, within: float = _SOON) -> dict[str, Any]:
    """The error that *sent* gets within so many seconds: the fastest of three tries counts, for machines are shared."""
    fastest = float("inf")
    error: dict[str, Any] = {}
    for _ in range(3):
        conversation = converse(gateway.port, sent)
        assert conversation.only.status == status, conversation.received[:500]
        error = conversation.only.error
        fastest = min(fastest, conversation.seconds)
        if fastest < within:
            break
    assert fastest < within
    return error


def read_answers(
    client: socket.socket, *, began: float, wait: float = PATIENCE, answers: int = 1, linger: float = 0.05
) -> Conversation:
    received = b""
    whole: list[Answer] = []
    closed = False
    ends = began + wait
    seconds = wait
    while (left := ends - time.monotonic()) > 0:
        client.settimeout(left)
        try:
            data = client.recv(262144)
        except TimeoutError:
            break
        except ConnectionResetError:
            data = b""
        if not data:
            closed = True
            seconds = time.monotonic() - began
            break
        received += data
        whole = _answers(received)
        if len(whole) >= answers:
            seconds = time.monotonic() - began
            ends = min(ends, time.monotonic() + linger)
    return Conversation(received, closed, seconds, _answers(received, closed=closed))


def _answers(received: bytes, *, closed: bool = False) -> list[Answer]:
    """The whole answers in *received*; "100 Continue" is one without headers."""
    found: list[Answer] = []
    while received:
        head, blank, rest = received.partition(b"\r\n\r\n")
        status = _HEAD.match(head)
        assert status is not None, received[:200]
        if not blank:
            break
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in _HEADER.findall(head)}
        code = int(status[1])
        body: bytes | None = b""
        if code != 100:
            body, rest = _body(headers, rest, closed=closed)
        if body is None:
            break
        found.append(Answer(code, headers, body))
        received = rest
    return found


def _body(headers: dict[str, str], rest: bytes, *, closed: bool) -> tuple[bytes | None, bytes]:
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            size, line, after = rest.partition(b"\r\n")
            if not line or len(after) < int(size, 16) + 2:
                return None, b""
            length = int(size, 16)
            body += after[:length]
            rest = after[length + 2 :]
            if not length:
                return body, rest
    if "content-length" in headers:
        length = int(headers["content-length"])
        return (rest[:length], rest[length:]) if len(rest) >= length else (None, b"")
    return (rest, b"") if closed else (None, b"")
