"""The heads of requests to providers, up to the value of ``Content-Length``."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from turnout.domain.provider import Provider

__all__ = ["head_of", "request_head"]


def request_head(provider: Provider, path: str) -> bytes:
    """The head of a POST to *path* below the provider's base URL, with its credential as a bearer's. Raises ValueError
    as :func:`head_of` does.
    """
    bearer = {} if provider.credential is None else {"Authorization": f"Bearer {provider.credential.reveal()}"}
    return head_of(provider, urlsplit(provider.base_url).path + path, bearer)


def head_of(provider: Provider, path: str, credential: Mapping[str, str]) -> bytes:
    """The head of a POST to *path* on the provider's host, with the headers that are its *credential*.

    Raises:
        ValueError: control characters in the address, the credential or the headers.
    """
    headers = {"Host": urlsplit(provider.base_url).netloc.rpartition("@")[2]}
    headers |= credential
    headers |= {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "turnout"}
    headers |= dict(provider.headers)
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if not all(line.isprintable() for line in lines):
        raise ValueError(f"provider {provider.slug}: control characters in its address, credential or headers")
    return ("\r\n".join(lines) + "\r\nContent-Length: ").encode("latin-1")
