"""Teaching voters from outside: rows that are told, voters that are asked for them, and what they weigh after that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

from msgspec import Struct
from msgspec.structs import asdict

from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, NotFound, TurnoutError
from turnout.base.jsons import encode
from turnout.contracts.archive import Archive
from turnout.domain.account import Key
from turnout.domain.query import QueryModel, Roster
from turnout.domain.training import TrainingTable
from turnout.query.asking import ask_voters, line_for
from turnout.query.fitting import Quality
from turnout.query.front import Voting
from turnout.query.lessons import Lesson, format_of, lesson_of, lines_of, messages_of, row_of, shown_row
from turnout.query.marking import mark
from turnout.query.rules import Fields, refused
from turnout.query.tables import Held
from turnout.query.texts import prompt_text
from turnout.query.training import Training, embeddings_model_of, table_of

__all__ = ["Pupil", "Taught", "Teaching", "quality_fields"]

_AT_ONCE: Final = 8
_MOST_ASKED: Final = 1000
_MOST_ROWS: Final = 10_000
_PAGE: Final = 500
_MARKS: Final = ("choice_index", "correct_vote", "correct_confidence_id")


class Pupil(NamedTuple):
    """Whose table is taught: its key, and the header that the key came in."""

    key: Key
    authorization: bytes | None


class Taught(Struct):
    """What became of rows: ids of those that are kept, and by place what went wrong with the others."""

    ids: list[str]
    asked: int
    failed: list[dict[str, Any]]


@final
class Teaching:
    """Everything about training tables that a client can ask for."""

    def __init__(self, voting: Voting, training: Training, archive: Archive, clock: Clock) -> None:
        self.training = training
        self._voting = voting
        self._archive = archive
        self._clock = clock

    async def tables(self, account_id: str, count: int, offset: int) -> Sequence[TrainingTable]:
        """The tables of an account, newest first."""
        return await self.training.stored.training_tables(account_id, count=count, offset=offset)

    async def table(self, account_id: str, table_id: str) -> TrainingTable:
        """One table. Raises NotFound: the account has none of that id."""
        table = await self.training.stored.training_table(account_id, table_id)
        if table is None:
            raise NotFound("There is no training table of that id")
        return table

    async def statistics(self, account_id: str, table_id: str, model: str | None = None) -> dict[str, Any]:
        """What voters got right, and how good confidences are with and without what they have learned.

        Raises:
            NotFound: the account has no such table.
        """
        table = await self.table(account_id, table_id)
        held = await self.training.held(account_id, table_id)
        if held is None:
            raise NotFound("There is no training table of that id")
        roster = await self.training.roster(table_id, table, model)
        judged = await self.training.judged(account_id, roster)
        found: dict[str, Any] = {"model": roster.id, "llms": _records(held, roster)}
        if judged is not None and judged.quality is not None:
            found["quality"] = quality_fields(judged.quality)
        if judged is not None and judged.base is not None:
            found["quality_of_base_weights"] = quality_fields(judged.base)
        return found

    async def rows(
        self, account_id: str, table_id: str, after: tuple[int, str], count: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Rows in the order in which they were written, and where the next page begins. Raises NotFound."""
        await self.table(account_id, table_id)
        rows = await self.training.stored.training_rows(account_id, table_id, after=after, count=count)
        place = f"{rows[-1].revision}.{rows[-1].id}" if len(rows) == count else None
        return [shown_row(row, whole=False) for row in rows], place

    async def export(self, account_id: str, table_id: str) -> AsyncIterator[bytes]:
        """All rows with their vectors, one JSON object in a line."""
        after = (-1, "")
        while rows := await self.training.stored.training_rows(account_id, table_id, after=after, count=_PAGE):
            yield b"".join(encode(shown_row(row, whole=True)) + b"\n" for row in rows)
            after = (rows[-1].revision, rows[-1].id)

    async def add(self, pupil: Pupil, table_id: str, body: Mapping[str, Any]) -> Taught:
        """Add the rows in *body*: ``rows``, or one in the body itself; or mark a completion by ``completion_id``.

        Rows without ``votes`` have the voters asked, unless ``ask`` is false.

        Raises:
            BadRequest: with the field, the rule and the value.
            NotFound: there is no such completion, or no model that learns here.
        """
        if "rows" not in body and "completion_id" in body and any(name in body for name in _MARKS):
            return await self._mark(pupil, body)
        fields = Fields(body)
        model, ask = fields.text("model"), fields.flag("ask")
        given: object = fields.take("rows")
        if given is None:
            given = [{name: value for name, value in body.items() if name not in {"model", "ask", "rows"}}]
        else:
            fields.end()
        if not isinstance(given, list) or not given:
            raise refused("rows", "must be a list of rows", given)
        if len(given) > _MOST_ROWS:
            raise refused("rows", f"must have at most {_MOST_ROWS} entries", len(given), at="len(rows)")
        roster = await self._roster(pupil.key.account_id, table_id, model)
        alone = "rows" not in body
        named = [("" if alone else f"rows[{place}]", one) for place, one in enumerate(given)]
        lessons = await asyncio.to_thread(lambda: [lesson_of(one, place, roster) for place, one in named])
        return await self._teach(pupil, roster, lessons, ask=ask is not False)

    async def load(self, pupil: Pupil, table_id: str, text: bytes, model: str | None) -> Taught:
        """Add rows as :meth:`export` writes them; nobody is asked.

        Raises:
            BadRequest: a line is none; the message names it.
        """
        roster = await self._roster(pupil.key.account_id, table_id, model)
        lessons = await asyncio.to_thread(lambda: [lesson_of(value, place, roster) for place, value in lines_of(text)])
        return await self._teach(pupil, roster, lessons, ask=False)

    async def preview(self, pupil: Pupil, table_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What voters would weigh for a prompt, and why. ``leave_out`` passes over rows of the same prompt.

        Raises:
            BadRequest: with the field, the rule and the value.
            NotFound: no model learns here.
        """
        fields = Fields(body)
        messages, model = messages_of(fields), fields.text("model")
        form, leave_out = fields.take("response_format"), fields.flag("leave_out")
        fields.end()
        roster = await self._roster(pupil.key.account_id, table_id, model)
        prompt = prompt_text(messages)
        shape = format_of(form, roster)
        vector = await self.training.vector(roster, prompt, line_for(self._voting, pupil.authorization))
        evidence = await self.training.evidence(
            roster, pupil.key.account_id, vector.packed, shape, leave_out=prompt if leave_out else None
        )
        llms = [
            {"index": voter.index, "id": voter.id, "base_id": voter.base_id, "model": voter.llm.slug} | asdict(one)
            for voter, one in zip(roster.voters, evidence, strict=True)
        ]
        usage = None if vector.answer is None else vector.answer["usage"]
        return {"training_table": table_id, "model": roster.id, "llms": llms, "usage": usage}

    async def _roster(self, account_id: str, table_id: str, model: str | None) -> Roster:
        table = await self.training.stored.training_table(account_id, table_id)
        return await self.training.roster(table_id, table, model)

    async def _mark(self, pupil: Pupil, body: Mapping[str, Any]) -> Taught:
        truth = dict(body)
        name = Fields(truth).needed("completion_id")
        del truth["completion_id"]
        kept = await self._archive.completion(name, pupil.key.account_id)
        if kept is None or kept.account_id != pupil.key.account_id:
            raise NotFound("There is no completion of that id")
        await mark(self._archive, kept, truth, self._clock.wall(), self.training)
        return Taught([name], 0, [])

    async def _teach(self, pupil: Pupil, roster: Roster, lessons: Sequence[Lesson], *, ask: bool) -> Taught:
        done = Taught([], 0, [])
        waiting = [(place, one) for place, one in enumerate(lessons) if one.votes is None and one.messages and ask]
        if len(waiting) > _MOST_ASKED:
            raise BadRequest(f"At most {_MOST_ASKED} rows can be asked at once; the others need `votes`")
        asked = {place for place, _ in waiting}
        told = [(place, one) for place, one in enumerate(lessons) if place not in asked]
        await self._each(told, lambda one: self._embed(pupil, roster, one), done)
        failed = {one["index"] for one in done.failed}
        now = self._clock.wall()
        kept = [one for place, one in told if place not in failed]
        rows = await asyncio.to_thread(lambda: [row_of(one, now) for one in kept])
        if rows:
            await self.training.put(table_of(roster, pupil.key.account_id, now), rows, roster)
        done.ids += [row.id for row in rows]

        async def one_asked(lesson: Lesson) -> None:
            done.ids.append(await self._ask(pupil, roster, lesson))
            done.asked += 1

        await self._each(waiting, one_asked, done)
        return done

    async def _each(self, lessons: Sequence[tuple[int, Lesson]], work: Any, done: Taught) -> None:  # noqa: ANN401 - a coroutine function
        """Do *work* on each lesson, some at a time; what fails is noted."""
        left = iter(lessons)

        async def worker() -> None:
            for place, lesson in left:
                await asyncio.sleep(0)  # others have their turn between any two
                try:
                    await work(lesson)
                except TurnoutError as error:
                    done.failed.append({"index": place, "error_type": error.error_type, "message": error.message})

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(lessons))):
                group.create_task(worker())

    async def _embed(self, pupil: Pupil, roster: Roster, lesson: Lesson) -> None:
        if lesson.embedding or not embeddings_model_of(roster)[0]:
            return
        line = line_for(self._voting, pupil.authorization)
        lesson.embedding = (await self.training.vector(roster, lesson.prompt, line)).packed

    async def _ask(self, pupil: Pupil, roster: Roster, lesson: Lesson) -> str:
        """Have the voters answer, and tell them what was right; the id of the completion."""
        body: dict[str, Any] = {"messages": lesson.messages, "model": roster.id}
        query = isinstance(roster.model, QueryModel)
        if query:
            body |= {"response_format": lesson.response_format} if lesson.response_format else {}
        else:
            body["choices"] = lesson.options
        answer = await ask_voters(self._voting, "query" if query else "score", pupil.authorization, body)
        name: str = answer["id"]
        kept = await self._archive.completion(name, pupil.key.account_id)
        if kept is None:
            raise NotFound("The completion was not kept")
        options = answer["ballot"].get("confidence_ids") or []
        right = lesson.options[0] if query and lesson.right is not None else None
        if query and right not in options:  # all of them are wrong, which is a lesson too
            await self.training.learn(kept, [0.0] * len(options))
            return name
        truth: dict[str, Any] = {"correct_confidence_id": right} if query else {"correct_vote": list(lesson.truth)}
        await mark(self._archive, kept, truth, self._clock.wall(), self.training)
        return name


def quality_fields(quality: Quality) -> dict[str, Any]:
    """*quality* as clients read it."""
    return asdict(quality) | {
        "bins": [asdict(one) for one in quality.bins],
        "calibrated_bins": [asdict(one) for one in quality.calibrated_bins],
    }


def _records(held: Held, roster: Roster) -> list[dict[str, Any]]:
    """Each voter that has voted on a row, those of *roster* first."""
    slugs = {voter.base_id: voter.llm.slug for voter in roster.voters}
    names = dict.fromkeys([*slugs, *sorted(held.records)])
    found: list[dict[str, Any]] = []
    for name in names:
        record = held.records.get(name)
        votes = 0 if record is None else record.votes
        rate = None if record is None or not votes else record.matched / votes
        found.append({"llm": name, "model": slugs.get(name), "votes": votes, "match_rate": rate})
    return found
