"""One block of a turn of the Messages API in the words of a chat."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct

from turnout.api.seals import MARK, unsealed
from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.completion import NULL

__all__ = [
    "CALLS",
    "Block",
    "add_server_tool",
    "call_of",
    "image_url",
    "parts_of",
    "plain_content",
    "raw_blocks",
    "read_blocks",
    "text_of",
    "text_part",
    "thought_of",
]

_CLAUDE = "anthropic-claude-v1"
CALLS = frozenset({"server_tool_use", "mcp_tool_use"})
_KNOWN = CALLS | {
    "document", "image", "redacted_thinking", "search_result", "text", "thinking", "tool_result", "tool_use",
}  # fmt: skip


class _Source(Struct):
    type: str = ""
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: Raw = NULL


class Block(Struct):
    """A block of any kind."""

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


_blocks = reader(list[Block])
_block = reader(Block)
_source = reader(_Source)
_text = reader(str)
_fields = reader(dict[str, Raw])
raw_blocks = reader(list[Raw])
"""Blocks as they were sent."""


def read_blocks(content: Raw, place: str) -> list[Block]:
    """The blocks of *content*; of those of an unknown kind nothing but that is looked at."""
    try:
        return _blocks(content)
    except BadJSON as error:
        problem = error
    try:
        fields = [_fields(raw) for raw in raw_blocks(content)]
        strangers = [_kind_of(one) for one in fields]
        return [Block(kind) if kind else _block(encode(one)) for kind, one in zip(strangers, fields, strict=True)]
    except BadJSON:
        raise BadRequest(f"`{place}`: {problem}") from None


def plain_content(blocks: list[Block]) -> bytes | None:
    """The content that *blocks* make where all of them are texts, as most are; else None."""
    if any(block.type != "text" or bytes(block.text)[:1] != b'"' for block in blocks):
        return None
    if len(blocks) == 1 and blocks[0].cache_control is NULL:
        return bytes(blocks[0].text)
    return b"[%b]" % b",".join([text_part(block, "") for block in blocks]) if blocks else b'""'


def text_of(block: Block, place: str) -> str:
    """The text of a block. Raises BadRequest: it has none."""
    try:
        return _text(block.text)
    except BadJSON:
        raise BadRequest(f"`{place}.text` is missing, or no text") from None


def text_part(block: Block, place: str) -> bytes:
    """A text as a part of a message. Raises BadRequest: it has none."""
    text = bytes(block.text)
    if text[:1] != b'"':
        raise BadRequest(f"`{place}.text` is missing, or no text")
    if block.cache_control is NULL:
        return b'{"type":"text","text":%b}' % text
    return b'{"type":"text","text":%b,"cache_control":%b}' % (text, bytes(block.cache_control))


def _marked(part: dict[str, Any], block: Block) -> bytes:
    return encode(part if block.cache_control is NULL else part | {"cache_control": block.cache_control})


def call_of(block: Block, place: str) -> dict[str, Any]:
    """An entry of ``tool_calls``. Raises BadRequest: nothing can be called so."""
    if not block.name:
        raise BadRequest(f"`{place}.name` is missing")
    arguments = bytes(block.input)
    if arguments[:1] != b"{":
        if arguments != b"null":
            raise BadRequest(f"`{place}.input`: an object is expected")
        arguments = b"{}"
    function = {"name": block.name, "arguments": arguments.decode()}
    return {"id": block.id or "", "type": "function", "function": function}


def thought_of(block: Block, index: int, position: int) -> tuple[dict[str, Any] | None, bool]:
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


def add_server_tool(
    details: list[dict[str, Any]], asked: dict[str, dict[str, Any]], block: Block, raw: Raw, position: int
) -> None:
    """What a tool of the provider's own was asked, and what it found, as one entry of ``reasoning_details``."""
    calls = block.type in CALLS
    if not calls and (known := asked.pop(block.tool_use_id or "", None)) is not None:
        known["result"] = bytes(raw).decode()
        return
    detail: dict[str, Any] = {
        "type": "reasoning.server_tool_call",
        "tool_name": (block.name or "") if calls else "",
        "arguments": bytes(block.input).decode() if calls else "",
        "result": "" if calls else bytes(raw).decode(),
        "tool_call_id": (block.id or "") if calls else "",
        "format": _CLAUDE,
        "index": len(details),
    }
    if calls:
        asked[block.id or ""] = detail
        if block.server_name:
            detail["server_name"] = block.server_name
    if position:
        detail["position"] = position
    details.append(detail)


def parts_of(block: Block, place: str) -> list[bytes] | None:
    """A block that is not the model's as parts of a message; None for what no other language says.

    Raises:
        BadRequest: it is not what its type says; the message names the *place*.
    """
    match block.type:
        case "text":
            return [text_part(block, place)]
        case "image":
            url = image_url(block, place)
            return None if url is None else [_marked({"type": "image_url", "image_url": {"url": url}}, block)]
        case "document":
            return _document(block, place)
        case "search_result":
            heading = "\n".join(one for one in (block.title, _plain(block.source)) if one)
            return [encode({"type": "text", "text": heading}), *_texts(block.content, place)]
        case "thinking":
            raise BadRequest(f"`{place}`: only the assistant thinks")
    return None


def image_url(block: Block, place: str) -> str | None:
    """Where the image is: a ``data:`` URL holds it; None for an upload that only the provider knows."""
    source = _source_of(block, place)
    if (url := _address(source, "image/png")) is None and not _is_upload(source):
        raise BadRequest(f"`{place}.source`: an image comes as `base64` with `data`, or by `url`")
    return url


def _document(block: Block, place: str) -> list[bytes] | None:
    """A document as parts: PDF as a file, text as text; None for an upload that only the provider knows."""
    source = _source_of(block, place)
    if source.type == "text" and source.data is not None:
        heading = "\n".join(one for one in (block.title, block.context) if one)
        text = f"{heading}\n\n{source.data}" if heading else source.data
        return [_marked({"type": "text", "text": text}, block)]
    if source.type == "content":
        return _texts(source.content, f"{place}.source")
    if (url := _address(source, "application/pdf")) is None:
        if _is_upload(source):
            return None
        raise BadRequest(f"`{place}.source`: a document comes as `base64`, `text` or `content`, or by `url`")
    name = block.title or "document"
    file = {"filename": name if "." in name else f"{name}.pdf", "file_data": url}
    return [_marked({"type": "file", "file": file}, block)]


def _address(source: _Source, usual: str) -> str | None:
    """The URL of what a source holds, of the *usual* media type where it tells none."""
    if source.type == "base64" and source.data is not None:
        return f"data:{source.media_type or usual};base64,{source.data}"
    return source.url if source.type == "url" and source.url else None


def _is_upload(source: _Source) -> bool:
    return source.type == "file" and bool(source.file_id)


def _kind_of(fields: dict[str, Raw]) -> str:
    """The kind of a block, if it is unknown; else nothing."""
    kind = _text(fields.get("type", NULL))
    return "" if kind in _KNOWN else kind


def _source_of(block: Block, place: str) -> _Source:
    try:
        return _source(block.source)
    except BadJSON as error:
        raise BadRequest(f"`{place}.source`: {error}") from None


def _texts(content: Raw, place: str) -> list[bytes]:
    """The texts of *content*, which is one or a list of blocks; what else is there is left out."""
    text = bytes(content)
    if text[:1] == b'"':
        return [b'{"type":"text","text":%b}' % text]
    blocks = read_blocks(content, f"{place}.content") if text[:1] == b"[" else []
    return [text_part(one, f"{place}.content") for one in blocks if one.type == "text"]


def _plain(raw: Raw) -> str:
    try:
        return _text(raw)
    except BadJSON:
        return ""
