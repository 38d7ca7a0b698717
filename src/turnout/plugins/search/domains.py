"""Which addresses a search may give: domains that are asked for or ruled out, with wildcards and paths."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from turnout.contracts.search import SearchQuery

__all__ = ["Domains", "hosts", "is_wanted", "with_sites"]

Domains = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=100)]
"""Domains as a request names them."""


def is_wanted(url: str, query: SearchQuery) -> bool:
    """Whether *url* is a web address that the domains of *query* let through."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not host:
        return False
    path = parts.path or "/"
    if any(_fits(host, path, pattern) for pattern in query.exclude_domains):
        return False
    return not query.include_domains or any(_fits(host, path, pattern) for pattern in query.include_domains)


def hosts(patterns: Sequence[str]) -> list[str]:
    """The hosts of *patterns* as engines take them, without wildcards and paths; fewer filters than were asked for."""
    bare = (_parted(pattern)[0].removeprefix("*.") for pattern in patterns)
    return list(dict.fromkeys(host for host in bare if host and "*" not in host))


def with_sites(query: SearchQuery) -> str:
    """The text of *query* with its domains as the operator ``site:``, for engines that have no words of their own."""
    included, excluded = hosts(query.include_domains), _whole_hosts(query.exclude_domains)
    sites = " OR ".join(f"site:{host}" for host in included)
    parts = [query.text, f"({sites})" if len(included) > 1 else sites, *(f"-site:{host}" for host in excluded)]
    return " ".join(part for part in parts if part)


def _whole_hosts(patterns: Sequence[str]) -> list[str]:
    """Those of *patterns* that rule out a whole host: others would lose more than was asked for."""
    return hosts([one for one in patterns if "*" not in one and _parted(one)[1] == "/"])


def _fits(host: str, path: str, pattern: str) -> bool:
    domain, below = _parted(pattern)
    at_host = host == domain or host.endswith(f".{domain}") if "*" not in domain else fnmatchcase(host, domain)
    stem = below.rstrip("/*")
    return at_host and (path == stem or path.startswith(f"{stem}/"))


def _parted(pattern: str) -> tuple[str, str]:
    """Host and path of a pattern, which people write as an address too."""
    host, slash, path = pattern.strip().lower().removeprefix("https://").removeprefix("http://").partition("/")
    return host.rstrip("."), slash + path if path else "/"
