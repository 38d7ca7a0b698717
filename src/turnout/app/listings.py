"""Providers' own lists of models, asked for in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

from turnout.base.limits import MAX_UPSTREAM_REPLY_BYTES
from turnout.catalog.rows import Row
from turnout.catalog.sources.listing import UnreadableListing, parse
from turnout.catalog.sync_fetch import Bounds, NotReadError, fetch, request_of
from turnout.domain.provider import Provider
from turnout.net.client import Client, Origin

__all__ = ["listed_rows", "listing_address", "listing_headers"]

_log = logging.getLogger(__name__)


async def listed_rows(client: Client, providers: Iterable[Provider], origins: Mapping[str, Origin]) -> Sequence[Row]:
    """What *providers* say they serve; one that does not answer costs a warning and its own models."""
    asked = [provider for provider in providers if provider.models_path and provider.slug in origins]
    answers = await asyncio.gather(*[_listed(client, provider, origins[provider.slug]) for provider in asked])
    return [row for rows in answers for row in rows]


def listing_address(provider: Provider) -> str:
    """Where *provider* lists its models."""
    return f"{provider.base_url}{provider.models_path}"


def listing_headers(provider: Provider) -> dict[str, str]:
    """What *provider* wants to be sent along: its credential, and what the operator adds."""
    headers = {}
    if provider.credential is not None:
        headers["Authorization"] = f"Bearer {provider.credential.reveal()}"
    return headers | dict(provider.headers)


async def _listed(client: Client, provider: Provider, origin: Origin) -> Sequence[Row]:
    limits = provider.timeouts
    bounds = Bounds(MAX_UPSTREAM_REPLY_BYTES, limits.total, limits.connect, limits.first_byte)
    try:
        message = request_of(listing_address(provider), listing_headers(provider))
        return parse(provider.slug, (await fetch(client, origin, message, bounds)).body or b"")
    except (NotReadError, UnreadableListing) as error:
        _log.warning("the models of provider %s cannot be listed: %s", provider.slug, error)
        return ()
