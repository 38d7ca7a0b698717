"""HTTP servers that tests make up: on loopback, silent, gone when they are left."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["listening", "say_json"]


@contextmanager
def listening(kind: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server whose requests are answered by *kind*, each connection in a thread."""
    kind.log_message = lambda *_: None  # type: ignore[method-assign]  # else it writes to the terminal
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def say_json(to: BaseHTTPRequestHandler, status: int, answer: object) -> None:
    """Answer a request with *status* and *answer* as JSON."""
    body = json.dumps(answer).encode()
    to.send_response(status)
    to.send_header("Content-Type", "application/json")
    to.send_header("Content-Length", str(len(body)))
    to.end_headers()
    to.wfile.write(body)
