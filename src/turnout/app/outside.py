"""What adapters may reach besides their arguments: the clock, foreign files, and addresses that give access tokens."""

from __future__ import annotations

from collections.abc import Mapping

from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import BadRequest, UpstreamError
from turnout.contracts.provider import Fetched, Outside

__all__ = ["NOTHING_OUTSIDE"]


async def _fetch(_url: str) -> Fetched:
    raise BadRequest("Files by URL cannot be read here")


async def _post(_url: str, _headers: Mapping[str, str], _body: bytes) -> tuple[int, bytes]:
    raise UpstreamError("no access token can be had here")


NOTHING_OUTSIDE = Outside(SYSTEM_CLOCK.wall, _fetch, _post)
"""For processes that call no provider."""
