"""A whole answer of Converse in the words of the gateway."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, reader
from turnout.domain.completion import NULL, Choice, Completion, normal_finish_reason
from turnout.providers.deltas import EncryptedDetail, ServerToolDetail, TextDetail, ToolCallMade, UrlCitation
from turnout.providers.details import CLAUDE, UNSEALED
from turnout.providers.dialects.bedrock.media import media_type_of
from turnout.providers.dialects.bedrock.usage import WireUsage, usage_of
from turnout.providers.failures import nonsense
from turnout.providers.letters import ANSWER_TOOL
from turnout.providers.said import Said, arguments_of

__all__ = [
    "SERVER_CALL",
    "Citation",
    "Tier",
    "ToolUse",
    "citation_of",
    "finish_of",
    "read_answer",
    "server_detail",
]

SERVER_CALL: Final = "server_tool_use"
"""The type of calls of tools that the provider runs."""

_FINISHES: Final = {
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}


class Tier(Struct):
    """The tier that served."""

    type: str | None = None


class _Web(Struct):
    url: str | None = None


class _Location(Struct):
    web: _Web | None = None


class _Quoted(Struct):
    text: str | None = None


class Citation(Struct, rename="camel"):
    """A place in a source."""

    title: str | None = None
    location: _Location | None = None
    source_content: list[_Quoted] | None = None


class ToolUse(Struct, rename="camel"):
    """A call, of the client's tool or of one that the provider runs."""

    tool_use_id: str = ""
    name: str = ""
    input: Raw = NULL
    type: str | None = None


class _ReasoningText(Struct):
    text: str | None = None
    signature: str | None = None


class _Reasoning(Struct, rename="camel"):
    reasoning_text: _ReasoningText | None = None
    redacted_content: str | None = None


class _Bytes(Struct):
    bytes: str | None = None


class _Image(Struct):
    format: str = "png"
    source: _Bytes | None = None


class _Cited(Struct):
    content: list[_Quoted] | None = None
    citations: list[Citation] | None = None


class _Result(Struct, rename="camel"):
    tool_use_id: str = ""


class _Block(Struct, rename="camel"):
    text: str | None = None
    tool_use: ToolUse | None = None
    tool_result: Raw = NULL
    reasoning_content: _Reasoning | None = None
    image: _Image | None = None
    citations_content: _Cited | None = None


class _Message(Struct):
    content: list[_Block] | None = None


class _Output(Struct):
    message: _Message | None = None


class _Whole(Struct, rename="camel"):
    output: _Output | None = None
    stop_reason: str | None = None
    usage: WireUsage | None = None
    service_tier: Tier | None = None


_whole = reader(_Whole)
_result = reader(_Result)


def read_answer(body: bytes) -> Completion:
    """A whole answer.

    Raises:
        UpstreamError: the body is none.
    """
    try:
        if not body.isascii():
            body.decode()  # the parser does not look into the slices that go on as they are
        wire = _whole(body)
        if wire.output is None or wire.output.message is None or wire.output.message.content is None:
            raise nonsense()
        said = _Blocks()
        for block in wire.output.message.content:
            said.add(block)
        said.close()
    except (BadJSON, UnicodeDecodeError):
        raise nonsense() from None
    native = wire.stop_reason or None
    finish = finish_of(native, called=bool(said.calls), answered=said.answered)
    return Completion(
        choices=[Choice(said.message(), 0, finish or ("tool_calls" if said.calls else "stop"), native)],
        usage=usage_of(wire.usage),
        service_tier=wire.service_tier.type if wire.service_tier is not None else None,
    )


def finish_of(native: str | None, *, called: bool, answered: bool) -> str | None:
    """Our word for why it stopped; an answer given through a tool is an answer."""
    if native is None:
        return None
    finish = _FINISHES.get(native) or normal_finish_reason(native)
    return "stop" if finish == "tool_calls" and answered and not called else finish


def citation_of(wire: Citation, start: int, end: int) -> UrlCitation | None:
    """A source with an address, cited by the content from *start* to *end*; a place in the client's file has none."""
    url = wire.location.web.url if wire.location is not None and wire.location.web is not None else None
    if not url:
        return None
    quoted = "".join(one.text or "" for one in wire.source_content or ())
    return UrlCitation(url, wire.title or "", quoted or None, start, end)


def server_detail(asked: ToolUse | None, arguments: str, result: bytes | None, index: int) -> ServerToolDetail:
    """What a tool of the provider's own was asked, and what it found, to be sent back in the next turn."""
    asked = asked or ToolUse()
    return ServerToolDetail(
        asked.name, arguments if asked.name else "", "" if result is None else result.decode(), asked.tool_use_id,
        CLAUDE, index,
    )  # fmt: skip


class _Blocks(Said):
    """The blocks of a whole answer, sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = False
        self._asked: dict[str, ToolUse] = {}

    def add(self, block: _Block) -> None:
        """One block; one of an unknown kind says nothing. Raises BadJSON."""
        if block.text is not None:
            self.say(block.text)
        elif block.tool_use is not None:
            self._add_call(block.tool_use)
        elif block.reasoning_content is not None:
            self._add_thought(block.reasoning_content)
        elif block.tool_result is not NULL and bytes(block.tool_result) != b"null":
            asked = self._asked.pop(_result(block.tool_result).tool_use_id, None)
            stated = "" if asked is None else arguments_of(asked.input)
            self.details.append(server_detail(asked, stated, bytes(block.tool_result), len(self.details)))
        elif block.citations_content is not None:
            self._add_cited(block.citations_content)
        elif block.image is not None and block.image.source is not None and block.image.source.bytes:
            media_type = media_type_of("image", block.image.format)
            self.images.append(f"data:{media_type};base64,{block.image.source.bytes}")

    def _add_call(self, call: ToolUse) -> None:
        if call.type == SERVER_CALL:
            self._asked[call.tool_use_id] = call
        elif call.name == ANSWER_TOOL:
            self.answered = True
            self.say(arguments_of(call.input))
        else:
            self.calls.append(ToolCallMade(call.tool_use_id, call.name, arguments_of(call.input)))

    def _add_thought(self, thought: _Reasoning) -> None:
        if (told := thought.reasoning_text) is not None:
            self.thoughts.append(told.text or "")
            form = CLAUDE if told.signature else UNSEALED
            self.details.append(TextDetail(told.text or "", form, len(self.details), told.signature or None))
        elif thought.redacted_content:
            self.details.append(EncryptedDetail(thought.redacted_content, CLAUDE, len(self.details)))

    def _add_cited(self, cited: _Cited) -> None:
        start = self.length
        self.say("".join(one.text or "" for one in cited.content or ()))
        self.cite(citation_of(one, start, self.length) for one in cited.citations or ())

    def close(self) -> None:
        """What the provider's own tools were asked and have not answered is told too: the next turn begins with it."""
        for asked in self._asked.values():
            self.details.append(server_detail(asked, arguments_of(asked.input), None, len(self.details)))
