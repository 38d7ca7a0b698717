"""A whole answer of the Messages API in the words of the gateway."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, reader
from turnout.domain.completion import NULL, Choice, Completion
from turnout.providers.deltas import EncryptedDetail, TextDetail, ToolCallMade
from turnout.providers.details import CLAUDE
from turnout.providers.dialects.anthropic.blocks import (
    KNOWN,
    RESULT,
    SERVER_CALLS,
    Block,
    StopDetails,
    citation_of,
    finish_of,
    read_block,
    read_kind,
    refusal_of,
    server_detail,
)
from turnout.providers.dialects.anthropic.usage import WireUsage, usage_of
from turnout.providers.failures import failure_in_stream, nonsense
from turnout.providers.letters import ANSWER_TOOL
from turnout.providers.said import Said, arguments_of

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
        said = _Blocks()
        for raw in wire.content:
            said.add(raw)
        said.close()
    except (BadJSON, UnicodeDecodeError):
        raise nonsense() from None
    finish = finish_of(wire.stop_reason, called=bool(said.calls), answered=said.answered)
    message = said.message(refusal_of(wire.stop_reason, wire.stop_details))
    return Completion(
        choices=[Choice(message, 0, finish or ("tool_calls" if said.calls else "stop"), wire.stop_reason)],
        usage=usage_of(wire.usage),
        upstream_id=wire.id or None,
        service_tier=wire.usage.service_tier if wire.usage is not None else None,
    )


class _Blocks(Said):
    """The blocks of a whole answer, sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = False
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
            seal, position = block.signature or None, self.length or None
            self.details.append(TextDetail(block.thinking or "", CLAUDE, len(self.details), seal, position=position))
        elif kind == "redacted_thinking":
            self.details.append(
                EncryptedDetail(block.data or "", CLAUDE, len(self.details), position=self.length or None)
            )
        elif kind == "tool_use" and block.name == ANSWER_TOOL:
            self.answered = True
            self.say(arguments_of(block.input))
        elif kind == "tool_use":
            self.calls.append(ToolCallMade(block.id or "", block.name or "", arguments_of(block.input)))
        elif kind in SERVER_CALLS:
            self._asked[block.id or ""] = block

    def _add_text(self, block: Block) -> None:
        start = self.length
        self.say(block.text or "")
        self.cite(citation_of(one, start, self.length) for one in block.citations or ())

    def _add_result(self, raw: Raw) -> None:
        asked = self._asked.pop(read_block(raw).tool_use_id or "", None) or Block()
        self._tell(asked, raw)

    def close(self) -> None:
        """What the provider's own tools were asked and have not answered is told too: the next turn begins with it."""
        for asked in self._asked.values():
            self._tell(asked, None)

    def _tell(self, asked: Block, result: Raw | None) -> None:
        index, position = len(self.details), self.length or None
        self.details.append(server_detail(asked, arguments_of(asked.input), result, index=index, position=position))
