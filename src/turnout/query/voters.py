"""One question to one voter: a request down the ordinary line whose client is this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import final

from msgspec import Struct
from msgspec.structs import replace as altered

from turnout.base.errors import BadRequest, Internal, TurnoutError
from turnout.base.money import Pico
from turnout.contracts.reply import Flow
from turnout.domain.account import Generation
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.usage import NO_USAGE, Cost, Usage
from turnout.engine.house import Call, House, Recorder
from turnout.engine.line import serve
from turnout.query.merge import Merge

__all__ = ["EMBEDDING", "Heard", "InnerReply", "InnerSurface", "Line", "Listener", "Question"]

EMBEDDING = -1
"""Stands for a voter where an embeddings model is asked."""

Listener = Callable[[Sequence[Chunk]], None]
"""Gets the chunks of a streamed answer as they come."""

_NAME = "query"
_UNSENT = frozenset({b"x-openrouter-metadata", b"x-openrouter-experimental-metadata"})
"""Headers that are meant for the request as a whole."""


class Heard(Struct, frozen=True):
    """What became of one question. ``answer`` is None where there is an ``error``.

    ``cost`` is what was charged, for a question that failed or was withdrawn too.
    """

    generation_id: str | None = None
    answer: Completion | None = None
    error: TurnoutError | None = None
    usage: Usage = NO_USAGE
    cost: Pico = Pico(0)
    model: str = ""
    provider: str = ""
    created: int = 0


@final
class Line:
    """The ordinary line as the voters of one request use it: their generations name it as their parent.

    ``cost`` sums what all of them were charged with, whatever became of them.
    """

    def __init__(self, call: Call, house: House, parent_id: str | None) -> None:
        self.parent_id = parent_id
        self._records = _Records(house.recorder, parent_id)
        self._house = replace(house, recorder=self._records)
        self._questions: list[tuple[int, Question]] = []
        self._authorization = call.authorization
        self._headers: Mapping[bytes, bytes] = {
            name: value for name, value in call.headers.items() if name not in _UNSENT
        }

    @property
    def cost(self) -> Pico:
        """What has been charged so far, in pico-dollars."""
        return Pico(sum(record.cost for record in self._records.kept.values()))

    @property
    def records(self) -> Sequence[Generation]:
        """The generations of all questions that have ended."""
        return list(self._records.kept.values())

    def record(self, generation_id: str | None) -> Generation | None:
        """The record of a question that has ended."""
        return None if generation_id is None else self._records.kept.get(generation_id)

    def question(self, voter: int, request: ChatRequest, listener: Listener | None = None) -> Question:
        """*request* as a question to *voter* (its index, or ``EMBEDDING``) that can be asked once.

        *listener* hears a streamed answer while it comes.
        """
        question = Question(self, request, listener)
        self._questions.append((voter, question))
        return question

    def by_voter(self) -> Iterator[tuple[int, Generation]]:
        """The generations of all questions that have ended, each with the voter that was asked."""
        for voter, question in self._questions:
            record = self.record(question.generation_id)
            if record is not None:
                yield voter, record

    async def _serve(self, surface: InnerSurface, reply: InnerReply) -> None:
        clock = self._house.clock
        await serve(Call(surface, self._authorization, b"", reply, clock.monotonic(), self._headers), self._house)


@final
class Question:
    """One request of a voter: asked once, and withdrawn by cancelling after :meth:`withdraw`."""

    def __init__(self, line: Line, request: ChatRequest, listener: Listener | None) -> None:
        self.request = request
        self._line = line
        self._reply = InnerReply()
        self._surface = InnerSurface(request, listener)

    @property
    def generation_id(self) -> str | None:
        """The id of its record, once it has been accepted."""
        return None if self._surface.made is None else self._surface.made.generation_id

    async def ask(self) -> Heard:
        """The answer, or why there is none. Raises nothing but CancelledError."""
        await self._line._serve(self._surface, self._reply)  # noqa: SLF001 - two halves of one thing
        encoder, error = self._surface.made, self._reply.error
        if encoder is None:
            return Heard(error=error or Internal())
        record = self._line.record(encoder.generation_id)
        return Heard(
            generation_id=encoder.generation_id,
            answer=encoder.answer if error is None and encoder.error is None else None,
            error=error or encoder.error,
            usage=encoder.usage if record is None else record.usage,
            cost=Pico(0) if record is None else record.cost,
            model=encoder.model,
            provider=encoder.provider,
            created=encoder.created,
        )

    def withdraw(self) -> None:
        """Nobody waits for the answer any more."""
        self._reply.gone = True


@final
class _Records:
    """Passes generations on with the name of their parent, and keeps them for the sums."""

    def __init__(self, recorder: Recorder, parent_id: str | None) -> None:
        self.kept: dict[str, Generation] = {}
        self._recorder = recorder
        self._parent_id = parent_id

    @property
    def failing(self) -> bool:
        """No generation can be recorded at the moment."""
        return self._recorder.failing

    @failing.setter
    def failing(self, value: bool) -> None:  # the contract has an attribute here
        self._recorder.failing = value

    def add(self, generation: Generation) -> None:
        """Take *generation*."""
        named = altered(generation, parent_id=self._parent_id)
        self.kept[named.id] = named
        self._recorder.add(named)


@final
class InnerSurface:
    """The family of requests that are made within: of one that is made already, or of one for many voters."""

    name = _NAME

    def __init__(self, request: ChatRequest | None = None, listener: Listener | None = None) -> None:
        self.made: _Encoder | None = None
        self._request = request
        self._listener = listener

    def decode(self, body: bytes) -> ChatRequest:  # noqa: ARG002 - of a surface
        """The request. Raises Internal: it is not one."""
        if self._request is None:
            raise Internal
        return self._request

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> _Encoder:  # noqa: ARG002 - as above
        """What keeps the answer."""
        self.made = _Encoder(generation_id, created, self._listener)
        return self.made

    def refusal(self, error: TurnoutError, generation_id: str | None) -> tuple[int, bytes]:  # noqa: ARG002 - as above
        """Nobody reads it."""
        raise BadRequest(error.message)


@final
class _Encoder:
    """Keeps an answer as it is, instead of writing it."""

    def __init__(self, generation_id: str, created: int, listener: Listener | None) -> None:
        self.generation_id = generation_id
        self.created = created
        self.answer: Completion | None = None
        self.error: TurnoutError | None = None
        self.usage = NO_USAGE
        self.model = self.provider = ""
        self._listener = listener
        self._merge = Merge()

    def served_by(self, model: str, provider_name: str) -> None:
        """Note who answers."""
        self.model, self.provider = model, provider_name

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:  # noqa: ARG002 - of an encoder
        """Keep the answer."""
        self.answer, self.usage = completion, usage
        return b"{}"

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:
        """Put the answer together, and let the listener hear."""
        for chunk in chunks:
            self._merge.take(chunk)
        if self._listener is not None:
            self._listener(chunks)
        return b""

    def end(self, usage: Usage, price: Cost) -> bytes:  # noqa: ARG002 - of an encoder
        """Keep the answer."""
        self.answer, self.usage = self._merge.completion(), usage
        return b"{}\n\n"

    def failed(self, error: TurnoutError) -> bytes:
        """Keep the error, and what had come before it."""
        self.error = error
        return b"{}\n\n"


@final
class InnerReply:
    """A client within: keeps what it gets in one piece."""

    def __init__(self) -> None:
        self.flow: Flow | None = None
        self.gone = self.started = False
        self.written = 0
        self.more = b""
        self.body: bytes | None = None
        self.error: TurnoutError | None = None

    def whole(self, generation_id: str, overhead_ms: float, body: bytes, dropped: str) -> None:  # noqa: ARG002 - of a reply
        """The answer."""
        self.body = body

    def start(self, generation_id: str, overhead_ms: float, dropped: str, media_type: bytes = b"") -> None:  # noqa: ARG002 - as above
        """The answer begins."""
        self.started = True

    def write(self, data: bytes) -> None:  # noqa: ARG002 - the encoder has it
        """The answer goes on."""
        self.written += 1

    def finish(self, data: bytes) -> None:
        """The encoder has it."""

    def cut(self) -> None:
        """There is no sound here."""

    def refuse(self, error: TurnoutError, generation_id: str | None) -> None:  # noqa: ARG002 - the encoder has it
        """There is no answer."""
        self.error = error
