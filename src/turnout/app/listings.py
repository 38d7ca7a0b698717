"""Providers' own lists of models, asked for in the background."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping, Sequence

from turnout.base.limits import MAX_UPSTREAM_REPLY_BYTES
from turnout.catalog.rows import Row
from turnout.catalog.sources.listing import UnreadableListing, parse
from turnout.catalog.sync_fetch import Bounds, NotReadError, fetch, request_of
from turnout.contracts.provider import Listing
from turnout.domain.provider import Provider
from turnout.net.client import Client, Origin
from turnout.providers.dialects import find_dialect

__all__ = ["listed_rows", "listing_address", "listing_headers", "lists_models"]


_VERSIONED = re.compile(r"/v\d+\w*$")

_log = logging.getLogger(__name__)


async def listed_rows(client: Client, providers: Iterable[Provider], origins: Mapping[str, Origin]) -> Sequence[Row]:
    """What *providers* say they serve; one that does not answer costs a warning and its own models."""
    asked = [provider for provider in providers if lists_models(provider) and provider.slug in origins]
    answers = await asyncio.gather(*[_listed(client, provider, origins[provider.slug]) for provider in asked])
    return [row for rows in answers for row in rows]


def lists_models(provider: Provider) -> bool:
    """Whether *provider* can be asked for its models: it is usable, and its dialect has a list."""
    return provider.usable and bool(provider.base_url) and bool(_path(provider))


def listing_address(provider: Provider) -> str:
    """Where *provider* lists its models."""
    return f"{provider.base_url.rstrip('/')}{_path(provider)}"


def listing_headers(provider: Provider) -> dict[str, str]:
    """What *provider* wants to be sent along: its credential, and what the operator adds."""
    how = _how(provider) or Listing()
    headers = {}
    if how.version_header is not None:
        headers[how.version_header[0]] = provider.api_version or how.version_header[1]
    if provider.credential is not None:
        headers[how.credential[0]] = f"{how.credential[1]}{provider.credential.reveal()}"
    return headers | dict(provider.headers)


def _how(provider: Provider) -> Listing | None:
    dialect = find_dialect(provider.dialect)
    return None if dialect is None else dialect.listing


def _path(provider: Provider) -> str:
    how = _how(provider)
    if how is None:
        return ""
    if how.path is None:
        return provider.models_path
    return how.path if _VERSIONED.search(provider.base_url.rstrip("/")) else f"{how.version}{how.path}"


async def _listed(client: Client, provider: Provider, origin: Origin) -> Sequence[Row]:
    limits = provider.timeouts
    bounds = Bounds(MAX_UPSTREAM_REPLY_BYTES, limits.total, limits.connect, limits.first_byte)
    try:
        message = request_of(listing_address(provider), listing_headers(provider))
        return parse(provider.slug, (await fetch(client, origin, message, bounds)).body or b"")
    except (NotReadError, UnreadableListing) as error:
        _log.warning("the models of provider %s cannot be listed: %s", provider.slug, error)
        return ()
