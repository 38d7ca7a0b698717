"""Definitions of Query and Score LLMs and models over HTTP: register, read, list, count."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, cast, final

from fastapi import FastAPI, Request, Response

from turnout.api.addresses import AddressLimit
from turnout.api.moments import moment_of, moment_text
from turnout.api.office import QUERY_MOUNTS, Caller, bare_reply, body_of
from turnout.api.query_bodies import DEFINITION_BODIES
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Unauthenticated
from turnout.base.jsons import excerpt
from turnout.base.money import Pico, json_number
from turnout.contracts.definitions import DefinitionSort, Span
from turnout.domain.query import DefinitionKind, Roster, UseTotals
from turnout.query.kinds import KINDS, Defined, Kind
from turnout.query.registry import Registry, definition_in
from turnout.query.tables import Judged

__all__ = ["add_query_definitions"]

_Judge = Callable[[str, Roster], Awaitable[Judged | None]]

_MOST_BYTES: Final = 512 * 2**10
_MOST_ANONYMOUS_BYTES: Final = 64 * 2**10
_BURST: Final = 240
_PER_MINUTE: Final = 240
_LONGEST_PAGE: Final = 1000
_USUAL_PAGE: Final = 100
_NOBODY: Final = ""
_SORTS: Final = ("created", "tokens", "completion_tokens", "prompt_tokens", "cost", "requests")
_FLAG: Final = {"type": "boolean"}
_MOMENT: Final = {"type": "string", "format": "date-time"}


def add_query_definitions(
    app: FastAPI, registry: Registry, clock: Clock, caller: Caller, judged: _Judge | None = None
) -> None:
    """Add the routes of all kinds under each mount and at the root. *caller* finds the key of a request, or raises.

    *judged* tells how good the confidences of a model are on what an account has marked.
    """
    desk = _Desk(registry, caller, AddressLimit(_BURST, _PER_MINUTE, clock.monotonic), judged)
    for mount in QUERY_MOUNTS:
        for name, kind in KINDS.items():
            _add_kind(app, desk, f"{mount}{kind.path}", name, shown=mount == QUERY_MOUNTS[0])


def _add_kind(app: FastAPI, desk: _Desk, path: str, kind: DefinitionKind, *, shown: bool) -> None:
    word = "a set of LLMs that vote" if KINDS[kind].model else "an LLM that votes"

    async def register(request: Request) -> Response:
        return await desk.register(kind, request)

    async def listing(request: Request) -> Response:
        return await desk.listing(kind, request)

    async def count(request: Request) -> Response:
        return await desk.count(kind, request)

    async def read(request: Request) -> Response:
        return await desk.read(kind, request)

    def add(
        below: str,
        answer: Callable[[Request], Awaitable[Response]],
        method: str,
        what: str,
        more: Sequence[Mapping[str, Any]],
        **extra: object,
    ) -> None:
        extra |= {"parameters": list(more), "security": [{"key": []}] if not KINDS[kind].public else [{}, {"key": []}]}
        app.add_api_route(
            f"{path}{below}", answer, methods=[method], tags=["query"], summary=what, openapi_extra=extra,
            include_in_schema=shown, response_model=None, name=f"{method} {path}{below}",
        )  # fmt: skip

    body = {"required": True, "content": {"application/json": {"schema": DEFINITION_BODIES[kind]}}}
    add("", register, "POST", f"Register {word}; answers with its id.", _STATISTICS, requestBody=body)
    add("", listing, "GET", "Ids of what is registered.", _LISTING)
    add("/count", count, "GET", "How many are registered.", (_parameter("me", _FLAG, "Only one's own."),))
    place = {"in": "path", "name": "id", "required": True, "schema": {"type": "string"}}
    add("/{id}", read, "GET", f"Read {word}.", (place, *_STATISTICS))


def _parameter(name: str, schema: dict[str, Any], what: str) -> dict[str, Any]:
    return {"in": "query", "name": name, "required": False, "schema": schema, "description": what}


_SPAN: Final = (
    _parameter("from", _MOMENT, "First moment that counts."),
    _parameter("to", _MOMENT, "First moment that counts no more."),
)
_STATISTICS: Final = (
    _parameter("metadata", _FLAG, "Tell of its use too; without it `me`, `from` and `to` are not read."),
    _parameter("me", _FLAG, "Only of one's own use; needs a key."),
    *_SPAN,
    _parameter("canonical", _FLAG, "Tell what its id is a hash of."),
)
_LISTING: Final = (
    _parameter("count", {"type": "integer", "minimum": 1, "maximum": _LONGEST_PAGE}, "How many."),
    _parameter("offset", {"type": "integer", "minimum": 0}, "How many to pass over."),
    _parameter("me", _FLAG, "Only one's own; needs a key."),
    _parameter("sort", {"type": "string", "enum": list(_SORTS)}, "Order, the largest or newest first."),
    *_SPAN,
)


@final
class _Desk:
    """Answers for all kinds. A caller without a key is nobody, and counted by address."""

    def __init__(self, registry: Registry, caller: Caller, limit: AddressLimit, judged: _Judge | None) -> None:
        self._judged = judged
        self._registry = registry
        self._caller = caller
        self._limit = limit

    async def register(self, kind: DefinitionKind, request: Request) -> Response:
        account = await self._account(KINDS[kind], request)
        body = await body_of(request, _MOST_BYTES if account else _MOST_ANONYMOUS_BYTES)
        query = _Query(request)
        statistics = self._statistics(query, account)
        defined = await self._registry.register(kind, definition_in(body), account)
        return await self._answer(defined, query, statistics, account)

    async def read(self, kind: DefinitionKind, request: Request) -> Response:
        account = await self._account(KINDS[kind], request)
        query = _Query(request)
        statistics = self._statistics(query, account)
        defined = await self._registry.find(kind, request.path_params["id"])
        return await self._answer(defined, query, statistics, account)

    async def listing(self, kind: DefinitionKind, request: Request) -> Response:
        account = await self._account(KINDS[kind], request)
        query = _Query(request)
        found = await self._registry.stored.definitions(
            kind,
            account_id=self._owner(KINDS[kind], query, account),
            sort=query.sort(),
            span=query.span(),
            count=query.whole("count", 1, _LONGEST_PAGE, _USUAL_PAGE),
            offset=query.whole("offset", 0, 10**9, 0),
        )
        return bare_reply({"data": list(found)})

    async def count(self, kind: DefinitionKind, request: Request) -> Response:
        account = await self._account(KINDS[kind], request)
        owner = self._owner(KINDS[kind], _Query(request), account)
        return bare_reply({"count": await self._registry.stored.count_definitions(kind, owner)})

    async def _account(self, kind: Kind, request: Request) -> str:
        """The account of the caller; empty for one without a key, where that is allowed."""
        if kind.public and request.headers.get("authorization") is None:
            self._limit.take("" if request.client is None else request.client.host)
            return _NOBODY
        return (await self._caller(request)).account_id

    def _owner(self, kind: Kind, query: _Query, account: str) -> str | None:
        """Whose definitions are listed. Those of the Score dialect may hold messages: each account sees its own."""
        mine = query.flag("me")
        if mine and not account:
            raise _needs_key()
        return account if mine or not kind.public else None

    def _statistics(self, query: _Query, account: str) -> tuple[str | None, Span] | None:
        """Whose use in which span is asked for; None without ``metadata``."""
        if not query.flag("metadata"):
            return None
        mine = query.flag("me")
        if mine and not account:
            raise _needs_key()
        return (account if mine else None), query.span()

    async def _answer(
        self, defined: Defined, query: _Query, statistics: tuple[str | None, Span] | None, account: str
    ) -> Response:
        shown = dict(defined.shown)
        if query.flag("canonical"):
            shown["canonical"] = defined.canonical
        if statistics is not None:
            owner, span = statistics
            stored = self._registry.stored
            row = await stored.definition(defined.kind, defined.id)
            totals = await stored.use_totals(defined.kind, defined.id, account_id=owner, span=span)
            kind = KINDS[defined.kind]
            if row is not None:
                shown |= {"user_id": row.account_id or "anonymous"} if kind.query else {}
                shown["created"] = moment_text(row.created)
            shown |= _query_counters(totals) if kind.query else _score_counters(totals, kind)
            shown |= await self._quality(defined, account)
        return bare_reply(shown)

    async def _quality(self, defined: Defined, account: str) -> dict[str, Any]:
        """How good the confidences of a model are, where the caller has marked completions of it."""
        if self._judged is None or defined.roster is None or not account:
            return {}
        judged = await self._judged(account, defined.roster)
        quality = None if judged is None else judged.quality
        if quality is None:
            return {}
        return {
            "marked": quality.rows,
            "accuracy": quality.accuracy,
            "brier_score": quality.brier_score,
            "expected_calibration_error": quality.expected_calibration_error,
            "calibrated_brier_score": quality.calibrated_brier_score,
            "calibrated_expected_calibration_error": quality.calibrated_expected_calibration_error,
        }


@final
class _Query:
    """The query parameters of a request, read when they are asked for."""

    def __init__(self, request: Request) -> None:
        self._values = request.query_params

    def flag(self, name: str) -> bool:
        value = self._values.get(name, "false").lower()
        if value not in {"true", "false", "1", "0"}:
            raise _bad(name, "must be true or false", value)
        return value in {"true", "1"}

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        value = self._values.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 20 and low <= int(value) <= high):
            raise _bad(name, f"must be a whole number between {low} and {high}", value)
        return int(value)

    def sort(self) -> DefinitionSort:
        value = self._values.get("sort", "created")
        if value not in _SORTS:
            raise _bad("sort", f"must be one of {', '.join(f'`{one}`' for one in _SORTS)}", value)
        return cast("DefinitionSort", value)

    def span(self) -> Span:
        first, end = (
            None if (text := self._values.get(name)) is None else moment_of(text, name) for name in ("from", "to")
        )
        if first is not None and end is not None and first > end:
            raise _bad("from", "must not be after `to`", self._values["from"])
        return first, end


def _bad(field: str, rule: str, value: str) -> BadRequest:
    shown = excerpt(value, 64)
    return BadRequest(f'`{field}` {rule}: `{field}`="{shown}"', metadata={"field": field, "rule": rule, "value": shown})


def _needs_key() -> Unauthenticated:
    return Unauthenticated("`me` needs an API key, sent as `Authorization: Bearer <key>`")


def _query_counters(totals: UseTotals) -> dict[str, Any]:
    return {
        "requests": totals.requests,
        "chat_completion_tokens": totals.completion_tokens,
        "chat_prompt_tokens": totals.prompt_tokens,
        "chat_cost": json_number(totals.cost),
        "embedding_completion_tokens": totals.embedding_completion_tokens,
        "embedding_prompt_tokens": totals.embedding_prompt_tokens,
        "embedding_cost": json_number(totals.embedding_cost),
    }


def _score_counters(totals: UseTotals, kind: Kind) -> dict[str, Any]:
    means = [total / totals.ballots if totals.ballots else 0.0 for total in (totals.confidence, totals.contrast)]
    names = ("average_winner_confidence", "decisiveness") if kind.model else ("average_confidence", "conformity")
    return {
        "requests": totals.requests,
        "completion_tokens": totals.completion_tokens + totals.embedding_completion_tokens,
        "prompt_tokens": totals.prompt_tokens + totals.embedding_prompt_tokens,
        "total_cost": json_number(Pico(totals.cost + totals.embedding_cost)),
        **dict(zip(names, means, strict=True)),
    }
