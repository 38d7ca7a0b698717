"""Sources of a catalog on loopback, for tests of syncs: what they say is set by path, and may change at any time."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["Feeds", "models_dev", "openrouter_model", "price"]

Script = Callable[[BaseHTTPRequestHandler], None]


class Feeds:
    """A server whose answers are set with ``feeds["/path"] = value``: JSON, bytes as they stand, or who writes them.

    Answers have an ETag, and are gzipped for those who take it. ``asked`` has the requests: path and headers in lower
    case, and ``statuses`` what they were answered with. Use as a context manager.
    """

    def __init__(self) -> None:
        self._answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.statuses: list[int] = []
        feeds = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with suppress(OSError):
                    feeds._answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __setitem__(self, path: str, answer: object) -> None:
        self._answers[path] = answer

    def __delitem__(self, path: str) -> None:
        del self._answers[path]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def toml(self, sources: list[str], refresh: str = "never") -> str:
        """A ``[catalog]`` table that reads *sources* here, and nothing that is bundled."""
        return (
            f"[catalog]\nbundled = false\nsources = {json.dumps(sources)}\nrefresh = {json.dumps(refresh)}\n"
            f'[catalog.addresses]\nopenrouter = "{self.url}/or"\nmodels_dev = "{self.url}/api.json"\n'
            f'genai_prices = "{self.url}/prices.json"\nlitellm = "{self.url}/litellm.json"\n'
        )

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append((handler.path, {name.lower(): value for name, value in handler.headers.items()}))
        answer = self._answers.get(handler.path)
        if callable(answer):
            answer(handler)
            return
        if answer is None:
            self._send(handler, 404, b"{}", {})
            return
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if handler.headers.get("If-None-Match") == etag:
            self._send(handler, 304, b"", {"ETag": etag})
            return
        headers = {"ETag": etag}
        if "gzip" in handler.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        self._send(handler, 200, body, headers)

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.statuses.append(status)
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def price(prompt: str, completion: str, **others: str) -> dict[str, str]:
    """OpenRouter's pricing object: dollars per unit."""
    return {"prompt": prompt, "completion": completion, **others}


def openrouter_model(model_id: str, pricing: dict[str, str], **others: object) -> dict[str, Any]:
    """One entry of OpenRouter's list."""
    return {
        "id": model_id,
        "canonical_slug": model_id,
        "name": model_id.title(),
        "created": 1_750_000_000,
        "context_length": 100_000,
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"], "tokenizer": "GPT"},
        "pricing": pricing,
        "supported_parameters": ["temperature", "max_tokens"],
    } | others


def models_dev(**providers: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """The file of models.dev: by provider, by model, dollars per million tokens in and out."""
    return {
        provider: {
            "id": provider,
            "models": {
                name: {
                    "id": name,
                    "name": name,
                    "limit": {"context": 50_000, "output": 4_000},
                    "modalities": {"input": ["text"], "output": ["text"]},
                    "cost": {"input": prices[0], "output": prices[1]},
                }
                for name, prices in models.items()
            },
        }
        for provider, models in providers.items()
    }
