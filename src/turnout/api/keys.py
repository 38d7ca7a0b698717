"""``/keys`` for management keys, and ``/key`` for every caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

from fastapi import FastAPI, Request, Response
from msgspec.structs import replace

from turnout.accounts.holdings import charged_to
from turnout.accounts.issue import issue_key
from turnout.accounts.reports import key_entry, key_report, spending, spendings
from turnout.accounts.standing import standings, workspace_of
from turnout.accounts.writes import KEY_FIELDS, NEW_KEY_FIELDS, changed_key, read_body
from turnout.api.office import Manager, Office, Routes, body_of, fields_body, json_reply, parameters
from turnout.base.errors import BadRequest, Forbidden, NotFound
from turnout.domain.account import Key

__all__ = ["add_keys"]

_PAGE: Final = 100
_NO_KEY: Final = "There is no key of that hash"
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False, "": False}
_LIST: Final = ("offset", "include_disabled", "include_expired", "include_management", "workspace_id", "account_id")


def add_keys(app: FastAPI, mount: str, office: Office, *, hidden: bool) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "keys", hidden=hidden)
    desk = _Keys(office)
    routes.add("GET", "/keys", desk.list_keys, parameters(*_LIST))
    routes.add("POST", "/keys", desk.create, fields_body(NEW_KEY_FIELDS, "name"))
    routes.add("GET", "/keys/{hash}", desk.read)
    routes.add("PATCH", "/keys/{hash}", desk.change, fields_body(KEY_FIELDS))
    routes.add("DELETE", "/keys/{hash}", desk.delete)
    routes.add("GET", "/key", desk.own)
    Routes(app, mount, "keys", hidden=True).add("GET", "/auth/key", desk.own)


@final
class _Keys:
    """The routes' own functions."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._store = office.store

    async def list_keys(self, request: Request) -> Response:
        """The keys of the account, newest first, a hundred at a time from `offset` on.

        Disabled and expired ones, and management keys, are shown on demand.
        """
        manager = await self._office.manager(request)
        query = request.query_params
        now = self._office.clock.wall()
        shown = {name: _flag(query.get(f"include_{name}", ""), name) for name in ("disabled", "expired", "management")}
        keys = [
            key
            for key in reversed(await self._store.keys(manager.about.id))
            if (shown["disabled"] or not key.disabled)
            and (shown["expired"] or key.expires is None or key.expires > now)
            and (shown["management"] or not key.management)
        ]
        if query.get("workspace_id") not in {None, "", workspace_of(manager.about.id)}:
            keys = []
        offset = _offset(query.get("offset", ""))
        return json_reply({"data": await self._entries(keys[offset : offset + _PAGE])})

    async def create(self, request: Request) -> Response:
        """Make a key. Its secret is in this answer and nowhere else."""
        manager = await self._office.manager(request)
        values = read_body(await body_of(request), NEW_KEY_FIELDS, ("name",))
        account_id = values.pop("account_id", manager.about.id)
        management = values.pop("management", False)
        if not manager.own.admin and (management or account_id != manager.own.id):
            raise Forbidden("Only the management key of an admin may set `account_id` and `management`")
        if await self._store.account(account_id) is None:
            raise NotFound("There is no account of that id")
        _check_workspace(values, account_id)
        self._office.check_plugins(values.get("plugins", ()))
        secret, key = await issue_key(
            self._store,
            values.pop("name"),
            self._office.clock,
            account_id=account_id,
            management=management,
            change=lambda key: replace(changed_key(key, values, key.created), updated=None),
        )
        [entry] = await self._entries([key])
        return json_reply({"data": entry, "key": secret.reveal()}, 201)

    async def read(self, request: Request) -> Response:
        """One key: its limits and what it has spent."""
        key = await self._found(request, await self._office.manager(request))
        [entry] = await self._entries([key])
        return json_reply({"data": entry})

    async def change(self, request: Request) -> Response:
        """Change a key. Running requests end as they began; the others notice within a second."""
        manager = await self._office.manager(request)
        key = await self._found(request, manager)
        values = read_body(await body_of(request), KEY_FIELDS)
        _check_workspace(values, key.account_id)
        self._office.check_plugins(values.get("plugins", ()))
        if values.get("disabled") and key.hash == manager.key.hash:
            raise BadRequest("`disabled`: a key does not switch itself off")
        now = self._office.clock.wall()
        changed = await self._store.change_key(key.hash, lambda there: changed_key(there, values, now))
        if changed is None:
            raise NotFound(_NO_KEY)
        [entry] = await self._entries([changed])
        return json_reply({"data": entry})

    async def delete(self, request: Request) -> Response:
        """Delete a key; the record of its use stays."""
        manager = await self._office.manager(request)
        key = await self._found(request, manager)
        if key.hash == manager.key.hash:
            raise BadRequest("A key does not delete itself")
        await self._store.delete_key(key.hash)
        return json_reply({"deleted": True})

    async def own(self, request: Request) -> Response:
        """The calling key: its limits and what it has spent."""
        key = await self._office.caller(request)
        now = self._office.clock.wall()
        budgets = await standings(self._store, charged_to(key, await self._store.budgets(key.account_id)), now)
        return json_reply({"data": key_report(key, await spending(self._store, key.hash, now), budgets)})

    async def _found(self, request: Request, manager: Manager) -> Key:
        key = await self._store.key(request.path_params["hash"])
        if key is None or key.account_id != manager.about.id:
            raise NotFound(_NO_KEY)
        return key

    async def _entries(self, keys: Sequence[Key]) -> list[dict[str, Any]]:
        now = self._office.clock.wall()
        spent = await spendings(self._store, [key.hash for key in keys], now)
        used = await self._store.last_used([(key.account_id, key.hash) for key in keys])
        budgets = [key.budget for key in keys if key.budget is not None]
        standing = {one.budget.subject: one for one in await standings(self._store, budgets, now)}
        return [key_entry(key, spent[key.hash], used.get(key.hash), standing.get(key.hash)) for key in keys]


def _check_workspace(values: dict[str, Any], account_id: str) -> None:
    """An account is the one workspace that there is for its keys."""
    if values.pop("workspace_id", None) not in {None, workspace_of(account_id)}:
        raise BadRequest("`workspace_id` is not the workspace of this account; leave it out")


def _flag(text: str, name: str) -> bool:
    if text.lower() not in _TRUTH:
        raise BadRequest(f"`include_{name}` must be true or false")
    return _TRUTH[text.lower()]


def _offset(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRequest("`offset` must be a whole number of at least 0")
    return int(text or 0)
