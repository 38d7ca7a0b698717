"""A Query model in the place of an ordinary one: its winning answer in the words of the family that asked."""

from __future__ import annotations

from msgspec import Raw
from msgspec.structs import replace

from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, ChunkChoice, Completion
from turnout.query.job import Job
from turnout.query.outcome import Outcome

__all__ = ["PREFIX", "Opening", "answer_chat", "fail"]

PREFIX = "query/"
"""How the name of a Query model begins where an ordinary model is asked for."""

_METADATA_SURFACES = frozenset({"chat", "completions"})
_END = b"}\n\n"


class Opening:
    """A job as the head of its answer knows it."""

    def __init__(self, job: Job) -> None:
        self.id = job.generation_id
        self.overhead_ms = job.overhead_ms


def answer_chat(job: Job, outcome: Outcome, request: ChatRequest) -> None:
    """The winning answer in the words of the family that asked, with what is known of it in ``metadata``."""
    call, choice = job.call, outcome.winner
    if outcome.error is not None or choice is None:
        fail(job, outcome.error or TurnoutError("No answer has won"), request)
        return
    encoder = call.surface.encoder(job.generation_id, int(job.created), request)
    encoder.served_by(PREFIX + job.roster.id, "Turnout")
    metadata = {
        "completion_id": job.id,
        "confidence": outcome.body["ballot"]["confidence"],
        "ballot": outcome.body["ballot"],
    }
    known = call.surface.name in _METADATA_SURFACES
    only = replace(choice, index=0)
    reply = call.reply
    if not request.stream:
        body = encoder.whole(Completion([only], outcome.usage), outcome.usage, outcome.price)
        body = body.rstrip()[:-1] + b',"metadata":%b}' % encode(metadata) if known else body
        reply.whole(job.generation_id, job.overhead_ms(), body, "")
        return
    if not reply.started:
        reply.start(job.generation_id, job.overhead_ms(), "")
    delta = Raw(encode({name: value for name, value in only.message.items() if bytes(value) != b"null"}))
    chunks = [
        Chunk([ChunkChoice(delta, 0, None, None, only.logprobs)]),
        Chunk([ChunkChoice(Raw(b"{}"), 0, only.finish_reason or "stop", only.native_finish_reason)]),
    ]
    reply.write(encoder.chunks(chunks))
    last = encoder.end(outcome.usage, outcome.price)
    if known:
        before, end, after = last.rpartition(_END)
        last = before + b',"metadata":' + encode(metadata) + end + after if end else last
    reply.finish(last)


def fail(job: Job, error: TurnoutError, request: ChatRequest | None) -> None:
    """The end of a request without an answer."""
    reply = job.call.reply
    if request is None or not reply.started:
        job.fail(error)
        return
    encoder = job.call.surface.encoder(job.generation_id, int(job.created), request)
    encoder.served_by(PREFIX + job.roster.id, "Turnout")
    reply.finish(encoder.failed(error))
