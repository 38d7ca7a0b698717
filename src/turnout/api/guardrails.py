"""``/guardrails``: what keys of an account may use, spend and say, for management keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final
from uuid import uuid4

from fastapi import FastAPI, Request, Response

from turnout.accounts.guardrails import (
    GUARDRAIL_FIELDS,
    NEW_GUARDRAIL_FIELDS,
    assignment_report,
    changed_guardrail,
    guardrail_report,
    read_subjects,
)
from turnout.accounts.standing import workspace_of
from turnout.accounts.writes import read_body
from turnout.api.office import Manager, Office, Routes, body_of, json_reply, page_of, parameters
from turnout.base.errors import BadRequest, NotFound
from turnout.domain.guardrail import Assignment, Guardrail, Holder

__all__ = ["add_guardrails"]

_NONE: Final = "There is no guardrail of that id"
_MOST_BYTES: Final = 2**18
_NAMES: Final[Mapping[Holder, str]] = {"key": "key_hashes", "member": "member_user_ids"}
_PLACES: Final[Mapping[str, Holder]] = {"keys": "key", "members": "member"}
_IN_PATH: Final = {"in": "path", "name": "id", "required": True, "schema": {"type": "string"}}
_PAGE: Final = parameters("offset", "limit")["parameters"]


def add_guardrails(app: FastAPI, mount: str, office: Office, *, hidden: bool) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "guardrails", hidden=hidden)
    desk = _Guardrails(office)
    of_one = {"parameters": [_IN_PATH]}
    routes.add("GET", "/guardrails", desk.page, parameters("offset", "limit", "workspace_id"))
    routes.add("POST", "/guardrails", desk.create, _body(NEW_GUARDRAIL_FIELDS, "name"))
    for place, holder in _PLACES.items():
        rows = _Assignments(office, holder)
        names = _body({_NAMES[holder]: None}, _NAMES[holder])
        routes.add("GET", f"/guardrails/assignments/{place}", rows.every, {"parameters": _PAGE})
        path = f"/guardrails/{{id}}/assignments/{place}"
        routes.add("GET", path, rows.page, {"parameters": [_IN_PATH, *_PAGE]})
        routes.add("POST", path, rows.assign, of_one | names)
        routes.add("POST", f"{path}/remove", rows.unassign, of_one | names)
    routes.add("GET", "/guardrails/{id}", desk.read, of_one)
    routes.add("PATCH", "/guardrails/{id}", desk.change, of_one | _body(GUARDRAIL_FIELDS))
    routes.add("DELETE", "/guardrails/{id}", desk.delete, of_one)


def _body(fields: Mapping[str, object], *required: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {name: {} for name in fields}, "required": list(required)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def _found(office: Office, request: Request, manager: Manager) -> Guardrail:
    """The guardrail of the path; another account's is as good as none."""
    found = await office.store.guardrail(request.path_params["id"])
    if found is None or found.account_id != manager.about.id:
        raise NotFound(_NONE)
    return found


@final
class _Guardrails:
    """The routes' own functions."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._store = office.store

    async def page(self, request: Request) -> Response:
        """The guardrails of the account, newest first."""
        manager = await self._office.manager(request)
        offset, limit = page_of(request)
        found = list(await self._store.guardrails(manager.about.id))
        if request.query_params.get("workspace_id") not in {None, "", workspace_of(manager.about.id)}:
            found = []
        shown = [guardrail_report(one) for one in found[offset : offset + limit]]
        return json_reply({"data": shown, "total_count": len(found)})

    async def create(self, request: Request) -> Response:
        """Make a guardrail. It applies to nothing until it is assigned."""
        manager = await self._office.manager(request)
        values = read_body(await body_of(request, _MOST_BYTES), NEW_GUARDRAIL_FIELDS, ("name",))
        if values.pop("workspace_id", None) not in {None, workspace_of(manager.about.id)}:
            raise BadRequest("`workspace_id` is not the workspace of this account; leave it out")
        now = self._office.clock.wall()
        fresh = Guardrail(id=str(uuid4()), account_id=manager.about.id, name=values["name"], created=now)
        made = changed_guardrail(fresh, values, None)
        await self._store.put_guardrail(made)
        return json_reply({"data": guardrail_report(made)}, 201)

    async def read(self, request: Request) -> Response:
        """One guardrail."""
        found = await _found(self._office, request, await self._office.manager(request))
        return json_reply({"data": guardrail_report(found)})

    async def change(self, request: Request) -> Response:
        """Change a guardrail. Running requests end as they began; the others notice within a second."""
        found = await _found(self._office, request, await self._office.manager(request))
        values = read_body(await body_of(request, _MOST_BYTES), GUARDRAIL_FIELDS)
        now = self._office.clock.wall()
        changed = await self._store.change_guardrail(found.id, lambda there: changed_guardrail(there, values, now))
        if changed is None:
            raise NotFound(_NONE)
        return json_reply({"data": guardrail_report(changed)})

    async def delete(self, request: Request) -> Response:
        """Delete a guardrail; whom it applied to is free of it."""
        found = await _found(self._office, request, await self._office.manager(request))
        await self._store.delete_guardrail(found.id)
        return json_reply({"deleted": True})


@final
class _Assignments:
    """The routes' own functions, for keys or for members."""

    def __init__(self, office: Office, holder: Holder) -> None:
        self._office = office
        self._store = office.store
        self._holder: Holder = holder

    async def every(self, request: Request) -> Response:
        """All assignments of the account, oldest first."""
        manager = await self._office.manager(request)
        return await self._listed(request, manager, None)

    async def page(self, request: Request) -> Response:
        """Whom one guardrail applies to, oldest first."""
        manager = await self._office.manager(request)
        found = await _found(self._office, request, manager)
        return await self._listed(request, manager, found.id)

    async def assign(self, request: Request) -> Response:
        """Have a guardrail apply to these, in place of the one that they had."""
        manager = await self._office.manager(request)
        found = await _found(self._office, request, manager)
        names = await self._names(request)
        known = {manager.about.id}
        if self._holder == "key":
            known = {key.hash for key in await self._store.keys(manager.about.id)}
        if not known.issuperset(names):
            raise BadRequest(f"`{_NAMES[self._holder]}` names a {self._holder} that this account does not have")
        now = self._office.clock.wall()
        made = [
            Assignment(
                id=str(uuid4()), account_id=manager.about.id, guardrail_id=found.id, holder=self._holder,
                subject=name, assigned_by=manager.own.id, created=now,
            )
            for name in names
        ]  # fmt: skip
        return json_reply({"assigned_count": await self._store.assign_guardrail(made)})

    async def unassign(self, request: Request) -> Response:
        """Free these of a guardrail."""
        found = await _found(self._office, request, await self._office.manager(request))
        freed = await self._store.unassign_guardrail(found.id, self._holder, await self._names(request))
        return json_reply({"unassigned_count": freed})

    async def _names(self, request: Request) -> tuple[str, ...]:
        field = _NAMES[self._holder]
        names: tuple[str, ...] = read_body(await body_of(request, _MOST_BYTES), {field: read_subjects}, (field,))[field]
        return names

    async def _listed(self, request: Request, manager: Manager, guardrail_id: str | None) -> Response:
        offset, limit = page_of(request)
        found = await self._store.guardrail_assignments(manager.about.id, self._holder, guardrail_id)
        keys = {}
        if self._holder == "key":
            keys = {key.hash: key for key in await self._store.keys(manager.about.id)}
        shown = [assignment_report(one, keys.get(one.subject)) for one in found[offset : offset + limit]]
        return json_reply({"data": shown, "total_count": len(found)})
