"""``/training_tables``: what voters are taught, by the account that teaches them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response
from starlette.responses import StreamingResponse

from turnout.api.moments import moment_text
from turnout.api.office import QUERY_MOUNTS, Caller, bare_reply
from turnout.base.errors import BadRequest, NotFound
from turnout.domain.account import Key
from turnout.domain.training import TrainingTable
from turnout.query.registry import definition_in
from turnout.query.rules import Fields
from turnout.query.teaching import Pupil, Taught, Teaching

__all__ = ["add_training_tables"]

_LINES: Final = "application/x-ndjson"
_Count = Annotated[int, Query(ge=1, le=1000)]
_Model = Annotated[str | None, Query(description="A model that learns in the table; else the one it began with.")]


def add_training_tables(app: FastAPI, teaching: Teaching, caller: Caller) -> None:
    """Add the routes under each mount and at the root. *caller* finds the key of a request."""
    for mount in QUERY_MOUNTS:
        path, shown = f"{mount}/training_tables", mount == QUERY_MOUNTS[0]
        _add_tables(app, path, teaching, caller, shown=shown)
        _add_rows(app, path + "/{id}", teaching, caller, shown=shown)
        _add_files(app, path + "/{id}", teaching, caller, shown=shown)


def _add_tables(app: FastAPI, path: str, teaching: Teaching, caller: Caller, *, shown: bool) -> None:
    @app.get(path, tags=["query"], include_in_schema=shown, response_model=None)
    async def listing(
        request: Request, count: _Count = 100, offset: Annotated[int, Query(ge=0, le=10**9)] = 0
    ) -> Response:
        """One's own training tables, newest first."""
        key = await caller(request)
        tables = await teaching.tables(key.account_id, count, offset)
        return bare_reply({"data": [_shown(table) for table in tables]})

    @app.get(path + "/{id}", tags=["query"], include_in_schema=shown, response_model=None)
    async def read(request: Request, id: str, model: _Model = None) -> Response:  # noqa: A002 - the parameter's promised name
        """One table: what each voter got right, and how good confidences are."""
        key = await caller(request)
        table = await teaching.table(key.account_id, id)
        return bare_reply(_shown(table) | await teaching.statistics(key.account_id, id, model))

    @app.delete(path + "/{id}", tags=["query"], include_in_schema=shown, response_model=None)
    async def delete(request: Request, id: str) -> Response:  # noqa: A002 - as above
        """Delete a table with all of its rows. The completions that were marked stay."""
        key = await caller(request)
        if not await teaching.training.remove_table(key.account_id, id):
            raise NotFound("There is no training table of that id")
        return bare_reply({"deleted": True})

    @app.post(path + "/{id}/preview", tags=["query"], include_in_schema=shown, response_model=None)
    async def preview(request: Request, id: str) -> Response:  # noqa: A002 - as above
        """What each voter would weigh for a prompt, and what that rests on. Nobody votes."""
        key = await caller(request)
        return bare_reply(await teaching.preview(_pupil_of(key, request), id, definition_in(await request.body())))


def _add_rows(app: FastAPI, path: str, teaching: Teaching, caller: Caller, *, shown: bool) -> None:
    @app.get(path + "/rows", tags=["query"], include_in_schema=shown, response_model=None)
    async def rows(request: Request, id: str, count: _Count = 100, after: str | None = None) -> Response:  # noqa: A002 - the parameter's promised name
        """Rows in the order in which they were written; `next` is the `after` of the next page."""
        key = await caller(request)
        found, place = await teaching.rows(key.account_id, id, _place(after), count)
        return bare_reply({"data": found, "next": place})

    @app.post(path + "/rows", tags=["query"], include_in_schema=shown, response_model=None)
    async def add(request: Request, id: str) -> Response:  # noqa: A002 - as above
        """Add rows (`prompt`, `choices`, `truth`); voters are asked for their votes unless those are told."""
        key = await caller(request)
        return _told(await teaching.add(_pupil_of(key, request), id, definition_in(await request.body())))

    @app.delete(path + "/rows", tags=["query"], include_in_schema=shown, response_model=None)
    async def delete(request: Request, id: str) -> Response:  # noqa: A002 - as above
        """Delete the rows whose `ids` are named."""
        key = await caller(request)
        fields = Fields(definition_in(await request.body()))
        names = fields.texts("ids") or ()
        fields.end()
        return bare_reply({"deleted": await teaching.training.remove(key.account_id, id, names)})

    @app.delete(path + "/rows/{row}", tags=["query"], include_in_schema=shown, response_model=None)
    async def delete_one(request: Request, id: str, row: str) -> Response:  # noqa: A002 - as above
        """Delete one row."""
        key = await caller(request)
        if not await teaching.training.remove(key.account_id, id, [row]):
            raise NotFound("There is no row of that id")
        return bare_reply({"deleted": 1})


def _add_files(app: FastAPI, path: str, teaching: Teaching, caller: Caller, *, shown: bool) -> None:
    @app.get(path + "/export", tags=["query"], include_in_schema=shown, response_model=None)
    async def export(request: Request, id: str) -> Response:  # noqa: A002 - the parameter's promised name
        """All rows with their vectors, as lines of JSON."""
        key = await caller(request)
        await teaching.table(key.account_id, id)
        headers = {"Content-Disposition": 'attachment; filename="training-table.jsonl"'}
        return StreamingResponse(teaching.export(key.account_id, id), media_type=_LINES, headers=headers)

    @app.post(path + "/import", tags=["query"], include_in_schema=shown, response_model=None)
    async def load(request: Request, id: str, model: _Model = None) -> Response:  # noqa: A002 - as above
        """Add rows as `export` writes them. Nobody is asked; rows of the same id are replaced."""
        key = await caller(request)
        return _told(await teaching.load(_pupil_of(key, request), id, await request.body(), model))


def _pupil_of(key: Key, request: Request) -> Pupil:
    header = request.headers.get("authorization")
    return Pupil(key, None if header is None else header.encode("latin-1"))


def _place(after: str | None) -> tuple[int, str]:
    if after is None:
        return -1, ""
    revision, _, name = after.partition(".")
    if not (revision.isascii() and revision.isdigit() and len(revision) < 19):
        raise BadRequest("`after` must be a `next` of an earlier page")
    return int(revision), name


def _shown(table: TrainingTable) -> dict[str, Any]:
    return {
        "id": table.id,
        "dialect": "query" if table.query else "score",
        "model": table.model,
        "embeddings_model": table.embeddings_model or None,
        "created": moment_text(table.created),
        "revision": table.revision,
        "rows": table.rows,
    }


def _told(taught: Taught) -> Response:
    return bare_reply({"added": len(taught.ids), "asked": taught.asked, "ids": taught.ids, "failed": taught.failed})
