"""``/presets``: named settings of requests, kept by account and version by version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, final

import msgspec
from fastapi import FastAPI, Request, Response
from msgspec import Raw
from msgspec.structs import replace

from turnout.accounts.standing import date, workspace_of
from turnout.accounts.writes import read_body, read_line, read_optional_line
from turnout.api.office import JSON, Office, Routes, body_of, json_reply, page_of, parameters
from turnout.api.preset_bodies import READERS, Draft
from turnout.base.errors import BadRequest, NotFound
from turnout.base.slugs import is_preset_slug
from turnout.domain.preset import STATUSES, Preset, PresetStatus, PresetVersion

__all__ = ["add_presets"]

_NO_PRESET: Final = "There is no preset of that name"
_NO_VERSION: Final = "The preset has no such version"
_MOST_BYTES: Final = 2**20
_BODY: Final = {"requestBody": {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}}
_PAGE: Final = parameters("offset", "limit")


def add_presets(app: FastAPI, mount: str, office: Office, *, hidden: bool) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "presets", hidden=hidden)
    desk = _Presets(office)
    routes.add("GET", "/presets", desk.list_presets, _PAGE)
    routes.add("GET", "/presets/{slug}", desk.read)
    routes.add("PATCH", "/presets/{slug}", desk.change, _BODY)
    routes.add("DELETE", "/presets/{slug}", desk.delete)
    for family, reader in READERS.items():
        routes.add("POST", f"/presets/{{slug}}/{family}", desk.creating(family, reader), _BODY)
    routes.add("GET", "/presets/{slug}/versions", desk.versions, _PAGE)
    routes.add("GET", "/presets/{slug}/versions/{version}", desk.version)


def _status(raw: Raw) -> PresetStatus:
    text = msgspec.json.decode(raw, type=str)
    for status in STATUSES:
        if status == text:
            return status
    raise ValueError(f"must be {', '.join(STATUSES)}")


def _number(raw: Raw) -> int:
    return msgspec.json.decode(raw, type=int)


_FIELDS: Final[Mapping[str, Callable[[Raw], object]]] = {
    "name": read_line,
    "description": read_optional_line,
    "status": _status,
    "version": _number,
}


@final
class _Presets:
    """The routes' own functions."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._store = office.store

    async def list_presets(self, request: Request) -> Response:
        """The presets of the account, the one changed last first."""
        account_id, _ = await self._caller(request)
        offset, limit = page_of(request)
        presets = await self._store.presets(account_id)
        shown = [_entry(preset) for preset in presets[offset : offset + limit]]
        return json_reply({"data": shown, "total_count": len(presets)})

    async def read(self, request: Request) -> Response:
        """A preset with its designated version."""
        return json_reply({"data": _whole(*await self._found(request))})

    async def change(self, request: Request) -> Response:
        """Change `name`, `description` or `status`, or make another `version` the designated one."""
        account_id, _ = await self._caller(request)
        values = read_body(await body_of(request), _FIELDS)
        now = self._office.clock.wall()

        def changed(preset: Preset) -> Preset:
            if not 1 <= values.get("version", preset.version) <= preset.versions:
                raise NotFound(_NO_VERSION)
            since = now if values.get("status", preset.status) != preset.status else preset.status_updated
            return replace(preset, **values, status_updated=since, updated=now)

        if await self._store.change_preset(account_id, request.path_params["slug"], changed) is None:
            raise NotFound(_NO_PRESET)
        return await self.read(request)

    async def delete(self, request: Request) -> Response:
        """Delete a preset with all its versions."""
        account_id, _ = await self._caller(request)
        if not await self._store.delete_preset(account_id, request.path_params["slug"]):
            raise NotFound(_NO_PRESET)
        return json_reply({"deleted": True})

    def creating(self, family: str, read: Callable[[bytes], Draft]) -> Callable[[Request], Any]:
        """The route that makes a version of a body of *family*."""

        async def create(request: Request) -> Response:
            account_id, key_hash = await self._caller(request)
            slug = request.path_params["slug"]
            if not is_preset_slug(slug):
                raise BadRequest("The name of a preset is 1 to 64 letters, digits, - and _")
            draft = read(await body_of(request, _MOST_BYTES))
            made = await self._store.add_preset_version(account_id, slug, key_hash, draft.config, draft.system_prompt)
            return json_reply({"data": _whole(*made)})

        create.__doc__ = (
            f"Make a preset, or its next version, of a body as `/{family}` takes it. Fields that presets do not have"
            " are ignored; the system prompt is kept, the rest of the conversation is not."
        )
        create.__name__ = f"create_preset_{family.replace('/', '_')}"
        return create

    async def versions(self, request: Request) -> Response:
        """The versions of a preset, oldest first."""
        preset, _ = await self._found(request)
        offset, limit = page_of(request)
        found = await self._store.preset_versions(preset.id, count=limit, offset=offset)
        return json_reply({"data": [_version(one) for one in found], "total_count": preset.versions})

    async def version(self, request: Request) -> Response:
        """One version of a preset, by its number."""
        preset, _ = await self._found(request)
        number = request.path_params["version"]
        if not (number.isascii() and number.isdecimal() and len(number) < 10 and 1 <= int(number) <= preset.versions):
            raise NotFound(_NO_VERSION)
        [found] = await self._store.preset_versions(preset.id, count=1, offset=int(number) - 1)
        return json_reply({"data": _version(found)})

    async def _caller(self, request: Request) -> tuple[str, str]:
        """The account that the request is about, and the hash of the calling key: any key of the account will do."""
        key = await self._office.caller(request)
        if not key.management:
            return key.account_id, key.hash
        return (await self._office.manager(request)).about.id, key.hash

    async def _found(self, request: Request) -> tuple[Preset, PresetVersion]:
        account_id, _ = await self._caller(request)
        found = await self._store.preset(account_id, request.path_params["slug"])
        if found is None:
            raise NotFound(_NO_PRESET)
        return found


def _entry(preset: Preset) -> dict[str, Any]:
    designated = PresetVersion(preset_id=preset.id, version=preset.version, creator="", config="", created=0.0)
    return {
        "id": preset.id,
        "slug": preset.slug,
        "name": preset.name,
        "description": preset.description,
        "status": preset.status,
        "status_updated_at": None if preset.status_updated is None else date(preset.status_updated),
        "designated_version_id": designated.id,
        "creator_user_id": None,
        "workspace_id": workspace_of(preset.account_id),
        "created_at": date(preset.created),
        "updated_at": date(preset.updated),
    }


def _whole(preset: Preset, version: PresetVersion) -> dict[str, Any]:
    return _entry(preset) | {"designated_version": _version(version)}


def _version(version: PresetVersion) -> dict[str, Any]:
    return {
        "id": version.id,
        "preset_id": version.preset_id,
        "creator_id": version.creator,
        "version": version.version,
        "system_prompt": version.system_prompt,
        "config": Raw(version.config.encode()),
        "created_at": date(version.created),
        "updated_at": date(version.created),
    }
