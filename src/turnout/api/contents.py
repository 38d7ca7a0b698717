"""``GET /generation/content`` and ``GET /export``: what was said under keys that want it kept, and all that an account
has.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, final

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from turnout.accounts.contents import content_report
from turnout.accounts.export import export
from turnout.accounts.vault import Vault
from turnout.api.generations import OF_ONE, FindGeneration
from turnout.api.office import Office, Routes, json_reply, parameters
from turnout.base.errors import BadRequest, NotFound
from turnout.domain.account import Generation, Key
from turnout.domain.content import Content

__all__ = ["add_contents"]

_WAIT_SECONDS: Final = 0.5
_STEP_SECONDS: Final = 0.05
_LONGEST_ID: Final = 100
_NOTHING: Final = "Nothing is kept of a generation of that id"


def add_contents(app: FastAPI, mount: str, office: Office, find: FindGeneration, vault: Vault, *, hidden: bool) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "activity", hidden=hidden)
    desk = _Contents(office, find, vault)
    routes.add("GET", "/generation/content", desk.one, OF_ONE)
    routes.add("GET", "/export", desk.export, parameters("account_id"))


@final
class _Contents:
    """The routes' own functions."""

    def __init__(self, office: Office, find: FindGeneration, vault: Vault) -> None:
        self._office = office
        self._find = find
        self._vault = vault

    async def one(self, request: Request) -> Response:
        """Prompt and answer of a generation whose key has `store_content`, for that key and for management keys."""
        caller = await self._office.caller(request)
        generation_id = request.query_params.get("id")
        if not generation_id:
            raise BadRequest("`id` is missing")
        known = generation_id.isascii() and len(generation_id) <= _LONGEST_ID
        generation = await self._find(generation_id, caller.account_id) if known else None
        if generation is None or not (caller.management or caller.hash == generation.key_hash):
            raise NotFound(_NOTHING)
        content = await self._content(generation, caller)
        if content is None:
            raise NotFound(_NOTHING)
        text = await asyncio.to_thread(self._vault.open, content.sealed, content.place)
        said: dict[str, Any] = msgspec.json.decode(text.reveal())
        return json_reply({"data": content_report(said, generation)})

    async def export(self, request: Request) -> Response:
        """All that is the account's own, as lines of JSON with `kind` and `data`; no secrets. For management keys."""
        manager = await self._office.manager(request)
        lines = export(self._office.store, self._vault, manager.about, self._office.clock.wall())
        name = f'attachment; filename="{manager.about.id}.jsonl"'
        headers = {"Cache-Control": "no-store", "Content-Disposition": name}
        return StreamingResponse(lines, 200, headers, "application/jsonl")

    async def _content(self, generation: Generation, caller: Key) -> Content | None:
        """What is kept, waited for a little where it may still be on its way."""
        waited = 0.0 if caller.rules.store_content or caller.management else _WAIT_SECONDS
        while (found := await self._office.store.content(generation.id, generation.account_id)) is None:
            if waited >= _WAIT_SECONDS:
                return None
            await asyncio.sleep(_STEP_SECONDS)
            waited += _STEP_SECONDS
        return found
