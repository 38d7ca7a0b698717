"""The front door of voters: requests come in as the line's do, and each ends in one answer and one record."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, final

import msgspec
from msgspec.structs import replace

from turnout.base.errors import BadRequest, Forbidden, Internal, NotFound, TurnoutError, Unavailable
from turnout.base.jsons import encode, excerpt
from turnout.contracts.archive import Archive
from turnout.domain.account import Generation, Key
from turnout.domain.account import Outcome as Ending
from turnout.domain.archive import ArchivedCompletion
from turnout.domain.chat import ChatRequest
from turnout.domain.query import DefinitionKind, Message, Roster
from turnout.engine.comments import Comments
from turnout.engine.house import Call, House
from turnout.query.answer import answer, format_hash
from turnout.query.asked import Asked, multichat_asked, query_asked, score_asked
from turnout.query.cache import VoteCache
from turnout.query.estimate import Estimator
from turnout.query.job import Job
from turnout.query.kinds import VOTERS, defined_by
from turnout.query.marking import Learner
from turnout.query.multichat import multichat
from turnout.query.outcome import Outcome, kept_ballot, uses_of
from turnout.query.preview import preview
from turnout.query.references import resolved_choices, resolved_messages
from turnout.query.registry import Registry, definition_in
from turnout.query.score import score
from turnout.query.shapes import Border
from turnout.query.stand_in import PREFIX, Opening, answer_chat, fail
from turnout.query.texts import content_text
from turnout.query.training import Training
from turnout.query.weighing import Weigher, Weights

__all__ = ["Voting"]

_Kind = Literal["query", "score", "multichat"]
_ASKED: dict[_Kind, Callable[[dict[str, Any]], Asked]] = {
    "query": query_asked,
    "score": score_asked,
    "multichat": multichat_asked,
}
_PREVIEW = 200
_MOST_QUESTIONS = 1024
_MOST_INLINE = 500
_CHAT_FIELDS = ("tools", "response_format", "seed", "service_tier", "user", "session_id", "logprobs", "top_logprobs")


@final
class Voting:
    """Serves what voters answer. *archive* keeps it, *registry* finds the voters, *weigher* says what they weigh.

    ``learner``, where set, hears of marked completions; ``training``, where set, has the training tables.
    """

    def __init__(self, house: House, registry: Registry, archive: Archive, weigher: Weigher, border: Border) -> None:
        self.weigher = weigher
        self.learner: Learner | None = None
        self.training: Training | None = None
        self.house = house
        self.registry = registry
        self._archive = archive
        self._border = border
        self._cache = VoteCache()
        self._inline: dict[tuple[str, str, bytes], Roster] = {}

    async def query(self, call: Call, house: House) -> None:
        """``POST /query/completions``."""
        await self._serve(call, house, lambda key: self._job("query", call, house, key))

    async def score(self, call: Call, house: House) -> None:
        """``POST /score/completions``."""
        await self._serve(call, house, lambda key: self._job("score", call, house, key))

    async def multichat(self, call: Call, house: House) -> None:
        """``POST /multichat/completions``."""
        await self._serve(call, house, lambda key: self._job("multichat", call, house, key))

    async def instead(self, call: Call, house: House) -> bool:
        """Answer a request of any chat family that names a Query model; False for one that does not."""
        if PREFIX.encode() not in call.body:
            return False
        try:
            request = call.surface.decode(call.body)
        except TurnoutError:
            return False
        if not (request.parameters.model or "").startswith(PREFIX) or request.wants != "text":
            return False
        await self._serve(call, house, lambda key: self._chat_job(call, house, key, request), request)
        return True

    async def estimate(self, kind: _Kind, body: bytes, key: Key) -> dict[str, Any]:
        """What the request in *body* may cost, by the catalog's prices; nobody is asked.

        Raises:
            TurnoutError: it would be refused.
        """
        asked, roster = await self._asked(kind, body, key)
        messages = await resolved_messages(asked.messages, self._archive, key.account_id)
        choices = await resolved_choices(asked.choices, self._archive, key.account_id)
        return preview(roster, asked, messages, choices, Estimator(self.house, key), all_answer=kind == "multichat")

    async def _job(self, kind: _Kind, call: Call, house: House, key: Key) -> Job:
        asked, roster = await self._asked(kind, call.body, key)
        return Job(kind, call, house, key, asked, roster, self._border)

    async def _asked(self, kind: _Kind, body: bytes, key: Key) -> tuple[Asked, Roster]:
        asked = _ASKED[kind](definition_in(body))
        roster = await self._roster(kind, asked.model, key.account_id)
        _refuse_crowd(asked, roster)
        return asked, roster

    async def _chat_job(self, call: Call, house: House, key: Key, request: ChatRequest) -> Job:
        """A Query completion whose winner is the answer."""
        fields = {name: msgspec.json.decode(value) for name, value in request.fields.items()}
        body = {name: fields[name] for name in _CHAT_FIELDS if fields.get(name) is not None}
        body |= {"messages": fields["messages"], "model": request.parameters.model}
        asked = replace(query_asked(body), stream=request.stream, request=fields)
        roster = await self._roster("query", asked.model, key.account_id)
        return Job("chat", call, house, key, asked, roster, self._border)

    async def _roster(self, kind: _Kind, reference: object, account_id: str) -> Roster:
        _, model = VOTERS[kind]
        if isinstance(reference, Mapping):
            return await self._inline_roster(model, reference, account_id)
        author, slash, name = str(reference).partition("/")
        if slash:
            reference = await self.registry.stored.named_definition(model, author, name)
            if reference is None:
                raise NotFound(f"{excerpt(author, 64)} calls no model {excerpt(name, 64)}")
        try:
            return await self.registry.roster(model, reference, account_id)
        except NotFound:
            if kind != "multichat":
                raise
        voting = await self.registry.find("score_model", str(reference))  # whose voters can answer too
        answering = defined_by("multichat_model", {"llms": [msgspec.to_builtins(llm) for llm in _llms(voting.roster)]})
        assert answering.roster is not None  # noqa: S101 - it is a model
        return answering.roster

    async def _inline_roster(self, model: DefinitionKind, definition: Mapping[str, Any], account_id: str) -> Roster:
        """The voters of a definition. Those used lately are known by their bytes: hashing many voters takes longer."""
        place = (model, account_id, encode(definition))
        roster = self._inline.get(place)
        if roster is None:
            roster = await self.registry.roster(model, definition, account_id)
            if len(self._inline) >= _MOST_INLINE:
                del self._inline[next(iter(self._inline))]
            self._inline[place] = roster
        return roster

    async def _serve(
        self, call: Call, house: House, make: Callable[[Key], Awaitable[Job]], request: ChatRequest | None = None
    ) -> None:
        """One request from the key to the record. Raises nothing but CancelledError."""
        try:
            house.admit()
            key = house.keys.peek(call.authorization) or await house.keys.find(call.authorization)
            _refuse_managers(key)
            job = await make(key)
        except TurnoutError as error:
            house.tally.refused(error.error_type)
            call.reply.refuse(error, None)
            return
        except Exception as error:  # noqa: BLE001 - the border of the route: a mistake of ours must not kill the connection
            house.report(_where(error))
            call.reply.refuse(Internal(), None)
            return
        house.tally.open_requests += 1
        comments = Comments(call.reply, Opening(job), house) if job.asked.stream else None
        try:
            outcome = await self._run(job)
            failure = None if outcome.error is None else outcome.error.error_type
            self._record(job, "answered" if failure is None else "failed", failure)
            if request is not None:
                answer_chat(job, outcome, request)
            else:
                job.finish(outcome.written, outcome.closing, outcome.error)
        except TurnoutError as error:
            self._record(job, "failed", error.error_type)
            fail(job, error, request)
        except asyncio.CancelledError:
            self._record(job, "cancelled", None)
            if not call.reply.gone:
                fail(job, Unavailable("The gateway is shutting down", retry_after=1), request)
            raise
        except Exception as error:  # noqa: BLE001 - the border of the route, as above
            house.report(_where(error))
            self._record(job, "failed", Internal.error_type)
            fail(job, Internal(), request)
        finally:
            house.tally.open_requests -= 1
            if comments is not None:
                comments.end()

    async def _run(self, job: Job) -> Outcome:
        """The whole completion, kept in the archive before its end is told."""
        asked, account = job.asked, job.key.account_id
        messages = await resolved_messages(asked.messages, self._archive, account)
        weights = await self._weights(job, messages)
        if job.kind == "score":
            choices = await resolved_choices(asked.choices, self._archive, account)
            outcome = await score(job, messages, choices, weights, self._cache)
        elif job.kind == "multichat":
            outcome = await multichat(job, messages, weights)
        else:
            outcome = await answer(job, messages, weights, self._cache)
        await self._keep(job, outcome, messages)
        return outcome

    async def _weights(self, job: Job, messages: Sequence[Message]) -> Weights:
        shape = None if job.kind in {"score", "multichat"} else format_hash(job.asked.response_format)
        with job.waiting():
            return await self.weigher(job.roster, messages, shape, job.key.account_id, job.line)

    async def _keep(self, job: Job, outcome: Outcome, messages: Sequence[Message]) -> None:
        """Note what was used, and what was said unless the client does not want that.

        A store that cannot be asked takes nothing away from the answer.
        """
        llms, model = VOTERS[job.kind]
        try:
            await self.registry.stored.add_uses(uses_of(job, outcome, llms, model))
            if outcome.error is None and job.asked.store:
                await self._archive.put_completion(_archived(job, outcome, messages))
        except Unavailable as error:
            self.house.report(_where(error))

    def _record(self, job: Job, ending: Ending, error_type: str | None) -> None:
        """The record of the request itself; what its voters used and cost stands in theirs."""
        house, call = job.house, job.call
        house.tally.request(ending)
        if error_type is not None:
            house.tally.refused(error_type)
        house.outbox.wake()
        common = job.asked.common
        house.recorder.add(
            Generation(
                id=job.generation_id,
                account_id=job.key.account_id,
                key_hash=job.key.hash,
                created=job.created,
                outcome=ending,
                api=job.kind if job.kind != "chat" else call.surface.name,
                requested_model=PREFIX + job.roster.id,
                model=PREFIX + job.roster.id,
                streamed=job.asked.stream,
                cancelled=ending == "cancelled",
                finish_reason="stop" if ending == "answered" else "error" if ending == "failed" else None,
                error_type=error_type,
                user=_text(common.get("user")),
                session_id=_text(common.get("session_id")),
                ended_ms=round((house.clock.monotonic() - call.arrived) * 1000, 3),
            )
        )


def _refuse_crowd(asked: Asked, roster: Roster) -> None:
    """Refuse what would ask too many questions at once."""
    questions = len(roster.voters) * asked.n * asked.passes
    if questions > _MOST_QUESTIONS:
        raise BadRequest(
            f"This would ask {questions} questions, and at most {_MOST_QUESTIONS} are asked: `n` is too large"
        )


def _refuse_managers(key: Key) -> None:
    if key.management:
        raise Forbidden("This is a management key: it manages, and calls no models")


def _archived(job: Job, outcome: Outcome, messages: Sequence[Message]) -> ArchivedCompletion:
    asked = job.asked
    last = next((message for message in reversed(messages) if message.get("role") == "user"), messages[-1])
    return ArchivedCompletion(
        id=job.id,
        kind=job.kind,
        account_id=job.key.account_id,
        created=job.created,
        model=job.roster.id,
        preview=content_text(last.get("content"))[:_PREVIEW],
        request=encode(asked.request).decode(),
        response=outcome.written.decode(),
        ballot=encode(kept_ballot(job, outcome, messages)).decode(),
    )


def _llms(roster: Roster | None) -> Sequence[Any]:
    return [] if roster is None else [voter.llm for voter in roster.voters]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _where(error: Exception) -> str:
    """The kind and place of a mistake, without its message: that may quote the request."""
    frames = "".join(traceback.format_tb(error.__traceback__)[-6:])
    return f"{type(error).__name__}\n{frames}"
