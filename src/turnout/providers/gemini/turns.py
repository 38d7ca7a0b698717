"""What one candidate of Gemini says, part by part, in our words."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import encode
from turnout.domain.completion import NULL
from turnout.providers.deltas import (
    Detail,
    ToolCallMade,
    images_delta,
    message_of,
    reasoning_delta,
    text_delta,
    tool_call_delta,
)
from turnout.providers.gemini.memory import (
    call_signature,
    image_signature,
    server_part,
    text_signature,
    thought,
)
from turnout.providers.gemini.sources import citations_of

__all__ = ["Candidate", "Turn"]

_UNSPECIFIED = frozenset({None, "", "FINISH_REASON_UNSPECIFIED"})
_EMPTY = frozenset({b"null", b"{}", b'""'})


class _Blob(Struct, rename="camel"):
    mime_type: str = ""
    data: str = ""


class _Call(Struct):
    name: str = ""
    id: str | None = None
    args: Raw = NULL


class _Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None
    inline_data: _Blob | None = None
    executable_code: Raw = NULL
    code_execution_result: Raw = NULL
    tool_call: Raw = NULL
    tool_response: Raw = NULL


class _Content(Struct):
    parts: list[_Part] | None = None


class Candidate(Struct, rename="camel"):
    """One candidate of an answer, or a piece of it."""

    content: _Content | None = None
    index: int | None = None
    finish_reason: str | None = None
    grounding_metadata: Raw = NULL
    citation_metadata: Raw = NULL
    logprobs_result: Raw = NULL


@final
class Turn:
    """One candidate as it grows. What is new since the last look lies in the lists, and is taken from there."""

    __slots__ = (
        "_details_made",
        "_pictures",
        "_thinking",
        "_upstream_id",
        "audio",
        "call_count",
        "calls",
        "citations",
        "details",
        "grounding",
        "images",
        "index",
        "length",
        "native",
        "texts",
        "thoughts",
    )  # fmt: skip

    def __init__(self, index: int, upstream_id: str | None) -> None:
        self.index = index
        self.texts: list[str] = []
        self.length = 0  # of all texts, in characters
        self.thoughts: list[str] = []
        self.details: list[Detail] = []
        self.calls: list[ToolCallMade] = []
        self.images: list[str] = []
        self.audio: list[_Blob] = []
        self.call_count = 0
        self.grounding = self.citations = NULL
        self.native: str | None = None
        self._details_made = self._pictures = 0
        self._thinking: int | None = None  # the index of the thoughts that are under way
        self._upstream_id = upstream_id

    def take(self, candidate: Candidate) -> None:
        """Add all that an event, or a whole answer, says of this candidate."""
        if candidate.finish_reason not in _UNSPECIFIED:
            self.native = candidate.finish_reason
        if candidate.grounding_metadata is not NULL and bytes(candidate.grounding_metadata) not in _EMPTY:
            self.grounding = candidate.grounding_metadata
        if candidate.citation_metadata is not NULL:
            self.citations = candidate.citation_metadata
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                self._part(part)

    def message(self) -> dict[str, Raw]:
        """All of it, as a whole message."""
        text = "".join(self.texts)
        message = message_of(
            text,
            reasoning="".join(self.thoughts),
            details=self.details,
            tool_calls=self.calls,
            images=self.images,
            citations=citations_of(self.grounding, self.citations, text),
        )
        if self.audio:
            message["audio"] = _audio_of(self.audio, self._upstream_id)
        return message

    def deltas(self, known: int) -> list[Raw]:
        """What is new, as deltas; *known* is how many of the texts are old. Texts are kept for the citations."""
        found: list[Raw] = []
        if self.thoughts:
            found.append(reasoning_delta("".join(self.thoughts), self.details))
            self.thoughts, self.details = [], []
        if text := "".join(self.texts[known:]):
            found.append(text_delta(text))
        if self.details:
            found.append(reasoning_delta(None, self.details))
            self.details = []
        if self.calls:
            first = self.call_count - len(self.calls)
            found += [
                tool_call_delta(first + number, call.id, call.name, call.arguments)
                for number, call in enumerate(self.calls)
            ]
            self.calls = []
        if self.images:
            found.append(images_delta(self.images))
            self.images = []
        if self.audio:
            found.append(Raw(b'{"audio":%b}' % bytes(_audio_of(self.audio, self._upstream_id))))
            self.audio = []
        return found

    def _part(self, part: _Part) -> None:
        signature = part.thought_signature
        if part.thought:
            self._think(part.text or "", signature)
            return
        self._thinking = None
        if part.text is not None:
            self._say(part.text, signature)
        elif part.function_call is not None:
            self._call(part.function_call, signature)
        elif part.inline_data is not None:
            self._show(part.inline_data, signature)
        else:
            self._serve(part, signature)

    def _think(self, text: str, signature: str | None) -> None:
        if not text and not signature:
            return
        if self._thinking is None:
            self._thinking = self._next()
        self.thoughts.append(text)
        self.details.append(thought(text, self._thinking, signature))

    def _say(self, text: str, signature: str | None) -> None:
        start = self.length
        if text:
            self.texts.append(text)
            self.length += len(text)
        if signature:
            self.details.append(text_signature(signature, self._next(), start, self.length))

    def _call(self, call: _Call, signature: str | None) -> None:
        arguments = "{}"
        if call.args is not NULL and bytes(call.args) != b"null":
            arguments = msgspec.json.format(bytes(call.args), indent=-1).decode()
        call_id = call.id or _made_up_id(self._upstream_id, self.index, self.call_count, call.name + arguments)
        self.call_count += 1
        self.calls.append(ToolCallMade(call_id, call.name, arguments))
        if signature:
            self.details.append(call_signature(signature, self._next(), call_id))

    def _show(self, blob: _Blob, signature: str | None) -> None:
        if blob.mime_type.startswith("audio/"):
            self.audio.append(blob)
            return
        self.images.append(f"data:{blob.mime_type or 'application/octet-stream'};base64,{blob.data}")
        if signature:
            self.details.append(image_signature(signature, self._next(), self._pictures))
        self._pictures += 1

    def _serve(self, part: _Part, signature: str | None) -> None:
        """A tool that Google ran is remembered, and is no call of the client's."""
        for kind, content in (
            ("executableCode", part.executable_code),
            ("codeExecutionResult", part.code_execution_result),
            ("toolCall", part.tool_call),
            ("toolResponse", part.tool_response),
        ):
            if content is not NULL and bytes(content) != b"null":
                self.details.append(server_part(kind, content, signature, self._next(), self.length))
                return
        if signature:  # it came alone, at the end of a stream
            self.details.append(text_signature(signature, self._next(), self.length, self.length))

    def _next(self) -> int:
        self._details_made += 1
        return self._details_made - 1


def _audio_of(blobs: list[_Blob], upstream_id: str | None) -> Raw:
    """Sound in base64. Google's is without a head: 16 bit PCM, as the name of its type says."""
    stated: dict[str, Any] = {"data": "".join(blob.data for blob in blobs)}
    if upstream_id:
        stated = {"id": f"audio_{upstream_id}"} | stated
    return Raw(encode(stated))


def _made_up_id(upstream_id: str | None, index: int, number: int, said: str) -> str:
    return "call_" + sha256(f"{upstream_id}/{index}/{number}/{said}".encode()).hexdigest()[:24]
