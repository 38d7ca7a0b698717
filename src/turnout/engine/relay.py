"""An answer on its way from the provider to the client: whole, or chunk by chunk."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec import Raw

from turnout.base.errors import UpstreamError
from turnout.base.limits import MAX_UPSTREAM_ERROR_BYTES, MAX_UPSTREAM_REPLY_BYTES
from turnout.contracts.plugin import StreamFilter
from turnout.contracts.provider import Adapter, VerbatimDecoder
from turnout.contracts.reply import Reply
from turnout.contracts.surface import Encoder
from turnout.domain.completion import Chunk, ChunkChoice, Completion
from turnout.domain.usage import NO_USAGE, Usage
from turnout.engine.draft import Draft
from turnout.engine.house import House
from turnout.engine.recall import Thoughts
from turnout.net.client import Exchange

__all__ = ["Relay", "Whole", "estimate", "refuse_blank"]

_OK = 200
_EMPTY_DELTA = len(b'{"content":""}')
_PLAIN = (None, b"identity")
_SPEAKING_ENDS = frozenset({"length", "content_filter", "tool_calls"})
_decode_delta = msgspec.json.Decoder(dict[str, object]).decode


class Whole:
    """Collects an answer that is of use only when it is complete."""

    __slots__ = ("_draft", "_house", "_parts", "_size", "dropped", "headers", "status", "verbatim")

    def __init__(self, draft: Draft, house: House) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.dropped = ""
        self.verbatim = False
        self._draft = draft
        self._house = house
        self._parts: list[bytes] = []
        self._size = 0

    def announce(self, dropped: str, *, verbatim: bool = False) -> None:
        """Parameters that the provider does not get, for the head of the reply; whether the answer goes on as it is."""
        self.dropped, self.verbatim = dropped, verbatim

    def echo(self, body: bytes) -> None:
        """Nothing stands before an answer in one piece."""

    def begin(self, exchange: Exchange) -> None:
        """Nothing is steered."""

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Note what comes. Raises UpstreamError for an encoding that was not asked for."""
        self.status = status
        self.headers = headers
        self._draft.first_byte_at = self._house.clock.monotonic()
        if headers.get(b"content-encoding") not in _PLAIN:
            raise UpstreamError("The provider's answer is compressed", may_be_billed=True)

    def piece(self, data: bytes) -> None:
        """Keep *data*. Raises UpstreamError when the answer outgrows its cap."""
        self._size += len(data)
        if self._size > (MAX_UPSTREAM_REPLY_BYTES if self.status == _OK else MAX_UPSTREAM_ERROR_BYTES):
            raise UpstreamError("The provider's answer is too large", may_be_billed=True, upstream_status=self.status)
        self._parts.append(data)

    def body(self) -> bytes:
        """All that came."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def refuse_failure(self, adapter: Adapter) -> None:
        """Raise the UpstreamError that a status other than 200 stands for."""
        if self.status != _OK:
            hint = self.headers.get(b"retry-after")
            raise adapter.failure(self.status, hint.decode("latin-1") if hint else None, self.body())


class Relay(Whole):
    """Passes a stream on while it arrives, without waking the request's task for each chunk.

    Chunks are held until one has content: that is the commit point, after which no other endpoint may be tried.
    ``thoughts``, where set, gets to see every delta; ``filters``, where set, are plugins that they go through before.
    """

    def __init__(self, adapter: Adapter, encoder: Encoder, reply: Reply, draft: Draft, house: House) -> None:
        super().__init__(draft, house)
        self.committed = False
        self._adapter = adapter
        self._decoder = adapter.decoder()
        self._encoder = encoder
        self._reply = reply
        self._held: list[Chunk] = []
        self._exchange: Exchange | None = None
        self._streaming: bool | None = False
        self._finished = False
        self._usage: Usage | None = None
        self._answer_bytes = 0
        self._room = self._spare = draft.most_deltas()
        self.thoughts: Thoughts | None = None
        self.filters: StreamFilter | None = None

    def announce(self, dropped: str, *, verbatim: bool = False) -> None:
        """The same; what plugins change on its way does not go on as it is."""
        super().announce(dropped, verbatim=verbatim)
        if verbatim and self.filters is None:
            cast("VerbatimDecoder", self._decoder).verbatim = True

    def echo(self, body: bytes) -> None:
        """What each provider is sent stands before what the one that answers says, on one line."""
        self._draft.echoes += (Chunk([], echo=msgspec.json.encode(msgspec.json.decode(body))),)

    def begin(self, exchange: Exchange) -> None:
        """Keep hold of the exchange, to pause it for a slow client."""
        self._exchange = exchange

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Decide by status and type whether chunks follow, or something to be read whole; other types leave it open."""
        super().head(status, headers)
        kind = headers.get(b"content-type", b"")
        if status != _OK or kind.startswith(b"application/json"):
            self._streaming = False
        else:
            self._streaming = True if kind.startswith(b"text/event-stream") else None

    def piece(self, data: bytes) -> None:
        """Pass on what *data* completes. Raises UpstreamError when it is an error or makes no sense."""
        if self._streaming is None:
            self._streaming = data[:1] != b"{"  # no line of a stream begins so
        if not self._streaming:
            super().piece(data)
            return
        chunks = self._decoder.feed(data)
        if chunks:
            self._exchange.renew()  # type: ignore[union-attr]  # begin() comes first
            self._room -= len(chunks)
            if self._room < 0 or self._answer_bytes > MAX_UPSTREAM_REPLY_BYTES:
                self._refuse_endless(chunks)
            self._take(chunks if self.filters is None else self.filters.take(chunks))
        if self._decoder.ended:
            self._exchange.enough()  # type: ignore[union-attr]  # begin() comes first

    def _refuse_endless(self, chunks: list[Chunk]) -> None:
        """Raise UpstreamError when the answer outgrows its cap, or more came than was asked for.

        Only now are thoughts told from the rest: some providers give them beside ``max_tokens``.
        """
        self._spare -= sum(b'"reasoning' not in bytes(choice.delta) for chunk in chunks for choice in chunk.choices)
        if self._spare < 0 or self._answer_bytes > MAX_UPSTREAM_REPLY_BYTES:
            raise UpstreamError("The provider's answer does not end", may_be_billed=True)

    def complete(self) -> Usage:
        """The exchange is over: check that the stream was whole, and say what it used.

        Raises:
            UpstreamError: a failure status, no finish reason, or no content at all.
        """
        self._reply.flow = self._exchange = None  # the connection may serve another request already
        self.refuse_failure(self._adapter)
        if self._streaming is not False:
            last = self._decoder.flush()
        else:
            last = [_as_chunk(self._adapter.completion(self.body()))]
            self._decoder.ended = True
        self._take(last if self.filters is None else self.filters.take(last) + self.filters.flush())
        if not self._finished:
            if not (self._decoder.ended and (self.committed or self._usage is not None)):
                raise UpstreamError("The provider's stream ended without a finish reason", may_be_billed=True)
            self._take([Chunk([ChunkChoice(finish_reason="stop")])])
        usage = self._usage or self.usage_so_far()
        if not self.committed:
            if not usage.completion_tokens and self._draft.finish_reason not in _SPEAKING_ENDS:
                raise UpstreamError("The provider's answer is empty", may_be_billed=True)
            self._commit()
        return usage

    def usage_so_far(self) -> Usage:
        """What has reached the client, for a stream that broke or came without counts: the provider's own count
        if there was one, else an estimate; nothing before the commit point.
        """
        if self._usage is not None:
            return self._usage
        if not self.committed:
            return NO_USAGE
        draft = self._draft
        completion = draft.completion_estimate(self._answer_bytes)
        return Usage(fresh=draft.prompt_estimate(), completion=completion, estimated=True)

    def _take(self, chunks: list[Chunk]) -> None:  # noqa: C901 - one loop over chunks costs less than two
        draft = self._draft
        tool_calls = draft.tool_calls
        speaks = self.committed
        for chunk in chunks:
            if chunk.usage is not None:
                self._usage = chunk.usage
            if chunk.added:
                continue
            for choice in chunk.choices:
                if (size := len(memoryview(choice.delta)) - _EMPTY_DELTA) > 0:
                    self._answer_bytes += size
                    if self.thoughts is not None:
                        self.thoughts.take(choice)
                    if tool_calls is not None:
                        tool_calls.delta(choice.index, choice.delta)
                if not speaks:
                    speaks = _has_content(choice.delta)
                    self._note_first(chunk)
                if choice.finish_reason is not None:
                    self._finished = True
                    draft.finish_reason = choice.finish_reason
                    draft.native_finish_reason = choice.native_finish_reason
        if self.committed:
            if data := self._encoder.chunks(chunks):
                self._reply.write(data)
            return
        self._held += chunks
        if speaks:
            self._commit()

    def _note_first(self, chunk: Chunk) -> None:
        draft = self._draft
        draft.upstream_id = chunk.upstream_id or draft.upstream_id
        draft.service_tier = chunk.service_tier or draft.service_tier

    def _commit(self) -> None:
        """From here on this provider is the one: the client gets the head and all that was held."""
        self.committed = True
        draft, reply = self._draft, self._reply
        draft.first_byte_at = self._house.clock.monotonic()
        reply.flow = self._exchange
        if not reply.started:
            reply.start(draft.id, draft.overhead_ms(), self.dropped)
        held, self._held = self._held, []
        if held:
            held[0].service_tier = draft.service_tier
        if draft.echoes:
            held[:0], draft.echoes = draft.echoes, ()
        reply.write(self._encoder.chunks(held))


def refuse_blank(completion: Completion) -> None:
    """Refuse a whole answer that says nothing: no content in any choice, no tokens, and no reason for it.

    Raises:
        UpstreamError: it is blank.
    """
    usage = completion.usage
    if usage is not None and (usage.completion or usage.completion_tokens):
        return
    for choice in completion.choices:
        if choice.finish_reason in _SPEAKING_ENDS or _has_content(Raw(msgspec.json.encode(choice.message))):
            return
    raise UpstreamError("The provider's answer is empty", may_be_billed=True)


def estimate(draft: Draft, completion: Completion) -> Usage:
    """Our own count of a whole answer that came without one."""
    size = sum(len(memoryview(value)) for choice in completion.choices for value in choice.message.values())
    return Usage(fresh=draft.prompt_estimate(), completion=draft.completion_estimate(size), estimated=True)


def _has_content(delta: Raw) -> bool:
    try:
        fields = _decode_delta(delta)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError("The provider's answer makes no sense", may_be_billed=True) from None
    return any(value for name, value in fields.items() if name != "role")


def _as_chunk(completion: Completion) -> Chunk:
    """A whole answer as the only chunk of a stream, for providers that ignore ``stream``."""
    choices = [
        ChunkChoice(
            Raw(msgspec.json.encode(_with_indexes(choice.message))),
            choice.index,
            choice.finish_reason,
            choice.native_finish_reason,
            choice.logprobs,
        )
        for choice in completion.choices
    ]
    return Chunk(
        choices, completion.usage, completion.upstream_id, completion.service_tier, completion.system_fingerprint
    )


def _with_indexes(message: dict[str, Raw]) -> dict[str, Raw]:
    """The message with the index that every tool call of a stream has."""
    if "tool_calls" not in message:
        return message
    calls = msgspec.json.decode(message["tool_calls"], type=list[dict[str, Raw]])
    indexed = [call | {"index": Raw(b"%d" % place)} for place, call in enumerate(calls)]
    return message | {"tool_calls": Raw(msgspec.json.encode(indexed))}
