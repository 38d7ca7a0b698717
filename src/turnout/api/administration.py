"""``/admin``: running the gateway itself, for the management keys of admins."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Protocol, final

from fastapi import FastAPI, Request, Response
from starlette.responses import FileResponse, StreamingResponse

from turnout.accounts.writes import read_body, read_switch
from turnout.api.office import Office, Routes, body_of, json_reply
from turnout.base.errors import NotFound, TurnoutError
from turnout.base.jsons import encode
from turnout.domain.credential import Verdict

__all__ = ["Administration", "add_administration"]

_NAME: Final = re.compile(r"turnout-[0-9a-z.-]{1,100}\.sqlite", re.ASCII)
_NO_BACKUP: Final = "There is no backup of that name"


class Administration(Protocol):
    """What these routes ask for; times are told as RFC 3339.

    All of it may raise Unavailable; what needs a while runs in threads and in processes of its own.
    """

    async def settings(self) -> Mapping[str, Any]:
        """The configuration in effect: each key with its value and where that comes from."""

    async def doctor(self) -> Sequence[Mapping[str, Any]]:
        """Everything that was looked at, in the order in which a start needs it."""

    async def providers(self) -> Sequence[Mapping[str, Any]]:
        """The providers of this installation: where their credential comes from, and how their endpoints are."""

    async def test_provider(self, slug: str) -> Verdict:
        """Whether a provider takes the gateway's own credential. Raises NotFound."""

    async def rotate_master_key(self) -> int:
        """Seal every stored credential anew; how many."""

    async def catalog(self) -> Mapping[str, Any]:
        """The sources, what the last sync has changed, and what is quarantined."""

    async def unnamed(self) -> Sequence[Mapping[str, str]]:
        """What providers list whose maker nobody knows."""

    def sync(self) -> AsyncIterator[Mapping[str, Any]]:
        """Read the sources: ``progress`` again and again, then a ``report``, or an ``error``."""

    async def decide(self, hold_id: str, *, approve: bool) -> Mapping[str, Any]:
        """Let a quarantined change through, or turn it down for good. Raises NotFound."""

    async def backups(self) -> Sequence[Mapping[str, Any]]:
        """The copies of the store, the newest first. Raises Conflict where there can be none."""

    async def back_up(self) -> Mapping[str, Any]:
        """Copy the store."""

    async def restore(self, name: str) -> Mapping[str, Any]:
        """Put a copy in the store's place; the copy that was made before. Raises NotFound."""

    async def delete_backup(self, name: str) -> bool:
        """Remove a copy; False when there is none."""

    def backup_file(self, name: str) -> str | None:
        """The path of a copy; None when there is none."""


def add_administration(
    app: FastAPI, mount: str, office: Office, administration: Administration, *, hidden: bool
) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "administration", hidden=hidden)
    desk = _Desk(office, administration)
    routes.add("GET", "/admin/settings", desk.settings)
    routes.add("GET", "/admin/doctor", desk.doctor)
    routes.add("GET", "/admin/providers", desk.providers)
    routes.add("POST", "/admin/providers/{slug}/test", desk.test_provider)
    routes.add("POST", "/admin/master-key/rotate", desk.rotate)
    routes.add("GET", "/admin/catalog", desk.catalog)
    routes.add("GET", "/admin/catalog/unnamed", desk.unnamed)
    routes.add("POST", "/admin/catalog/sync", desk.sync)
    approval = {"type": "object", "properties": {"approve": {"type": "boolean"}}, "required": ["approve"]}
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": approval}}}}
    routes.add("POST", "/admin/catalog/quarantine/{id}", desk.decide, body)
    routes.add("GET", "/admin/backups", desk.backups)
    routes.add("POST", "/admin/backups", desk.back_up)
    routes.add("GET", "/admin/backups/{name}", desk.download)
    routes.add("DELETE", "/admin/backups/{name}", desk.delete)
    routes.add("POST", "/admin/backups/{name}/restore", desk.restore)


@final
class _Desk:
    """The routes' own functions."""

    def __init__(self, office: Office, administration: Administration) -> None:
        self._office = office
        self._administration = administration

    async def settings(self, request: Request) -> Response:
        """The configuration in effect, secrets masked: each key with its value and its origin."""
        await self._office.admin(request)
        return json_reply({"data": await self._administration.settings()})

    async def doctor(self, request: Request) -> Response:
        """Whether this installation is sound: configuration, data directory, store, shared state, credentials, port."""
        await self._office.admin(request)
        return json_reply({"data": await self._administration.doctor()})

    async def providers(self, request: Request) -> Response:
        """The providers: whether the gateway has a credential and from where, and how their endpoints are."""
        await self._office.admin(request)
        return json_reply({"data": await self._administration.providers()})

    async def test_provider(self, request: Request) -> Response:
        """Ask a provider whether it takes the gateway's own credential: `ok` is true, false, or null for unknown."""
        await self._office.admin(request)
        verdict = await self._administration.test_provider(request.path_params["slug"])
        return json_reply({"data": {"ok": verdict.ok, "message": verdict.message}})

    async def rotate(self, request: Request) -> Response:
        """Make a new master key, and seal all stored credentials under it."""
        await self._office.admin(request)
        return json_reply({"data": {"resealed": await self._administration.rotate_master_key()}})

    async def catalog(self, request: Request) -> Response:
        """The catalog's sources, what the last sync has changed, and what is quarantined."""
        await self._office.admin(request)
        return json_reply({"data": await self._administration.catalog()})

    async def unnamed(self, request: Request) -> Response:
        """What providers list whose maker nobody knows. Takes some seconds."""
        await self._office.admin(request)
        return json_reply({"data": await self._administration.unnamed()})

    async def sync(self, request: Request) -> Response:
        """Read the catalog's sources now, as server-sent events: `progress`, and at the end `report` or `error`."""
        await self._office.admin(request)

        async def events() -> AsyncIterator[bytes]:
            try:
                async for event in self._administration.sync():
                    yield b"data: %b\n\n" % encode(event)
            except TurnoutError as error:
                yield b"data: %b\n\n" % encode({"error": error.message})
            yield b"data: [DONE]\n\n"

        return StreamingResponse(events(), headers={"Cache-Control": "no-cache"}, media_type="text/event-stream")

    async def decide(self, request: Request) -> Response:
        """Let a quarantined change of the catalog through (`approve`), or turn it down for good."""
        await self._office.admin(request)
        values = read_body(await body_of(request), {"approve": read_switch}, ("approve",))
        decided = await self._administration.decide(request.path_params["id"], approve=values["approve"])
        return json_reply({"data": decided})

    async def backups(self, request: Request) -> Response:
        """The copies of the store, the newest first."""
        await self._office.admin(request)
        return json_reply({"data": await self._administration.backups()})

    async def back_up(self, request: Request) -> Response:
        """Copy the store, while it is in use."""
        await self._office.admin(request)
        return json_reply({"data": await self._administration.back_up()}, 201)

    async def download(self, request: Request) -> Response:
        """A copy of the store, as a SQLite file."""
        await self._office.admin(request)
        name = _named(request)
        path = self._administration.backup_file(name)
        if path is None:
            raise NotFound(_NO_BACKUP)
        kind, headers = "application/vnd.sqlite3", {"Cache-Control": "no-store"}
        return FileResponse(path, headers=headers, media_type=kind, filename=name)

    async def delete(self, request: Request) -> Response:
        """Delete a copy of the store."""
        await self._office.admin(request)
        if not await self._administration.delete_backup(_named(request)):
            raise NotFound(_NO_BACKUP)
        return json_reply({"deleted": True})

    async def restore(self, request: Request) -> Response:
        """Put a copy in the store's place, while it is in use. What was there before is copied first."""
        await self._office.admin(request)
        return json_reply({"data": await self._administration.restore(_named(request))})


def _named(request: Request) -> str:
    """A name that is nothing but a name."""
    name: str = request.path_params["name"]
    if not _NAME.fullmatch(name) or ".." in name:
        raise NotFound(_NO_BACKUP)
    return name
