"""The turns of the Messages API as messages of a chat."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from msgspec import Raw, Struct

from turnout.api.seals import MARK, unsealed
from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.chat import Traits
from turnout.domain.completion import NULL

__all__ = ["BadTurns", "Conversation", "as_chat", "read_turns", "system_message"]

_CLAUDE = "anthropic-claude-v1"
_CALLS = frozenset({"server_tool_use", "mcp_tool_use"})
_RESULT = "_tool_result"
_EMPTY = b'""'
_KNOWN = _CALLS | {
    "document", "image", "redacted_thinking", "search_result", "text", "thinking", "tool_result", "tool_use",
}  # fmt: skip


class _Turn(Struct):
    role: Literal["user", "assistant", "system"]
    content: Raw = NULL


class _Source(Struct):
    type: str = ""
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: Raw = NULL


class _Block(Struct):
    type: str
    text: Raw = NULL
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    server_name: str | None = None
    input: Raw = NULL
    tool_use_id: str | None = None
    content: Raw = NULL
    is_error: bool | None = None
    source: Raw = NULL
    title: str | None = None
    context: str | None = None
    cache_control: Raw = NULL


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
_raws = reader(list[Raw])
_blocks = reader(list[_Block])
_block = reader(_Block)
_source = reader(_Source)
_text = reader(str)
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
    content = _plain_parts(_read(system, "system"))
    if content is None:
        raise BadRequest("`system`: only blocks of type `text` with a text stand there")
    return b'{"role":"system","content":%b}' % content if content is not _EMPTY else None


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
        blocks = _read(turn.content, f"messages[{place}].content")
        if (plain := _plain_parts(blocks)) is not None:
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

    def other(self, role: str, content: Raw, blocks: list[_Block], place: str) -> None:
        """A turn of the user or the system: each result of a tool is a message of its own."""
        parts: list[bytes] = []
        for at, block in enumerate(blocks):
            if block.type != "tool_result":
                parts += self._parts(block, f"{place}[{at}]", partial(_raw_at, content, at))
                continue
            if parts:
                self._say(role, parts)
                parts = []
            self._result(block, f"{place}[{at}]")
        if parts:
            self._say(role, parts)

    def assistant(self, content: Raw, blocks: list[_Block], place: int) -> None:
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

    def _result(self, block: _Block, place: str) -> None:
        if block.tool_use_id is None:
            raise BadRequest(f"`{place}.tool_use_id` is missing")
        content = bytes(block.content)
        if content[:1] == b"[":
            inner = _read(block.content, f"{place}.content")
            parts = []
            for at, one in enumerate(inner):
                parts += self._parts(one, f"{place}.content[{at}]", partial(_raw_at, block.content, at))
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

    def _parts(self, block: _Block, place: str, raw: Callable[[], Raw]) -> list[bytes]:
        """A block as parts of a message; *raw* gives it as it was sent."""
        kind = block.type
        if kind == "text":
            return [_text_part(block, place)]
        if kind == "image":
            url = _image_url(block, place)
            if url is not None:
                return [_marked({"type": "image_url", "image_url": {"url": url}}, block)]
        elif kind == "document":
            parts = _document(block, place)
            if parts is not None:
                self.files = True
                return parts
        elif kind == "search_result":
            heading = "\n".join(one for one in (block.title, _plain(block.source)) if one)
            return [encode({"type": "text", "text": heading}), *_texts(block.content, place)]
        elif kind == "thinking":
            raise BadRequest(f"`{place}`: only the assistant thinks")
        self.peculiar = self.peculiar or f"a block of type {kind[:40]!r}"
        return [bytes(raw())]


class _Said:
    """What the model thought, said and called in one turn."""

    def __init__(self, place: str, content: Raw) -> None:
        self.place = place
        self.details: list[dict[str, Any]] = []
        self.foreign: set[int] = set()
        self.peculiar = ""
        self._content = content
        self._texts: list[_Block] = []
        self._marked = False
        self._length = 0
        self._calls: list[dict[str, Any]] = []
        self._images: list[str] = []
        self._asked: dict[str, dict[str, Any]] = {}

    def add(self, block: _Block, at: int) -> None:
        """One more block, which stands *at* its place. Raises BadRequest."""
        kind, place = block.type, f"{self.place}[{at}]"
        if kind == "text":
            self._texts.append(block)
            self._marked = self._marked or block.cache_control is not NULL
            self._length += len(_text_of(block, place))
        elif kind == "tool_use":
            self._calls.append(_call(block, place))
        elif kind in {"thinking", "redacted_thinking"}:
            detail, foreign = _thought(block, len(self.details), self._length)
            if foreign:
                self.foreign.add(at)
            if detail is not None:
                self.details.append(detail)
        elif kind in _CALLS or kind.endswith(_RESULT):
            _add_server_tool(self.details, self._asked, block, _raw_at(self._content, at), self._length)
        elif kind == "image" and (url := _image_url(block, place)):
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
            return [Raw(_text_part(one, self.place)) for one in texts]
        if len(texts) == 1:
            return texts[0].text
        return "".join(_text_of(one, self.place) for one in texts) if texts else None


def _read(content: Raw, place: str) -> list[_Block]:
    """The blocks of *content*; of those of an unknown kind nothing but that is looked at."""
    try:
        return _blocks(content)
    except BadJSON as error:
        problem = error
    try:
        fields = [_fields(raw) for raw in _raws(content)]
        strangers = [_kind_of(one) for one in fields]
        return [_Block(kind) if kind else _block(encode(one)) for kind, one in zip(strangers, fields, strict=True)]
    except BadJSON:
        raise BadRequest(f"`{place}`: {problem}") from None


def _plain_parts(blocks: list[_Block]) -> bytes | None:
    """The content that *blocks* make where all of them are texts, as most are; else None."""
    parts = []
    for block in blocks:
        text = bytes(block.text)
        if block.type != "text" or text[:1] != b'"':
            return None
        if block.cache_control is NULL:
            parts.append(b'{"type":"text","text":%b}' % text)
        else:
            parts.append(b'{"type":"text","text":%b,"cache_control":%b}' % (text, bytes(block.cache_control)))
    if len(parts) == 1 and blocks[0].cache_control is NULL:
        return bytes(blocks[0].text)
    return b"[%b]" % b",".join(parts) if parts else _EMPTY


def _raw_at(content: Raw, place: int) -> Raw:
    return _raws(content)[place]


def _kind_of(fields: dict[str, Raw]) -> str:
    """The kind of a block, if it is unknown; else nothing."""
    kind = _text(fields.get("type", NULL))
    return "" if kind in _KNOWN else kind


def _text_of(block: _Block, place: str) -> str:
    try:
        return _text(block.text)
    except BadJSON:
        raise BadRequest(f"`{place}.text` is missing, or no text") from None


def _text_part(block: _Block, place: str) -> bytes:
    text = bytes(block.text)
    if text[:1] != b'"':
        raise BadRequest(f"`{place}.text` is missing, or no text")
    if block.cache_control is NULL:
        return b'{"type":"text","text":%b}' % text
    return b'{"type":"text","text":%b,"cache_control":%b}' % (text, bytes(block.cache_control))


def _marked(part: dict[str, Any], block: _Block) -> bytes:
    return encode(part if block.cache_control is NULL else part | {"cache_control": block.cache_control})


def _call(block: _Block, place: str) -> dict[str, Any]:
    if not block.name:
        raise BadRequest(f"`{place}.name` is missing")
    arguments = bytes(block.input)
    if arguments[:1] != b"{":
        if arguments != b"null":
            raise BadRequest(f"`{place}.input`: an object is expected")
        arguments = b"{}"
    function = {"name": block.name, "arguments": arguments.decode()}
    return {"id": block.id or "", "type": "function", "function": function}


def _thought(block: _Block, index: int, position: int) -> tuple[dict[str, Any] | None, bool]:
    """A thought as an entry of ``reasoning_details``, and whether it is of another maker than the language's."""
    seal = (block.signature if block.type == "thinking" else block.data) or ""
    place: dict[str, Any] = {"index": index} | ({"position": position} if position else {})
    if seal.startswith(MARK):
        detail = unsealed(seal)
        if detail is None:
            return None, True
        if block.type == "thinking":
            name = "summary" if detail.get("type") == "reasoning.summary" else "text"
            detail = detail | {name: block.thinking or ""}
        return detail, True
    if block.type == "redacted_thinking":
        return {"type": "reasoning.encrypted", "data": seal, "format": _CLAUDE} | place, False
    told = {"type": "reasoning.text", "text": block.thinking or ""}
    if not seal:
        return told | {"format": "unknown", "index": index}, True
    return told | {"signature": seal, "format": _CLAUDE} | place, False


def _add_server_tool(
    details: list[dict[str, Any]], asked: dict[str, dict[str, Any]], block: _Block, raw: Raw, position: int
) -> None:
    """What a tool of the provider's own was asked, and what it found, as one entry of ``reasoning_details``."""
    if block.type in _CALLS:
        detail: dict[str, Any] = {
            "type": "reasoning.server_tool_call",
            "tool_name": block.name or "",
            "arguments": bytes(block.input).decode(),
            "result": "",
            "tool_call_id": block.id or "",
            "format": _CLAUDE,
            "index": len(details),
        }
        if block.server_name:
            detail["server_name"] = block.server_name
        asked[block.id or ""] = detail
    else:
        known = asked.pop(block.tool_use_id or "", None)
        if known is not None:
            known["result"] = bytes(raw).decode()
            return
        detail = {
            "type": "reasoning.server_tool_call",
            "tool_name": "",
            "arguments": "",
            "result": bytes(raw).decode(),
            "tool_call_id": "",
            "format": _CLAUDE,
            "index": len(details),
        }
    if position:
        detail["position"] = position
    details.append(detail)


def _image_url(block: _Block, place: str) -> str | None:
    """Where the image is: a ``data:`` URL holds it; None for an upload that only the provider knows."""
    source = _source_of(block, place)
    if source.type == "base64" and source.data is not None:
        return f"data:{source.media_type or 'image/png'};base64,{source.data}"
    if source.type == "url" and source.url:
        return source.url
    if source.type == "file" and source.file_id:
        return None
    raise BadRequest(f"`{place}.source`: an image comes as `base64` with `data`, or by `url`")


def _document(block: _Block, place: str) -> list[bytes] | None:
    """A document as parts: PDF as a file, text as text; None for an upload that only the provider knows."""
    source = _source_of(block, place)
    name = block.title or "document"
    if source.type == "base64" and source.data is not None:
        media_type = source.media_type or "application/pdf"
        stated = f"data:{media_type};base64,{source.data}"
    elif source.type == "url" and source.url:
        stated = source.url
    elif source.type == "text" and source.data is not None:
        heading = "\n".join(one for one in (block.title, block.context) if one)
        text = f"{heading}\n\n{source.data}" if heading else source.data
        return [_marked({"type": "text", "text": text}, block)]
    elif source.type == "content":
        return _texts(source.content, f"{place}.source")
    elif source.type == "file" and source.file_id:
        return None
    else:
        raise BadRequest(f"`{place}.source`: a document comes as `base64`, `text` or `content`, or by `url`")
    file = {"filename": name if "." in name else f"{name}.pdf", "file_data": stated}
    return [_marked({"type": "file", "file": file}, block)]


def _source_of(block: _Block, place: str) -> _Source:
    try:
        return _source(block.source)
    except BadJSON as error:
        raise BadRequest(f"`{place}.source`: {error}") from None


def _texts(content: Raw, place: str) -> list[bytes]:
    """The texts of *content*, which is one or a list of blocks; what else is there is left out."""
    text = bytes(content)
    if text[:1] == b'"':
        return [b'{"type":"text","text":%b}' % text]
    blocks = _read(content, f"{place}.content") if text[:1] == b"[" else []
    return [_text_part(one, f"{place}.content") for one in blocks if one.type == "text"]


def _plain(raw: Raw) -> str:
    try:
        return _text(raw)
    except BadJSON:
        return ""


def _without(messages: Raw, foreign: dict[int, set[int]]) -> Raw:
    """*messages* without the blocks in *foreign*, and without turns that nothing is left of."""
    kept: list[Any] = []
    for place, raw in enumerate(_raws(messages)):
        if place not in foreign:
            kept.append(raw)
            continue
        fields = _fields(raw)
        blocks = [block for at, block in enumerate(_raws(fields["content"])) if at not in foreign[place]]
        if blocks:
            kept.append(fields | {"content": blocks})
    return Raw(encode(kept))
