"""``GET /generation`` and ``GET /generations``: single requests and what became of them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Any, Final, final

from fastapi import FastAPI, Request, Response
from msgspec.structs import replace

from turnout.accounts.detail import generation_detail
from turnout.accounts.reports import generation_report, generation_row_report
from turnout.api.office import Office, Routes, json_reply, parameters
from turnout.base.errors import BadRequest, NotFound
from turnout.base.money import InvalidPrice, Pico, parse_price
from turnout.domain.account import Generation, Outcome
from turnout.domain.activity import Search

__all__ = ["OF_ONE", "FindGeneration", "add_generations"]

FindGeneration = Callable[[str, str], Awaitable[Generation | None]]
"""The generation of an id and an account."""

OF_ONE: Final = {"parameters": [{"in": "query", "name": "id", "required": True, "schema": {"type": "string"}}]}
_ID: Final = re.compile(r"gen-\d{1,12}(-[0-9A-Za-z]{1,64})?", re.ASCII)
_SECONDS: Final = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_OUTCOMES: Final[Mapping[str, Outcome]] = {"answered": "answered", "failed": "failed", "cancelled": "cancelled"}
_USUAL: Final = 50
_MOST: Final = 200
_MARGIN_SECONDS: Final = 2.0
_PARAMETERS: Final = (
    "limit", "cursor", "from", "to", "model", "provider", "api_key_hash", "user", "outcome", "min_cost", "parent_id",
    "account_id",
)  # fmt: skip


def add_generations(app: FastAPI, mount: str, office: Office, find: FindGeneration, *, hidden: bool) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "activity", hidden=hidden)
    desk = _Generations(office, find)
    routes.add("GET", "/generation", desk.one, OF_ONE)
    routes.add("GET", "/generations", desk.page, parameters(*_PARAMETERS))


@final
class _Generations:
    """The routes' own functions."""

    def __init__(self, office: Office, find: FindGeneration) -> None:
        self._office = office
        self._find = find

    async def one(self, request: Request) -> Response:
        """One generation: tokens, cost, times and every attempt. Readable as soon as its answer has ended.

        What is ours stands under `turnout`: each call with its times, and the cost line by line.
        """
        caller = await self._office.caller(request)
        generation_id = request.query_params.get("id")
        if not generation_id:
            raise BadRequest("`id` is missing")
        found = await self._find(generation_id, caller.account_id) if _ID.fullmatch(generation_id) else None
        if found is None:
            raise NotFound("There is no generation of that id")
        return json_reply({"data": generation_report(found) | {"turnout": generation_detail(found)}})

    async def page(self, request: Request) -> Response:
        """Generations, newest first: those of the account for a management key, the caller's own for any other.

        `next_cursor` leads on; null says that there is no more. A page may be short and still have more after it.
        """
        caller = await self._office.caller(request)
        query = request.query_params
        key_hash = query.get("api_key_hash", query.get("key"))
        account_id = caller.account_id
        if caller.management:
            account_id = (await self._office.manager(request)).about.id
        elif key_hash in {None, caller.hash} and query.get("account_id", account_id) == account_id:
            key_hash = caller.hash
        else:
            return json_reply({"data": [], "next_cursor": None})  # as one whose key or account does not exist
        search = _search(query, account_id, key_hash)
        if parent_id := query.get("parent_id"):
            parent = await self._find(parent_id, account_id) if _ID.fullmatch(parent_id) else None
            if parent is None:
                return json_reply({"data": [], "next_cursor": None})
            search = replace(search, parent_id=parent.id, **_while(parent))
        found = await self._office.store.find_generations(search, _limit(query))
        return json_reply(
            {
                "data": [generation_row_report(generation) for generation in found.generations],
                "next_cursor": found.before,
            }
        )


def _search(query: Mapping[str, str], account_id: str, key_hash: str | None) -> Search:
    cursor = query.get("cursor")
    if cursor and not _ID.fullmatch(cursor):
        raise BadRequest("`cursor` must be the `next_cursor` of an earlier page")
    outcome = query.get("outcome")
    if outcome and outcome not in _OUTCOMES:
        raise BadRequest(f"`outcome` must be {', '.join(_OUTCOMES)}")
    return Search(
        account_id=account_id,
        before=cursor or None,
        since=_moment(query, "from"),
        until=_moment(query, "to"),
        key_hash=key_hash,
        model=query.get("model"),
        provider=query.get("provider"),
        user=query.get("user"),
        outcome=_OUTCOMES[outcome] if outcome else None,
        min_cost=_dollars(query.get("min_cost")),
    )


def _while(parent: Generation) -> dict[str, float]:
    """When its children began: between its arrival and its end, give or take what clocks are rounded by."""
    return {"since": parent.created - 1, "until": parent.created + parent.ended_ms / 1000 + _MARGIN_SECONDS}


def _limit(query: Mapping[str, Any]) -> int:
    text = query.get("limit", str(_USUAL))
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= _MOST):
        raise BadRequest(f"`limit` must be a whole number from 1 to {_MOST}")
    return int(text)


def _moment(query: Mapping[str, str], name: str) -> float | None:
    """Unix seconds: given so, or as a date (midnight UTC), or a date with time and offset."""
    text = query.get(name)
    if not text:
        return None
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        if len(text) == len("2026-01-31"):
            text = f"{date.fromisoformat(text).isoformat()}T00:00:00+00:00"
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass
    raise BadRequest(f"`{name}` must be a date, a date with time and offset from UTC, or unix seconds")


def _dollars(text: str | None) -> Pico | None:
    if not text:
        return None
    try:
        return parse_price(text)
    except InvalidPrice:
        raise BadRequest("`min_cost` must be a number of dollars") from None
