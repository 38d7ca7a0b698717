"""The messages of a chat as the turns and blocks of the Messages API."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct, field

from turnout.base.errors import BadRequest, UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.completion import NULL
from turnout.providers.conversation import File, Foreign, Image, Inline, Message, Part, Text, Video, read_data_url

__all__ = ["FORMAT", "OWN_BLOCKS", "Talk", "TextBlock", "must_be_inline", "talk_of", "unsaid"]

FORMAT: Final = "anthropic-claude-v1"
"""How ``reasoning_details`` name the form of a Claude's thoughts."""

OWN_BLOCKS: Final = frozenset({
    "container_upload", "document", "image", "search_result", "tool_addition", "tool_reference", "tool_removal",
})  # fmt: skip
"""Blocks of the provider's own that a client may put among its parts."""

_BAD_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_TEXTS: Final = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml")
_PDF: Final = "application/pdf"
_OTHER_FILES: Final = (
    ".csv", ".gif", ".html", ".jpeg", ".jpg", ".json", ".log", ".md", ".png", ".txt", ".webp", ".xml", ".yaml", ".yml",
)  # fmt: skip
"""Ends of names of files that are no PDF, which alone is read by URL."""


class TextBlock(Struct, tag_field="type", tag="text", omit_defaults=True):
    """A text, with its ``cache_control``."""

    text: str
    cache_control: Raw | None = None


class _Source(Struct, tag_field="type", tag="base64"):
    media_type: str
    data: str


class _TextSource(Struct, tag_field="type", tag="text"):
    media_type: str
    data: str


class _UrlSource(Struct, tag_field="type", tag="url"):
    url: str


class _FileSource(Struct, tag_field="type", tag="file"):
    file_id: str


class _Image(Struct, tag_field="type", tag="image", omit_defaults=True):
    source: _Source | _UrlSource
    cache_control: Raw | None = None


class _Document(Struct, tag_field="type", tag="document", omit_defaults=True):
    source: _Source | _TextSource | _UrlSource | _FileSource
    title: str | None = None
    cache_control: Raw | None = None


class _ToolUse(Struct, tag_field="type", tag="tool_use", omit_defaults=True):
    id: str
    name: str
    input: Raw
    cache_control: Raw | None = None


class _ToolResult(Struct, tag_field="type", tag="tool_result", omit_defaults=True):
    tool_use_id: str
    content: list[Any] = field(default_factory=list)
    is_error: bool = False
    cache_control: Raw | None = None


class _Thinking(Struct, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class _Redacted(Struct, tag_field="type", tag="redacted_thinking"):
    data: str


class _ServerCall(Struct, tag_field="type", tag="server_tool_use"):
    id: str
    name: str
    input: Raw


class _McpCall(Struct, tag_field="type", tag="mcp_tool_use"):
    id: str
    name: str
    server_name: str
    input: Raw


class _Turn(Struct):
    role: str
    content: list[Any]


class Talk(Struct):
    """A conversation in the provider's words.

    ``thought`` tells whether each call of the running tool loop comes with the thoughts that led to it; ``files``
    whether a file is named by its id; ``tool_changes`` whether tools come or go amid the conversation.
    """

    system: list[TextBlock]
    turns: list[_Turn]
    thought: bool = True
    files: bool = False
    tool_changes: bool = False


class _WireDetail(Struct):
    type: str = ""
    format: str | None = None
    index: int | None = None
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    server_name: str | None = None
    arguments: str | None = None
    result: str | None = None
    position: int | None = None


_detail = reader(_WireDetail)
_object = msgspec.json.Decoder(dict[str, Raw]).decode


def talk_of(messages: Sequence[Message], *, system_turns: bool) -> Talk:
    """The turns of *messages*. Instructions amid them stay there where *system_turns* allows it, else go to the top.

    The results of tools join into one turn of the user with what the user says next.

    Raises:
        BadRequest: a file without content.
        UpstreamError: a part of a kind that the provider does not take.
    """
    talk = Talk([], [])
    for place, message in enumerate(messages):
        if message.role == "assistant":
            if blocks := _assistant(message):
                talk.turns.append(_Turn("assistant", blocks))
        elif message.role == "tool":
            _add_result(talk.turns, message)
        elif message.role == "user":
            _add_user(talk, message)
        else:
            _add_instructions(talk, message, amid=system_turns and _may_stand(talk.turns, messages[place + 1 :]))
    if not talk.turns and talk.system:
        talk.turns, talk.system = [_Turn("user", list(talk.system))], []
    _trim_prefill(talk.turns)
    talk.thought = _is_thought(talk.turns)
    return talk


def _add_user(talk: Talk, message: Message) -> None:
    blocks = _said(message, talk)
    if blocks and talk.turns and _holds_results(talk.turns[-1]):
        talk.turns[-1].content += blocks
    elif blocks:
        talk.turns.append(_Turn("user", blocks))


def _add_instructions(talk: Talk, message: Message, *, amid: bool) -> None:
    blocks = _said(message, talk)
    if amid and blocks:
        talk.turns.append(_Turn("system", blocks))
        talk.tool_changes = talk.tool_changes or any(isinstance(block, Raw) for block in blocks)
    elif all(isinstance(block, TextBlock) for block in blocks):
        talk.system += blocks
    else:
        raise unsaid("instructions that are no text")


def unsaid(what: str) -> UpstreamError:
    """What must not be dropped and cannot be said: another provider may have the words for it."""
    return UpstreamError(
        f"This provider does not take {what}", error_type="invalid_request", elsewhere="endpoint", health="ignored"
    )


def must_be_inline(part: Part) -> bool:
    """Whether the provider would not read a file that stands there by URL: it wants https, and documents in PDF."""
    url = (part.url if isinstance(part, Image | File) else None) or ""
    if url[:8].lower() != "https://":
        return True
    return isinstance(part, File) and urlsplit(url).path.lower().endswith(_OTHER_FILES)


def _may_stand(turns: list[_Turn], rest: Iterable[Message]) -> bool:
    """Instructions follow the user, and what comes after them is the model's or nothing."""
    if not turns or turns[-1].role == "assistant":
        return False
    after = next((one for one in rest if one.role not in {"system", "developer"}), None)
    return after is None or after.role == "assistant"


def _said(message: Message, talk: Talk) -> list[Any]:
    """The blocks of what a user or the system says, under its name."""
    blocks = _blocks(message.parts)
    talk.files = talk.files or any(map(_names_file, message.parts))
    if message.name:
        _put_name(blocks, message.name)
    return _marked(blocks, message.cache)


def _names_file(part: Part) -> bool:
    if isinstance(part, Foreign):
        return b'"file_id"' in bytes(part.raw)
    return isinstance(part, File) and part.file_id is not None


def _put_name(blocks: list[Any], name: str) -> None:
    first = next((block for block in blocks if isinstance(block, TextBlock)), None)
    if first is not None:
        first.text = f"{name}: {first.text}"


def _assistant(message: Message) -> list[Any]:
    said = _blocks(message.parts)
    blocks = _interleaved(_thoughts(message.reasoning_details), said)
    if message.name:
        _put_name(blocks, message.name)
    if message.refusal and not said:
        blocks.append(TextBlock(message.refusal))
    for call in message.tool_calls:
        blocks.append(_ToolUse(_tool_id(call.id), call.name, _input(call.arguments)))
    if blocks and all(isinstance(block, _Thinking | _Redacted) for block in blocks):
        return []  # thoughts that led to nothing are no turn
    return _marked(blocks, message.cache)


def _add_result(turns: list[_Turn], message: Message) -> None:
    content = _blocks(message.parts)
    cache = message.cache if message.cache is not NULL else None
    result = _ToolResult(_tool_id(message.tool_call_id or ""), content, message.is_error, cache)
    if turns and _holds_results(turns[-1]) and isinstance(turns[-1].content[-1], _ToolResult):
        turns[-1].content.append(result)
    else:
        turns.append(_Turn("user", [result]))


def _holds_results(turn: _Turn) -> bool:
    return turn.role == "user" and isinstance(turn.content[0], _ToolResult)


def _marked(blocks: list[Any], cache: Raw) -> list[Any]:
    """A mark on the message is one on its last block; thoughts take none."""
    if cache is not NULL and blocks and hasattr(blocks[-1], "cache_control"):
        blocks[-1].cache_control = cache
    return blocks


def _blocks(parts: Sequence[Part]) -> list[Any]:
    """Empty texts are refused, and left out."""
    return [_block(part) for part in parts if not isinstance(part, Text) or part.text or isinstance(part, Foreign)]


def _block(part: Part) -> Any:  # noqa: ANN401 - any block
    if isinstance(part, Foreign):
        return part.raw
    if isinstance(part, Text):
        return TextBlock(part.text, part.cache if part.cache is not NULL else None)
    if isinstance(part, Image):
        cache = part.cache if part.cache is not NULL else None
        held = read_data_url(part.url)
        return _Image(_held_image(held) if held is not None else _UrlSource(part.url), cache)
    if isinstance(part, File):
        return _document(part)
    kind = "videos" if isinstance(part, Video) else "sound"
    raise unsaid(f"{kind} in messages")


def _held_image(held: Inline) -> _Source:
    return _Source("image/jpeg" if held.media_type == "image/jpg" else held.media_type, held.base64)


def _document(file: File) -> _Document | _Image:
    cache = file.cache if file.cache is not NULL else None
    if file.file_id:
        return _Document(_FileSource(file.file_id), None, cache)
    held = read_data_url(file.url or "")
    if held is None and file.url and file.url.startswith(("http://", "https://")):
        return _Document(_UrlSource(file.url), file.filename, cache)
    if not file.url:
        raise BadRequest("a file has neither content, nor an address, nor an id")
    media_type, encoded = (_PDF, file.url) if held is None else held
    if media_type.startswith("image/"):
        return _Image(_held_image(Inline(media_type, encoded)), cache)
    if media_type.startswith(_TEXTS):
        return _Document(_TextSource("text/plain", _plain(encoded)), file.filename, cache)
    return _Document(_Source(media_type, encoded), file.filename, cache)


def _plain(encoded: str) -> str:
    try:
        return b64decode(encoded).decode()
    except ValueError:
        raise BadRequest("a file of text is no base64 of UTF-8") from None


def _thoughts(details: Sequence[Raw]) -> list[tuple[int, Any]]:
    """The blocks that *details* were made of, as they were, each with the number of characters that came before it.

    Those of other makers and those without a seal are left out. Clients that collect a stream's deltas in a list send
    them in pieces, which are joined again.
    """
    blocks: list[tuple[int, Any]] = []
    open_index: int | None = None
    for raw in details:
        try:
            detail = _detail(raw)
        except BadJSON:
            continue
        if detail.format not in {FORMAT, None, "unknown"}:
            continue
        place = detail.position or 0
        if detail.type == "reasoning.text":
            last = blocks[-1][1] if blocks else None
            if isinstance(last, _Thinking) and not last.signature and detail.index == open_index:
                last.thinking += detail.text or ""
                last.signature = detail.signature or ""
            else:
                blocks.append((place, _Thinking(detail.text or "", detail.signature or "")))
                open_index = detail.index
        elif detail.type == "reasoning.encrypted" and detail.data:
            blocks.append((place, _Redacted(detail.data)))
        elif detail.type == "reasoning.server_tool_call":
            blocks += [(place, block) for block in _server_call(detail)]
    return [(place, block) for place, block in blocks if not isinstance(block, _Thinking) or block.signature]


def _interleaved(thoughts: Sequence[tuple[int, Any]], said: list[Any]) -> list[Any]:
    """What was thought among what was said, where the client has left the text in one piece, else before it."""
    whole = said[0] if len(said) == 1 and isinstance(said[0], TextBlock) else None
    if whole is None or not any(place for place, _ in thoughts):
        return [block for _, block in thoughts] + said
    blocks: list[Any] = []
    done = 0
    for place, block in thoughts:
        if whole.text[done:place].strip():
            blocks.append(TextBlock(whole.text[done:place]))
        blocks.append(block)
        done = max(done, place)
    whole.text = whole.text[done:]
    return [*blocks, whole] if whole.text.strip() else blocks


def _server_call(detail: _WireDetail) -> list[Any]:
    """A call of the provider's own tool, and what came of it; either may stand in another turn."""
    call_id, name = detail.tool_call_id or "", detail.tool_name or ""
    blocks: list[Any] = []
    if name:
        asked = _input(detail.arguments or "{}")
        own = detail.server_name
        blocks.append(_McpCall(call_id, name, own, asked) if own else _ServerCall(call_id, name, asked))
    result = (detail.result or "").encode()
    try:
        _object(result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return blocks
    return [*blocks, Raw(result)]


def _tool_id(stated: str) -> str:
    """Other providers' ids may hold what this one refuses; call and result change alike."""
    return _BAD_ID.sub("_", stated) or "call"


def _input(arguments: str) -> Raw:
    """The arguments of a call, which must be an object; what is none, as in a call that was cut off, is put in one."""
    text = arguments.encode()
    try:
        _object(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Raw(b"{}") if not text.strip() else Raw(encode({"arguments": arguments}))
    return Raw(text)


def _trim_prefill(turns: list[_Turn]) -> None:
    """What the model shall go on with must not end in white space."""
    if turns and turns[-1].role == "assistant" and isinstance(last := turns[-1].content[-1], TextBlock):
        last.text = last.text.rstrip()
        if not last.text:
            turns[-1].content.pop()
            if not turns[-1].content:
                turns.pop()


def _is_thought(turns: list[_Turn]) -> bool:
    """Whether the calls since the user last spoke begin with thoughts, and so does what the model shall go on with."""
    if turns and turns[-1].role == "assistant":
        return isinstance(turns[-1].content[0], _Thinking | _Redacted)
    for turn in reversed(turns):
        if turn.role == "user" and not _holds_results(turn):
            return True
        if turn.role == "assistant" and isinstance(turn.content[-1], _ToolUse):
            return isinstance(turn.content[0], _Thinking | _Redacted)
    return True
