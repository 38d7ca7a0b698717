"""The archive of completions over HTTP: list, read, publish, tell what was true, and estimate before asking."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from fastapi import FastAPI, Query, Request, Response
from msgspec import Raw

from turnout.api.moments import moment_text
from turnout.api.office import QUERY_MOUNTS, Caller, bare_reply
from turnout.base.clock import Clock
from turnout.base.errors import NotFound
from turnout.contracts.archive import Archive
from turnout.domain.account import Key
from turnout.domain.archive import ArchivedCompletion
from turnout.domain.query import DefinitionKind
from turnout.query.front import Voting
from turnout.query.kinds import KINDS, VOTERS
from turnout.query.marking import forget, mark
from turnout.query.registry import definition_in
from turnout.query.rules import Fields, refused

__all__ = ["add_query_archive"]

_Kind = Literal["query", "score", "multichat"]
_NAME: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)


def add_query_archive(app: FastAPI, voting: Voting, archive: Archive, clock: Clock, caller: Caller) -> None:
    """Add the routes of all families under each mount and at the root. *caller* finds the key of a request."""
    for mount in QUERY_MOUNTS:
        for kind in get_args(_Kind):
            path = f"{mount}/{kind}/completions"
            shown = mount == QUERY_MOUNTS[0]
            _add_reading(app, path, kind, archive, caller, shown=shown)
            _add_estimate(app, path, kind, voting, caller, shown=shown)
            _, model = VOTERS[kind]
            _add_names(app, mount + KINDS[model].path, model, (voting, caller), shown=shown)
            if kind != "multichat":
                _add_marks(app, path, kind, (voting, archive, clock, caller), shown=shown)


def _add_reading(app: FastAPI, path: str, kind: _Kind, archive: Archive, caller: Caller, *, shown: bool) -> None:
    @app.get(path, tags=["query"], include_in_schema=shown, response_model=None)
    async def listing(
        request: Request,
        count: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> Response:
        """One's own completions, newest first."""
        key = await caller(request)
        found = await archive.completions(kind, key.account_id, count=count, offset=offset)
        return bare_reply({"data": [_entry(kind, one.id, one.created, one.preview) for one in found]})

    @app.get(path + "/{id}", tags=["query"], include_in_schema=shown, response_model=None)
    async def read(request: Request, id: str) -> Response:  # noqa: A002 - the parameter's promised name
        """What was asked, what was answered, and what was true. One's own, or what somebody has published."""
        kept = await _found(archive, kind, id, await caller(request))
        return bare_reply(_shown(kept))

    @app.post(path + "/{id}/publish", tags=["query"], include_in_schema=shown, response_model=None)
    async def publish(request: Request, id: str) -> Response:  # noqa: A002 - as above
        """Let everybody who has a key read a completion. It cannot be taken back."""
        key = await caller(request)
        await _found(archive, kind, id, key)
        if not await archive.publish_completion(id, key.account_id):
            raise _missing()
        return Response()


def _add_estimate(app: FastAPI, path: str, kind: _Kind, voting: Voting, caller: Caller, *, shown: bool) -> None:
    @app.post(path + "/estimate", tags=["query"], include_in_schema=shown, response_model=None)
    async def estimate(request: Request) -> Response:
        """What a completion may cost, in dollars, by voter. The body is that of the completion; nobody is asked."""
        key = await caller(request)
        return bare_reply(await voting.estimate(kind, await request.body(), key))


def _add_marks(
    app: FastAPI, path: str, kind: _Kind, parts: tuple[Voting, Archive, Clock, Caller], *, shown: bool
) -> None:
    voting, archive, clock, caller = parts

    @app.post(path + "/{id}/training_table", tags=["query"], include_in_schema=shown, response_model=None)
    async def tell(request: Request, id: str) -> Response:  # noqa: A002 - as above
        """Tell what was true, for training tables and calibration."""
        kept = await _own(archive, kind, id, await caller(request))
        body = definition_in(await request.body())
        await mark(archive, kept, body, clock.wall(), voting.learner)
        return Response()

    @app.delete(path + "/{id}/training_table", tags=["query"], include_in_schema=shown, response_model=None)
    async def take_back(request: Request, id: str) -> Response:  # noqa: A002 - as above
        """Forget what was told to be true."""
        kept = await _own(archive, kind, id, await caller(request))
        await forget(archive, kept, clock.wall(), voting.learner)
        return Response()


def _add_names(app: FastAPI, path: str, kind: DefinitionKind, parts: tuple[Voting, Caller], *, shown: bool) -> None:
    voting, caller = parts

    @app.put(path + "/{id}/name", tags=["query"], include_in_schema=shown, response_model=None)
    async def call(request: Request, id: str) -> Response:  # noqa: A002 - the parameter's promised name
        """Call a model by a name: `{"name": "judge"}` lets `<account>/judge` stand for its id. It can be moved on."""
        key = await caller(request)
        fields = Fields(definition_in(await request.body()))
        name = fields.needed("name")
        fields.end()
        if not _NAME.fullmatch(name):
            raise refused("name", "must be 1 to 64 letters, digits, dots, dashes and underscores", name)
        defined = await voting.registry.find(kind, id)
        await voting.registry.stored.name_definition(kind, key.account_id, name, defined.id)
        return bare_reply({"model": f"{key.account_id}/{name}"})


async def _own(archive: Archive, kind: _Kind, name: str, key: Key) -> ArchivedCompletion:
    kept = await _found(archive, kind, name, key)
    if kept.account_id != key.account_id:
        raise _missing()
    return kept


async def _found(archive: Archive, kind: _Kind, name: str, key: Key) -> ArchivedCompletion:
    kept = await archive.completion(name, key.account_id)
    if kept is None or not (kept.kind == kind or (kept.kind == "chat" and kind == "query")):
        raise _missing()
    return kept


def _missing() -> NotFound:
    return NotFound("There is no completion of that id")


def _entry(kind: _Kind, name: str, created: float, preview: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": name, "created": int(created)}
    return entry if kind == "query" else entry | {"preview": preview}


def _shown(kept: ArchivedCompletion) -> dict[str, Any]:
    shown: dict[str, Any] = {"request": Raw(kept.request.encode()), "response": Raw(kept.response.encode())}
    truth = None if kept.truth is None else msgspec.json.decode(kept.truth)
    if kept.kind == "score":
        modified = None if kept.truth_modified is None else moment_text(kept.truth_modified)
        shown |= {"correct_vote": truth, "correct_vote_modified": modified}
    elif kept.kind != "multichat" and truth is not None:
        shown["correct_confidence_id"] = truth
    return shown | {"published": kept.published}
