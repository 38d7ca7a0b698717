"""The attempts of a request for vectors: split where a provider takes less at once, and put together again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from turnout.base.errors import NoEndpoints, TurnoutError, UpstreamError
from turnout.base.jsons import BadJSON
from turnout.base.vectors import in_form
from turnout.contracts.provider import Batch, Embedder
from turnout.domain.completion import NULL, Choice, Completion
from turnout.domain.embedding import EmbeddingRequest, Input
from turnout.domain.routing import Candidate
from turnout.domain.usage import Usage
from turnout.engine.relay import Whole
from turnout.engine.trip import Trip
from turnout.engine.why import spliced

__all__ = ["embed", "parts_of"]

_OK = 200
_AT_ONCE = 8
"""Calls of one request that may be under way at a time."""
_BREATH = 16
"""Vectors that are converted before others get their turn."""
_BYTES_PER_TOKEN = 4
_FEWEST_BYTES_PER_TOKEN = 2
"""Of most texts a token is more: a batch had better be too small than be refused."""


class _Answer(NamedTuple):
    """What a call, or all of them together, brought; *dropped* as :class:`Outgoing` has it."""

    completion: Completion
    dropped: tuple[str, ...]


async def embed(trip: Trip, request: EmbeddingRequest) -> None:
    """Try the candidates for all vectors: those of different endpoints are never mixed.

    Raises:
        UpstreamError: all of them failed.
        NoEndpoints: none of them has embeddings.
        BadRequest: one of them has no words for the request.
    """
    draft = trip.draft
    _leave_out_the_mute(trip)
    for candidate in trip.candidates():
        try:
            answer = await _attempt(trip, request, candidate)
        except UpstreamError as error:
            trip.failed(candidate, error)
            continue
        completion = answer.completion
        draft.note(completion)
        usage = completion.usage or _estimate(request)
        price = draft.answered(usage)
        trip.encoder.served_by(candidate.model.id, candidate.provider.name)
        body = trip.encoder.whole(completion, usage, price)
        if trip.told is not None:
            body = spliced(body, trip.metadata(candidate))
        trip.stay(candidate, usage)
        trip.call.reply.whole(draft.id, draft.overhead_ms(), body, ",".join(answer.dropped))
        return
    raise trip.exhausted()


def parts_of(inputs: Sequence[Input], batch: Batch) -> list[slice]:
    """*inputs* in slices that *batch* takes, in their order. An input that alone is too long is left to the provider's
    own judgement.
    """
    if batch.tokens is None:
        count, most = len(inputs), batch.inputs
        return [slice(start, min(start + most, count)) for start in range(0, count, most)]
    parts: list[slice] = []
    start = held = 0
    for place, one in enumerate(inputs):
        tokens = _most_tokens(one)
        if place - start == batch.inputs or (held + tokens > batch.tokens and place > start):
            parts.append(slice(start, place))
            start, held = place, 0
        held += tokens
    parts.append(slice(start, len(inputs)))
    return parts


def _most_tokens(one: Input) -> int:
    if isinstance(one, str):
        return (len(one) if one.isascii() else len(one.encode())) // _FEWEST_BYTES_PER_TOKEN + 1
    return len(one) if one is not None else 0


def _leave_out_the_mute(trip: Trip) -> None:
    """Leave out those whose dialect has no embeddings."""
    able = trip.rails.embedders
    plan = trip.plan
    speaking = tuple(one for one in plan.candidates if one.access in able)
    if not speaking:
        named = ", ".join(dict.fromkeys(one.provider.name for one in plan.candidates))
        raise NoEndpoints(f"No embeddings can be had of {named}")
    if len(speaking) < len(plan.candidates):
        trip.plan = replace(plan, candidates=speaking)


async def _attempt(trip: Trip, request: EmbeddingRequest, candidate: Candidate) -> _Answer:
    """All vectors of one endpoint. Raises UpstreamError: a call failed."""
    embedder, endpoint = trip.rails.embedders[candidate.access], candidate.endpoint
    if embedder.prepare is not None:
        request = await embedder.prepare(request, endpoint)
    parts = parts_of(request.inputs, embedder.batch(endpoint, request))
    if len(parts) == 1:
        return await _call(trip, request, slice(0, len(request.inputs)), candidate)
    answers: list[_Answer | None] = [None] * len(parts)
    waiting = iter(enumerate(parts))

    async def work() -> None:
        for place, part in waiting:
            answers[place] = await _call(trip, request, part, candidate)

    failures: Sequence[BaseException] = ()
    try:
        async with asyncio.timeout(candidate.provider.timeouts.total), asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(parts))):
                group.create_task(work())
    except* TurnoutError as group_of_errors:
        failures = group_of_errors.exceptions
    except* TimeoutError:
        failures = (UpstreamError("The provider took too long", error_type="timeout", may_be_billed=True),)
    if failures:
        error = failures[0]
        if isinstance(error, UpstreamError) and any(answer is not None for answer in answers):
            error.may_be_billed = True
        raise error
    return _together([answer for answer in answers if answer is not None])


async def _call(trip: Trip, request: EmbeddingRequest, part: slice, candidate: Candidate) -> _Answer:
    """The vectors of one part. Raises UpstreamError: it failed, or the answer holds more or less than that."""
    embedder, timeouts = trip.rails.embedders[candidate.access], candidate.provider.timeouts
    outgoing = embedder.outgoing(request, part, candidate.endpoint)
    message = b"%b%d\r\n\r\n%b" % (outgoing.head, len(outgoing.body), outgoing.body)
    sink = Whole(trip.draft, trip.house)
    await trip.house.client.exchange(trip.rails.origins[candidate.access], message, sink, timeouts, timeouts.whole)
    completion = _read(embedder, sink)
    if len(completion.choices) != part.stop - part.start:
        raise _nonsense()
    await _convert(completion.choices, base64=request.base64)
    return _Answer(completion, outgoing.dropped)


def _read(embedder: Embedder, sink: Whole) -> Completion:
    if sink.status == _OK:
        return embedder.vectors(sink.body(), sink.headers)
    hint = sink.headers.get(b"retry-after")
    raise embedder.failure(sink.status, hint.decode("latin-1") if hint else None, sink.body())


async def _convert(choices: Sequence[Choice], *, base64: bool) -> None:
    """Put every vector into the form that is wanted. Raises UpstreamError: one is none."""
    converted = 0
    for choice in choices:
        vector = choice.message.get("embedding", NULL)
        try:
            wanted = in_form(vector, base64=base64)
        except BadJSON:
            raise _nonsense() from None
        if wanted is not vector:
            choice.message["embedding"] = wanted
            converted += 1
            if converted % _BREATH == 0:
                await asyncio.sleep(0)


def _together(answers: Sequence[_Answer]) -> _Answer:
    """One answer of the parts; its usage is their sum, or None where one has none."""
    usages = [answer.completion.usage for answer in answers]
    choices = [choice for answer in answers for choice in answer.completion.choices]
    for place, choice in enumerate(choices):
        choice.index = place
    first = answers[0].completion
    whole = Completion(choices, _sum([one for one in usages if one is not None]), first.upstream_id)
    if None in usages:
        whole.usage = None
    return _Answer(whole, answers[0].dropped)


def _sum(usages: Sequence[Usage]) -> Usage:
    return Usage(
        fresh=sum(usage.fresh for usage in usages),
        cache_read=sum(usage.cache_read for usage in usages),
        audio_prompt=sum(usage.audio_prompt for usage in usages),
        estimated=any(usage.estimated for usage in usages),
    )


def _estimate(request: EmbeddingRequest) -> Usage:
    """Our own count, for a provider that sends none: tokens where we have them, else four bytes to a token."""
    tokens = sum(len(one) for one in request.inputs if isinstance(one, list))
    return Usage(fresh=tokens or -(-request.prompt_bytes // _BYTES_PER_TOKEN), estimated=True)


def _nonsense() -> UpstreamError:
    return UpstreamError("The provider's answer makes no sense", may_be_billed=True)
