"""Who may manage what: the one place where routes of keys, accounts and reports ask for it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

from fastapi import FastAPI, Request, Response

from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Forbidden, NotFound, PayloadTooLarge
from turnout.base.jsons import encode
from turnout.contracts.store import Store
from turnout.domain.account import Account, Key

__all__ = [
    "JSON",
    "MOUNTS",
    "QUERY_MOUNTS",
    "Caller",
    "Manager",
    "Office",
    "Routes",
    "bare_reply",
    "body_of",
    "fields_body",
    "json_reply",
    "page_of",
    "parameters",
]

JSON: Final = "application/json"
MOUNTS: Final = ("/api/v1", "/v1")
"""Where all routes are; the document has those of the first one."""
QUERY_MOUNTS: Final = (*MOUNTS, "")
Caller = Callable[[Request], Awaitable[Key]]
"""Finds the key of a request, or raises Unauthenticated."""
_MOST_BYTES: Final = 65_536
_PAGE: Final = 50
_MOST_ENTRIES: Final = 100
_NO_ACCOUNT: Final = "There is no account of that id"
_IN_PATH: Final = re.compile(r"{(\w+)")


@dataclass(frozen=True, slots=True)
class Office:
    """What these routes work with; ``check_plugins`` raises BadRequest for entries of a key that nothing could be done
    with.
    """

    store: Store
    clock: Clock
    caller: Caller
    provider_name: Callable[[str], str]
    canonical: Callable[[str], str]
    check_plugins: Callable[[Sequence[str]], None]
    knows_provider: Callable[[str], bool]

    async def manager(self, request: Request) -> Manager:
        """Who calls with a management key, and the account that it is about: its own, unless an admin names another.

        Raises:
            Unauthenticated: there is no usable key.
            Forbidden: it manages nothing, or not the account that is named.
            NotFound: an admin names an account that does not exist.
        """
        key = await self.caller(request)
        if not key.management:
            raise Forbidden("This needs a management key")
        own = await self.store.account(key.account_id)
        if own is None:
            raise NotFound(_NO_ACCOUNT)
        named = request.query_params.get("account_id", own.id)
        if named == own.id:
            return Manager(key, own, own)
        if not own.admin:
            raise Forbidden("Only the management key of an admin may name another account")
        about = await self.store.account(named)
        if about is None:
            raise NotFound(_NO_ACCOUNT)
        return Manager(key, own, about)

    async def admin(self, request: Request) -> Manager:
        """As :meth:`manager`, for admins alone."""
        manager = await self.manager(request)
        if not manager.own.admin:
            raise Forbidden("This needs the management key of an admin")
        return manager


class Manager(NamedTuple):
    """A management key at work: the key, its account, and the account that the request is about."""

    key: Key
    own: Account
    about: Account


@final
class Routes:
    """Adds routes to an application under one mount; those of the second mount do not stand in its document."""

    def __init__(self, app: FastAPI, mount: str, tag: str, *, hidden: bool) -> None:
        self._app = app
        self._mount = mount
        self._tag = tag
        self._hidden = hidden

    def add(
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Awaitable[Response]],
        document: Mapping[str, Any] | None = None,
    ) -> None:
        """Let *endpoint* answer; *document* is merged into the operation of the OpenAPI document, which has the
        parameters of the path by itself.
        """
        extra: dict[str, Any] = {"security": [{"key": []}], **(document or {})}
        stated = list(extra.pop("parameters", ()))
        schema = {"type": "string", "minLength": 1}
        named = [
            {"in": "path", "name": name, "required": True, "schema": schema}
            for name in _IN_PATH.findall(path)
            if all(one["name"] != name for one in stated)
        ]
        if named or stated:
            extra["parameters"] = [*named, *stated]
        self._app.add_api_route(
            self._mount + path,
            endpoint,
            methods=[method],
            tags=[self._tag],
            include_in_schema=not self._hidden,
            response_model=None,
            openapi_extra=extra,
        )


def parameters(*names: str) -> dict[str, Any]:
    """Query parameters of an operation, all of them texts that may be left out."""
    schema = {"type": "string"}
    return {"parameters": [{"in": "query", "name": name, "required": False, "schema": schema} for name in names]}


def fields_body(names: Iterable[str], *required: str) -> dict[str, Any]:
    """The body of an operation: an object with fields of these names."""
    schema = {"type": "object", "properties": {name: {} for name in names}, "required": list(required)}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def bare_reply(value: object) -> Response:
    """An answer that says nothing of keeping it."""
    return Response(encode(value), media_type=JSON)


def json_reply(value: object, status: int = 200) -> Response:
    """An answer that nobody keeps."""
    return Response(encode(value), status, {"Cache-Control": "no-store"}, JSON)


async def body_of(request: Request, most: int = _MOST_BYTES) -> bytes:
    """The body, of at most so many bytes.

    Raises:
        PayloadTooLarge: nothing of this kind is so long.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise PayloadTooLarge(f"The body is larger than {most} bytes")
    return bytes(body)


def page_of(request: Request) -> tuple[int, int]:
    """Which entries of a list are wanted: `offset`, and `limit` of at most a hundred.

    Raises:
        BadRequest: one of them is no such number.
    """
    query = request.query_params
    offset, limit = query.get("offset") or "0", query.get("limit") or str(_PAGE)
    if not (offset.isascii() and offset.isdecimal() and len(offset) < 10):
        raise BadRequest("`offset` must be a whole number of at least 0")
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 4 and 1 <= int(limit) <= _MOST_ENTRIES):
        raise BadRequest(f"`limit` must be a whole number from 1 to {_MOST_ENTRIES}")
    return int(offset), int(limit)
