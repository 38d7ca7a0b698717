"""``/feedback`` and ``/auto``: how good answers were, and what the auto router has made of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, final

import msgspec
from fastapi import FastAPI, Request, Response
from msgspec import Meta, Struct

from turnout.api.generations import FindGeneration
from turnout.api.moments import moment_text
from turnout.api.office import Office, Routes, body_of, json_reply, parameters
from turnout.base.errors import BadRequest, NotFound
from turnout.base.jsons import encode
from turnout.domain.account import Generation
from turnout.domain.activity import Search
from turnout.domain.routed import Feedback
from turnout.engine.auto_router import AutoRouter, shares_of, text_in
from turnout.engine.auto_signs import Signs

__all__ = ["Teaching", "add_auto"]

_MOST_BYTES: Final = 262_144
_MOST_ROWS: Final = 2_000
_MOST_DECISIONS: Final = 100
_MOST_READ: Final = 200
_BODY: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["generation_id", "score"],
    "properties": {
        "generation_id": {"type": "string"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "comment": {"type": "string", "maxLength": 2000},
        "task_type": {"type": "string"},
        "prompt": {"type": "string"},
    },
}


class _Said(Struct, frozen=True, forbid_unknown_fields=True):
    """``prompt`` and ``task_type`` help where a request named its model: the prompt is looked at, and not kept."""

    generation_id: Annotated[str, Meta(min_length=1, max_length=128)]
    score: Annotated[float, Meta(ge=0, le=1)]
    comment: Annotated[str, Meta(max_length=2000)] = ""
    task_type: Annotated[str, Meta(max_length=64)] | None = None
    prompt: str | None = None


class Teaching(Struct, frozen=True):
    """What the routes work with. ``figures`` reads those of an evaluation, if there are any; a file, so in a thread."""

    router: AutoRouter
    signs: Signs
    figures: Callable[[], Mapping[str, Any] | None]


def add_auto(
    app: FastAPI, mount: str, office: Office, find: FindGeneration, teaching: Teaching, *, hidden: bool
) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "auto router", hidden=hidden)
    desk = _Auto(office, find, teaching)
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}}}
    routes.add("POST", "/feedback", desk.judge, body)
    routes.add("GET", "/feedback", desk.page, parameters("limit", "cursor", "account_id"))
    routes.add("GET", "/auto", desk.state, parameters("account_id"))


@final
class _Auto:
    """The routes' own functions."""

    def __init__(self, office: Office, find: FindGeneration, teaching: Teaching) -> None:
        self._office = office
        self._find = find
        self._teaching = teaching

    async def judge(self, request: Request) -> Response:
        """Say how good an answer was, from 0 to 1: the auto router learns from it, for this account alone.

        `task_type` or `prompt` tell what kind of work it was, where the request named its model. Nothing of the prompt
        is kept.
        """
        caller = await self._office.caller(request)
        try:
            said = msgspec.json.decode(await body_of(request, _MOST_BYTES), type=_Said)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(f"The body makes no sense: {str(error).replace('$.', '')}") from None
        generation = await self._find(said.generation_id, caller.account_id)
        if generation is None:
            raise NotFound("There is no generation of that id")
        if generation.outcome != "answered" or not generation.model:
            raise BadRequest("Nothing has answered in that generation")
        tasks = await self._tasks_of(said, generation)
        self._teaching.signs.judged(generation.id)
        row = Feedback(
            account_id=caller.account_id,
            generation_id=generation.id,
            key_hash=caller.hash,
            model=generation.model,
            score=said.score,
            tasks=encode(tasks).decode(),
            propensity=1.0 if generation.routed is None else generation.routed.propensity,
            comment=said.comment,
            created=self._office.clock.wall(),
        )
        await self._office.store.add_feedback([row])
        told = {"generation_id": row.generation_id, "model": row.model, "score": row.score}
        return json_reply({"data": told | {"task_type": tasks[0][0] if tasks else None}})

    async def page(self, request: Request) -> Response:
        """Judgements and signs of an account, newest first. Needs a management key."""
        manager = await self._office.manager(request)
        limit, cursor = request.query_params.get("limit") or "50", request.query_params.get("cursor") or ""
        if not (limit.isascii() and limit.isdecimal() and len(limit) < 4 and 1 <= int(limit) <= _MOST_READ):
            raise BadRequest(f"`limit` must be a whole number from 1 to {_MOST_READ}")
        if cursor and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
            raise BadRequest("`cursor` must be the `next_cursor` of an earlier page")
        store = self._office.store
        rows = await store.latest_feedback(manager.about.id, int(limit), int(cursor) if cursor else None)
        leads_on = rows[-1].number if len(rows) == int(limit) else None
        return json_reply({"data": [_shown(row) for row in rows], "next_cursor": leads_on})

    async def state(self, request: Request) -> Response:
        """What the auto router knows, what an account has told it, and what it has decided lately.

        Needs a management key.
        """
        manager = await self._office.manager(request)
        about, store, router = manager.about.id, self._office.store, self._teaching.router
        rows = await store.latest_feedback(about, _MOST_ROWS)
        recent = await store.find_generations(Search(account_id=about), _MOST_READ)
        decisions = [one for one in recent.generations if one.routed is not None]
        compared = [one for one in decisions if one.routed is not None and one.routed.shadow]
        agreed = sum(one.routed is not None and one.routed.shadow == one.routed.models[0] for one in compared)
        known = next(iter(router.learned.values()), None)
        return json_reply(
            {
                "data": {
                    "ready": known is not None,
                    "models": 0 if known is None else len(known.places),
                    "policies": {name: _policy(router, name) for name in router.policies},
                    "shadow": router.shadow,
                    "experience": _experience(rows),
                    "feedback": {"rows": len(rows), "by_source": Counter(row.source for row in rows)},
                    "decisions": [_decision(one) for one in decisions[:_MOST_DECISIONS]],
                    "compared": {"decisions": len(compared), "agreed": agreed},
                    "figures": await asyncio.to_thread(self._teaching.figures),
                }
            }
        )

    async def _tasks_of(self, said: _Said, generation: Generation) -> tuple[tuple[str, float], ...]:
        """The kinds of work that the prompt probably was."""
        if said.task_type is not None:
            kinds = await asyncio.to_thread(_kinds)
            if said.task_type not in kinds:
                raise BadRequest(f"`task_type` must be one of {', '.join(kinds)}")
            return ((said.task_type, 1.0),)
        if generation.routed is not None and generation.routed.tasks:
            return generation.routed.tasks
        text = said.prompt
        if text is None:
            messages = self._teaching.signs.prompt(generation.account_id, generation.id)
            text = None if messages is None else text_in(messages)
        return () if text is None else await asyncio.to_thread(_told_by, text)


def _kinds() -> tuple[str, ...]:
    """All kinds of work. Loads numpy the first time: not on the event loop."""
    from turnout.auto.tasks import TASKS  # noqa: PLC0415 - it brings numpy, which few need

    return TASKS


def _told_by(text: str) -> tuple[tuple[str, float], ...]:
    from turnout.auto.tasks import shared_tasks  # noqa: PLC0415 - as above

    return shares_of(shared_tasks().task_of(text).shares)


def _policy(router: AutoRouter, name: str) -> dict[str, Any]:
    policy, learned = router.policies[name], router.learned.get(name)
    table = None
    if learned is not None:
        held = learned.brain.table
        sources = list(held.sources)
        table = {"made": held.made, "prompts": len(held.vectors), "models": len(held.models), "sources": sources}
    return {"tradeoff": policy.tradeoff, "explore": policy.explore, "table": table}


def _experience(rows: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - rows of feedback
    """Means by kind of work and model, judgements and signs by their weights."""
    sums: dict[tuple[str | None, str], list[float]] = {}
    for row in rows:
        cell = sums.setdefault((_task(row), row.model), [0.0, 0.0, 0])
        cell[0] += row.score * row.weight
        cell[1] += row.weight
        cell[2] += 1
    return [
        {"task_type": task, "model": model, "score": round(total / max(1e-9, weight), 4), "rows": count}
        for (task, model), (total, weight, count) in sorted(sums.items(), key=lambda one: (str(one[0][0]), one[0][1]))
    ]


def _task(row: Feedback) -> str | None:
    tasks: list[tuple[str, float]] = msgspec.json.decode(row.tasks)
    return tasks[0][0] if tasks else None


def _shown(row: Feedback) -> dict[str, Any]:
    return {
        "number": row.number,
        "generation_id": row.generation_id or None,
        "model": row.model,
        "score": row.score,
        "weight": row.weight,
        "source": row.source,
        "task_type": _task(row),
        "comment": row.comment,
        "created_at": moment_text(row.created),
    }


def _decision(one: Generation) -> dict[str, Any]:
    routed = one.routed
    assert routed is not None  # noqa: S101 - only such are shown
    return {
        "generation_id": one.id,
        "created_at": moment_text(one.created),
        "router": routed.router,
        "model": one.model,
        "task_type": routed.task or None,
        "reason": routed.reason,
        "propensity": routed.propensity,
        "expected_quality": routed.quality,
        "expected_cost": routed.cost,
        "shadow": routed.shadow or None,
    }
