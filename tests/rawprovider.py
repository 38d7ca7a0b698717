"""A provider that answers each model with bytes of a test's choosing; for faults that the fake provider cannot show."""

from __future__ import annotations

import json
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

__all__ = ["RawProvider", "Script", "event", "json_answer", "stream_of", "whole_answer"]

Script = bytes | Callable[[socketserver.StreamRequestHandler, Mapping[str, str]], None]


class RawProvider:
    """Serves ``POST`` on loopback; *scripts* gives, by model name, the bytes of the answer or who writes them.

    Bytes end with the connection; the headers that others get have the ``body`` beside them. ``asked`` counts requests
    by model. Use as a context manager.
    """

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self.asked: Counter[str] = Counter()
        provider = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, ValueError):
                    provider._answer(self, scripts)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _answer(self, handler: socketserver.StreamRequestHandler, scripts: Mapping[str, Script]) -> None:
        headers: dict[str, str] = {}
        handler.rfile.readline()
        while (line := handler.rfile.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        headers["body"] = handler.rfile.read(int(headers["content-length"])).decode()
        model = json.loads(headers["body"])["model"]
        self.asked[model] += 1
        script = scripts[model]
        if isinstance(script, bytes):
            handler.wfile.write(script)
        else:
            script(handler, headers)


def whole_answer(body: bytes, *lines: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """An answer with a length."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines]
    return "".join(f"{line}\r\n" for line in head).encode("latin-1") + b"\r\n" + body


def json_answer(value: object, *lines: str, status: str = "200 OK") -> bytes:
    """An answer with a length whose body is JSON."""
    return whole_answer(json.dumps(value).encode(), *lines, status=status)


def stream_of(*events: bytes, kind: str = "text/event-stream") -> bytes:
    """An answer that ends with the connection."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n"
    return head.encode() + b"".join(events)


def event(value: object) -> bytes:
    """One server-sent event."""
    return b"data: %b\n\n" % json.dumps(value).encode()
