"""Gemini's answers in our words, event by event."""

from __future__ import annotations

from typing import final

from turnout.domain.completion import NULL, Chunk, ChunkChoice
from turnout.domain.usage import Usage
from turnout.providers.deltas import EMPTY_DELTA, annotations_delta
from turnout.providers.events import EventDecoder
from turnout.providers.gemini.answers import blocked_by, empty, finish_of, parsed
from turnout.providers.gemini.sources import citations_of, logprobs_of
from turnout.providers.gemini.turns import Turn
from turnout.providers.gemini.usage import read_gemini_usage, read_service_tier

__all__ = ["GeminiDecoder"]


@final
class GeminiDecoder(EventDecoder):
    """Events of ``streamGenerateContent`` to chunks. The last of them are made when the stream has ended: Google has
    no word for its end, and says its counts and sources beside the finish reason, or after it.
    """

    __slots__ = ("_blocked", "_tier", "_turns", "_upstream_id", "_usage")

    def __init__(self) -> None:
        super().__init__()
        self._turns: dict[int, Turn] = {}
        self._usage: Usage | None = None
        self._tier: str | None = None
        self._upstream_id: str | None = None
        self._blocked: str | None = None

    def flush(self) -> list[Chunk]:
        """What the end of the stream completes: sources, and the finish reasons with the counts.

        Raises:
            UpstreamError: it has ended with an error, or said nothing at all.
        """
        chunks = super().flush()
        if self.failure is not None:
            raise self.failure
        if not (self._turns or self._blocked or self.ended):
            raise empty()
        for turn in self._turns.values():
            if turn.native is not None:
                if cited := citations_of(turn.grounding, turn.citations, "".join(turn.texts)):
                    chunks.append(Chunk([ChunkChoice(annotations_delta(cited), turn.index)]))
                finish = finish_of(turn.native, calls=turn.call_count > 0)
                chunks.append(self._said(ChunkChoice(EMPTY_DELTA, turn.index, finish, turn.native)))
        if not self._turns and self._blocked is not None:
            chunks.append(self._said(ChunkChoice(EMPTY_DELTA, 0, "content_filter", self._blocked)))
        self._turns, self._blocked = {}, None
        self.ended = True
        return chunks

    def take(self, event: bytes, chunks: list[Chunk]) -> None:
        """Append to *chunks* what *event* says. Raises UpstreamError for an error in it."""
        if not event or event == b"[DONE]":
            return
        wire = parsed(event)
        if wire.usage_metadata is not NULL:
            if self._usage is None:
                self._tier = read_service_tier(wire.usage_metadata)
            self._usage = read_gemini_usage(wire.usage_metadata) or self._usage
        self._upstream_id = self._upstream_id or wire.response_id or None
        self._blocked = self._blocked or blocked_by(wire)
        for candidate in wire.candidates or ():
            index = candidate.index or 0
            turn = self._turns.get(index)
            if turn is None:
                turn = self._turns[index] = Turn(index, self._upstream_id)
            known = len(turn.texts)
            turn.take(candidate)
            chunks += [self._said(ChunkChoice(delta, index)) for delta in turn.deltas(known)]
            if candidate.logprobs_result is not NULL:
                logprobs = logprobs_of(candidate.logprobs_result)
                chunks.append(self._said(ChunkChoice(EMPTY_DELTA, index, logprobs=logprobs)))

    def _said(self, choice: ChunkChoice) -> Chunk:
        return Chunk([choice], self._usage, self._upstream_id, self._tier)
