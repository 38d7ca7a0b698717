"""Recorded exchanges with real providers: read from the test data, served again, and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from listening import listening
from openrouter_schema import TEST_DATA

__all__ = ["Exchange", "Received", "StandIn", "exchanges", "sse_events", "stand_in"]

_SLICE_SIZES = (1, 7, 2, 31, 3, 64, 5, 11)


@dataclass(frozen=True)
class Exchange:
    """One recorded request with its answer. ``response`` is JSON, or the text of a stream."""

    id: str
    provider: str
    path: str
    request: dict[str, Any]
    status: int
    content_type: str
    response: Any

    @property
    def streamed(self) -> bool:
        return isinstance(self.response, str)

    def body(self) -> bytes:
        """The answer as it went over the wire."""
        return (self.response if self.streamed else json.dumps(self.response)).encode()


class Received(NamedTuple):
    """What the provider's stand-in was sent."""

    path: str
    headers: Mapping[str, str]
    body: bytes


def exchanges(provider: str) -> list[Exchange]:
    """Every recorded exchange of a dialect; none where the test data is absent."""
    path = TEST_DATA / "recorded-traffic" / f"{provider}.jsonl"
    if not path.exists():
        return []
    fields = Exchange.__dataclass_fields__
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [Exchange(**{name: value for name, value in line.items() if name in fields}) for line in lines]


def sse_events(text: str) -> list[Any]:
    """The JSON events of a stream, comments and the end mark left out."""
    texts = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(event) for event in texts if event not in {"", "[DONE]"}]


@dataclass
class StandIn:
    """A provider on loopback that gives one set answer to everything, and keeps what it was sent.

    What is asked of a model named in ``library`` is answered as in that exchange instead.
    """

    url: str
    status: int = 200
    content_type: str = "application/json"
    answer: bytes = b""
    sliced: bool = False
    received: list[Received] = field(default_factory=list)
    library: dict[str, Exchange] = field(default_factory=dict)

    def answer_to(self, path: str, body: bytes) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        for model, exchange in self.library.items():
            if f"/{model}:" in path or f'"{model}"'.encode() in body:
                return exchange.status, exchange.content_type, exchange.body()
        return self.status, self.content_type, self.answer

    def play(self, exchange: Exchange, *, sliced: bool = False) -> None:
        """From now on answer as in *exchange*, in one piece or cut into *sliced* bits of one to 64 bytes."""
        self.status, self.content_type, self.answer = exchange.status, exchange.content_type, exchange.body()
        self.sliced = sliced
        self.received.clear()


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A running stand-in."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.received.append(Received(self.path, dict(self.headers.items()), body))
            status, content_type, answer = server.answer_to(self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(_chunked(answer, sliced=server.sliced))

        def do_GET(self) -> None:
            self.send_error(404)

    with listening(Handler) as url:
        server = StandIn(url)
        yield server


def _chunked(body: bytes, *, sliced: bool) -> bytes:
    """*body* in HTTP chunks: the receiver's parser hands them on one by one, however the network joins them."""
    pieces = [body] if not sliced else []
    position = 0
    while sliced and position < len(body):
        size = _SLICE_SIZES[len(pieces) % len(_SLICE_SIZES)]
        pieces.append(body[position : position + size])
        position += size
    return b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece]) + b"0\r\n\r\n"
