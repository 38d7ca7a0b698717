"""``POST /explain``: where a chat request would go, and why, without sending it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request

from turnout.api.decode import chat_request_in
from turnout.api.office import Caller, body_of
from turnout.domain.account import Key
from turnout.domain.chat import ChatRequest

__all__ = ["Explain", "add_explain"]

Explain = Callable[[ChatRequest, Key], Awaitable[dict[str, object]]]
"""The plan of a request under a key, with its reasons."""

_MOST_BYTES = 8 * 2**20


def add_explain(app: FastAPI, mount: str, explain: Explain, caller: Caller, *, hidden: bool) -> None:
    """Add the route under *mount*."""

    async def answer(request: Request) -> dict[str, Any]:
        """The plan of a chat request: every endpoint with its place or the rule that excludes it. Nothing is sent."""
        key = await caller(request)
        return {"data": await explain(chat_request_in(await body_of(request, _MOST_BYTES)), key)}

    app.add_api_route(f"{mount}/explain", answer, methods=["POST"], tags=["routing"], include_in_schema=not hidden)
