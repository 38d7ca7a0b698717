"""The turns of the Messages API as messages of a chat."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Raw, Struct

from turnout.api.messages.told_blocks import (
    CALLS,
    Block,
    add_server_tool,
    call_of,
    image_url,
    parts_of,
    plain_content,
    raw_blocks,
    read_blocks,
    text_of,
    text_part,
    thought_of,
)
from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.chat import Traits
from turnout.domain.completion import NULL

__all__ = ["BadTurns", "Conversation", "as_chat", "read_turns", "system_message"]

_RESULT = "_tool_result"
_EMPTY = b'""'


class _Turn(Struct):
    role: Literal["user", "assistant", "system"]
    content: Raw = NULL


class Conversation(Struct):
    """What the turns of a request say.

    Attributes:
        messages: JSON of chat messages, without the brackets of their list, in order.
        own: what a provider of the language gets: the turns without thoughts of other makers; None: all of them.
        traits: of the messages.
        peculiar: something that no other language says; empty: nothing.
    """

    messages: list[bytes]
    own: Raw | None
    traits: Traits
    peculiar: str


_turns = reader(list[_Turn])
_fields = reader(dict[str, Raw])


class BadTurns(BadJSON):
    """The turns are wrong, the JSON around them is not."""


def read_turns(messages: Raw) -> list[_Turn]:
    """The turns of a request. Raises BadTurns: they are none, or none at all."""
    try:
        turns = _turns(messages)
    except BadJSON as error:
        raise BadTurns(f"`messages`: {error}") from None
    if not turns:
        raise BadTurns("`messages` is empty")
    return turns


def system_message(system: Raw) -> bytes | None:
    """The message that stands for ``system``, a text or a list of blocks; None for nothing.

    Raises:
        BadRequest: it is neither.
    """
    stated = bytes(system)
    if stated[:1] == b'"':
        return b'{"role":"system","content":%b}' % stated
    if stated[:1] != b"[":
        if stated != b"null":
            raise BadRequest("`system`: a text or a list of text blocks is expected")
        return None
    blocks = read_blocks(system, "system")
    if (content := plain_content(blocks)) is None:
        raise BadRequest("`system`: only blocks of type `text` with a text stand there")
    return b'{"role":"system","content":%b}' % content if blocks else None


def as_chat(messages: Raw, turns: list[_Turn]) -> Conversation:
    """What *turns* say, which were read from *messages*.

    Raises:
        BadRequest: a block is not what its type says; the message names the place.
    """
    teller = _Teller()
    told = teller.told
    for place, turn in enumerate(turns):
        content = bytes(turn.content)
        if content[:1] == b'"':
            told.append(b'{"role":"%b","content":%b}' % (turn.role.encode(), content))
            continue
        if content[:1] != b"[":
            raise BadRequest(f"`messages[{place}].content`: a text or a list of blocks is expected")
        blocks = read_blocks(turn.content, f"messages[{place}].content")
        if (plain := plain_content(blocks)) is not None:
            told.append(b'{"role":"%b","content":%b}' % (turn.role.encode(), plain))
        elif turn.role == "assistant":
            teller.assistant(turn.content, blocks, place)
        else:
            teller.other(turn.role, turn.content, blocks, f"messages[{place}].content")
    own = _without(messages, teller.foreign) if teller.foreign else None
    marks = b'"cache_control"' in bytes(messages)
    traits = Traits(reasoning=teller.thought, cache_marks=marks, rich_results=teller.rich, files=teller.files)
    return Conversation(teller.told, own, traits, teller.peculiar)


class _Teller:
    """Collects the messages, and what is special about them."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.foreign: dict[int, set[int]] = {}  # blocks with thoughts of other makers, by turn
        self.thought = self.rich = self.files = False
        self.peculiar = ""

    def other(self, role: str, content: Raw, blocks: list[Block], place: str) -> None:
        """A turn of the user or the system: each result of a tool is a message of its own."""
        parts: list[bytes] = []
        for at, block in enumerate(blocks):
            if block.type != "tool_result":
                parts += self._parts(block, f"{place}[{at}]", content, at)
                continue
            if parts:
                self._say(role, parts)
                parts = []
            self._result(block, f"{place}[{at}]")
        if parts:
            self._say(role, parts)

    def assistant(self, content: Raw, blocks: list[Block], place: int) -> None:
        """A turn of the model."""
        said = _Said(f"messages[{place}].content", content)
        for at, block in enumerate(blocks):
            said.add(block, at)
        if said.foreign:
            self.foreign[place] = said.foreign
        self.thought = self.thought or bool(said.details)
        self.peculiar = self.peculiar or said.peculiar
        self.told.append(encode(said.message()))

    def _say(self, role: str, parts: list[bytes]) -> None:
        self.told.append(b'{"role":"%b","content":[%b]}' % (role.encode(), b",".join(parts)))

    def _result(self, block: Block, place: str) -> None:
        if block.tool_use_id is None:
            raise BadRequest(f"`{place}.tool_use_id` is missing")
        content = bytes(block.content)
        if content[:1] == b"[":
            inner = read_blocks(block.content, f"{place}.content")
            parts = []
            for at, one in enumerate(inner):
                parts += self._parts(one, f"{place}.content[{at}]", block.content, at)
            self.rich = self.rich or any(one.type != "text" for one in inner)
            content = b"[%b]" % b",".join(parts) if parts else _EMPTY
        elif content[:1] != b'"':
            if content != b"null":
                raise BadRequest(f"`{place}.content`: a text or a list of blocks is expected")
            content = _EMPTY
        self.rich = self.rich or block.is_error is True
        mark = b',"cache_control":%b' % bytes(block.cache_control) if block.cache_control is not NULL else b""
        failed = b',"is_error":true' if block.is_error else b""
        name = encode(block.tool_use_id)
        self.told.append(b'{"role":"tool","tool_call_id":%b,"content":%b%b%b}' % (name, content, failed, mark))

    def _parts(self, block: Block, place: str, content: Raw, at: int) -> list[bytes]:
        """A block, the one *at* its place in *content*, as parts of a message."""
        parts = parts_of(block, place)
        if parts is None:
            self.peculiar = self.peculiar or f"a block of type {block.type[:40]!r}"
            return [bytes(raw_blocks(content)[at])]
        self.files = self.files or block.type == "document"
        return parts


class _Said:
    """What the model thought, said and called in one turn."""

    def __init__(self, place: str, content: Raw) -> None:
        self.place = place
        self.details: list[dict[str, Any]] = []
        self.foreign: set[int] = set()
        self.peculiar = ""
        self._content = content
        self._texts: list[Block] = []
        self._marked = False
        self._length = 0
        self._calls: list[dict[str, Any]] = []
        self._images: list[str] = []
        self._asked: dict[str, dict[str, Any]] = {}

    def add(self, block: Block, at: int) -> None:
        """One more block, which stands *at* its place. Raises BadRequest."""
        kind, place = block.type, f"{self.place}[{at}]"
        if kind == "text":
            self._texts.append(block)
            self._marked = self._marked or block.cache_control is not NULL
            self._length += len(text_of(block, place))
        elif kind == "tool_use":
            self._calls.append(call_of(block, place))
        elif kind in {"thinking", "redacted_thinking"}:
            detail, foreign = thought_of(block, len(self.details), self._length)
            if foreign:
                self.foreign.add(at)
            if detail is not None:
                self.details.append(detail)
        elif kind in CALLS or kind.endswith(_RESULT):
            add_server_tool(self.details, self._asked, block, raw_blocks(self._content)[at], self._length)
        elif kind == "image" and (url := image_url(block, place)):
            self._images.append(url)
        else:
            self.peculiar = self.peculiar or f"a block of type {kind[:40]!r}"

    def message(self) -> dict[str, Any]:
        """The message."""
        fields: dict[str, Any] = {"role": "assistant", "content": self._said()}
        if self.details:
            fields["reasoning_details"] = self.details
            if thought := "".join(one.get("text") or one.get("summary") or "" for one in self.details):
                fields["reasoning"] = thought
        if self._calls:
            fields["tool_calls"] = self._calls
        if self._images:
            fields["images"] = [{"type": "image_url", "image_url": {"url": url}} for url in self._images]
        return fields

    def _said(self) -> Any:  # noqa: ANN401 - JSON
        """In one text, unless marks tell its pieces apart."""
        texts = self._texts
        if self._marked:
            return [Raw(text_part(one, self.place)) for one in texts]
        if len(texts) == 1:
            return texts[0].text
        return "".join(text_of(one, self.place) for one in texts) if texts else None


def _without(messages: Raw, foreign: dict[int, set[int]]) -> Raw:
    """*messages* without the blocks in *foreign*, and without turns that nothing is left of."""
    kept: list[Any] = []
    for place, raw in enumerate(raw_blocks(messages)):
        if place not in foreign:
            kept.append(raw)
            continue
        fields = _fields(raw)
        blocks = [block for at, block in enumerate(raw_blocks(fields["content"])) if at not in foreign[place]]
        if blocks:
            kept.append(fields | {"content": blocks})
    return Raw(encode(kept))
