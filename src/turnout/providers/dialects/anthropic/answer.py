"""A whole answer of the Messages API in the words of the gateway."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, reader
from turnout.domain.completion import NULL, Choice, Completion
from turnout.providers.deltas import Detail, EncryptedDetail, TextDetail, ToolCallMade, UrlCitation, message_of
from turnout.providers.dialects.anthropic.blocks import (
    KNOWN,
    RESULT,
    SERVER_CALLS,
    Block,
    StopDetails,
    arguments_of,
    citation_of,
    finish_of,
    nonsense,
    read_block,
    read_kind,
    refusal_of,
    server_detail,
)
from turnout.providers.dialects.anthropic.thoughts import FORMAT
from turnout.providers.dialects.anthropic.usage import WireUsage, usage_of
from turnout.providers.failures import failure_in_stream
from turnout.providers.letters import ANSWER_TOOL

__all__ = ["read_answer"]


class _Whole(Struct):
    content: list[Raw] | None = None
    id: str | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None
    type: str | None = None
    error: Raw = NULL


_whole = reader(_Whole)


def read_answer(body: bytes) -> Completion:
    """A whole answer.

    Raises:
        UpstreamError: the body is no answer, or carries an error.
    """
    try:
        wire = _whole(body)
        if wire.type == "error" or bytes(wire.error) not in {b"null", b"{}"}:
            raise failure_in_stream(msgspec.json.decode(wire.error))
        if wire.content is None:
            raise nonsense()
        said = _Said()
        for raw in wire.content:
            said.add(raw)
        said.close()
    except (BadJSON, UnicodeDecodeError):
        raise nonsense() from None
    finish = finish_of(wire.stop_reason, called=bool(said.calls), answered=said.answered)
    message = message_of(
        "".join(said.texts),
        reasoning="".join(said.thoughts),
        details=said.details,
        tool_calls=said.calls,
        citations=said.citations,
        refusal=refusal_of(wire.stop_reason, wire.stop_details),
    )
    return Completion(
        choices=[Choice(message, 0, finish or ("tool_calls" if said.calls else "stop"), wire.stop_reason)],
        usage=usage_of(wire.usage),
        upstream_id=wire.id or None,
        service_tier=wire.usage.service_tier if wire.usage is not None else None,
    )


class _Said:
    """The blocks of a whole answer, sorted."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.details: list[Detail] = []
        self.calls: list[ToolCallMade] = []
        self.citations: list[UrlCitation] = []
        self.answered = False
        self._length = 0
        self._asked: dict[str, Block] = {}

    def add(self, raw: Raw) -> None:
        """One block; one of an unknown kind says nothing. Raises BadJSON."""
        kind = read_kind(raw)
        if kind.endswith(RESULT):
            self._add_result(raw)
            return
        if kind not in KNOWN:
            return
        block = read_block(raw)
        if kind == "text":
            self._add_text(block)
        elif kind == "thinking":
            self.thoughts.append(block.thinking or "")
            seal, position = block.signature or None, self._length or None
            self.details.append(TextDetail(block.thinking or "", FORMAT, len(self.details), seal, position=position))
        elif kind == "redacted_thinking":
            self.details.append(
                EncryptedDetail(block.data or "", FORMAT, len(self.details), position=self._length or None)
            )
        elif kind == "tool_use" and block.name == ANSWER_TOOL:
            self.answered = True
            self._say(arguments_of(block.input))
        elif kind == "tool_use":
            self.calls.append(ToolCallMade(block.id or "", block.name or "", arguments_of(block.input)))
        elif kind in SERVER_CALLS:
            self._asked[block.id or ""] = block

    def _add_text(self, block: Block) -> None:
        start = self._length
        self._say(block.text or "")
        found = (citation_of(one, start, self._length) for one in block.citations or ())
        self.citations += [one for one in found if one is not None]

    def _say(self, text: str) -> None:
        self.texts.append(text)
        self._length += len(text)

    def _add_result(self, raw: Raw) -> None:
        asked = self._asked.pop(read_block(raw).tool_use_id or "", None) or Block()
        self._tell(asked, raw)

    def close(self) -> None:
        """What the provider's own tools were asked and have not answered is told too: the next turn begins with it."""
        for asked in self._asked.values():
            self._tell(asked, None)

    def _tell(self, asked: Block, result: Raw | None) -> None:
        index, position = len(self.details), self._length or None
        self.details.append(server_detail(asked, arguments_of(asked.input), result, index=index, position=position))
