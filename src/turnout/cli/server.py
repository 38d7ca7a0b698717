"""The running server that a command speaks to."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from turnout.base.errors import BadRequest

__all__ = ["Server", "connect", "server_of"]


class Server(NamedTuple):
    """Where to ask, and with which key."""

    url: str
    key: str | None

    @property
    def headers(self) -> dict[str, str]:
        """Of a request with a JSON body."""
        sent = {"Content-Type": "application/json"}
        return sent if self.key is None else sent | {"Authorization": f"Bearer {self.key}"}

    @property
    def path(self) -> str:
        """What comes before ``/api/v1`` in the URL."""
        return urlsplit(self.url).path


def server_of(config: Path | None, url: str | None, key: str | None) -> Server:
    """What the flags leave out comes from the configuration that the server was started with."""
    if url is not None and key is not None:
        return Server(url.rstrip("/"), key)
    from turnout.app.configuration import load_configuration

    settings = load_configuration(config).settings
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.server.host, settings.server.host)  # noqa: S104 - compared
    usual = f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}"
    if key is None and settings.auth.api_key is not None:
        key = settings.auth.api_key.reveal()
    if key is None:
        first = Path(settings.server.data_dir) / "first-key"
        key = first.read_text().strip() if first.is_file() else None
    return Server((url or usual).rstrip("/"), key)


def connect(server: Server, seconds: float) -> http.client.HTTPConnection:
    """A connection to *server*, not yet opened, with a time limit for each of its steps.

    Raises:
        BadRequest: its URL is none.
    """
    parts = urlsplit(server.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadRequest(f"{server.url} is no address of a server")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=seconds)
