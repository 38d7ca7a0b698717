"""The blocks of an answer of the Messages API, made of chat deltas one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

import msgspec

from turnout.api.pieces import CallPiece, Citation, Delta, goes_on, is_object, join, thoughts_in
from turnout.api.seals import sealed
from turnout.base.jsons import encode

__all__ = ["Blocks", "call_block", "cited", "closed_thoughts", "image_block"]

_CLAUDE: Final = "anthropic-claude-v1"
_TEXT_DELTA: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"text_delta","text":%b}}\n\n'
)
_DELTA: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b}\n\n'
_START: Final = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_STOP: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_TEXT_START: Final = b'{"citations":null,"type":"text","text":""}'
_CALLER: Final = {"type": "direct"}
_TOOL_USE: Final[Mapping[str, Any]] = {"type": "tool_use", "caller": _CALLER}
_SERVER_USE: Final[Mapping[str, Any]] = {"type": "server_tool_use", "caller": _CALLER}
_MCP_USE: Final[Mapping[str, Any]] = {"type": "mcp_tool_use"}
_PLAIN_KEYS: Final = frozenset({"type", "text", "format", "index", "signature", "position"})


@final
class Blocks:
    """Writes the events of one answer's blocks; one block is open at a time.

    Pieces of a tool call that come while another one is unfinished wait for their turn.
    """

    __slots__ = ("_arguments", "_call", "_index", "_kind", "_thought", "_waiting", "called")

    def __init__(self) -> None:
        self.called = False
        self._index = -1
        self._kind = ""  # of the open block
        self._thought: dict[str, Any] = {}
        self._call = -1  # the index of the open tool call
        self._arguments = ""
        self._waiting: dict[int, list[CallPiece]] = {}

    def text(self, text: bytes) -> bytes:
        """More of the answer, a JSON string."""
        if self._kind == "text":
            return _TEXT_DELTA % (self._index, text)
        return self._open("text", _TEXT_START) + _TEXT_DELTA % (self._index, text)

    def take(self, delta: Delta) -> bytes:
        """The events for all that *delta* says."""
        events = [self._think(detail) for detail in thoughts_in(delta)]
        if delta.content:
            events.append(self.text(encode(delta.content)))
        if delta.refusal:
            events.append(self.text(encode(delta.refusal)))
        events += [self._cite(one) for one in delta.citations]
        for url in delta.pictures:
            events.append(self._open("image", encode(image_block(url))))
        events += [self._write(piece) for piece in delta.tool_calls or ()]
        return b"".join(events)

    def close(self) -> bytes:
        """The end of the last block, after all that still waits."""
        events = []
        for index in sorted(self._waiting):
            events += [self._begin(index), *(self._piece(piece) for piece in self._waiting.pop(index))]
        return b"".join([*events, self._close()])

    def _open(self, kind: str, block: bytes) -> bytes:
        closed = self._close()
        self._kind = kind
        self._index += 1
        return closed + _START % (self._index, block)

    def _close(self) -> bytes:
        kind, self._kind = self._kind, ""
        if not kind:
            return b""
        seal = b""
        if kind == "thinking" and (signature := closed_thoughts(self._thought)[0]["signature"]):
            seal = _DELTA % (self._index, encode({"type": "signature_delta", "signature": signature}))
        return seal + _STOP % self._index

    def _think(self, piece: dict[str, Any]) -> bytes:
        """A thought or more of one; what cannot be read is a block of its own, and so is what nobody can show."""
        if self._kind == "thinking" and goes_on(self._thought, piece):
            join(self._thought, piece)
            return self._thinking(piece)
        if not (_is_readable(piece) or _begins(piece)):
            return b"".join([self._open("closed", encode(block)) for block in closed_thoughts(piece)])
        opened = self._open("thinking", b'{"type":"thinking","thinking":"","signature":""}')
        self._thought = dict(piece)
        return opened + self._thinking(piece)

    def _thinking(self, piece: dict[str, Any]) -> bytes:
        text = piece.get("text") or piece.get("summary")
        return _DELTA % (self._index, encode({"type": "thinking_delta", "thinking": text})) if text else b""

    def _cite(self, citation: Citation) -> bytes:
        if self._kind != "text":
            return b""
        return _DELTA % (self._index, encode({"type": "citations_delta", "citation": cited(citation)}))

    def _write(self, piece: CallPiece) -> bytes:
        """A tool call or more of one."""
        if self._kind == "tool" and piece.index == self._call:
            return self._piece(piece)
        if piece.index in self._waiting or (self._kind == "tool" and not is_object(self._arguments)):
            self._waiting.setdefault(piece.index, []).append(piece)
            return b""
        return self._begin(piece.index, piece) + self._piece(piece)

    def _begin(self, index: int, first: CallPiece | None = None) -> bytes:
        first = first or next((one for one in self._waiting[index] if one.name), self._waiting[index][0])
        self.called = True
        self._call, self._arguments = index, ""
        return self._open("tool", encode({**_TOOL_USE, "id": first.id or "", "name": first.name, "input": {}}))

    def _piece(self, piece: CallPiece) -> bytes:
        text = piece.arguments
        if not text:
            return b""
        self._arguments += text
        return _DELTA % (self._index, encode({"type": "input_json_delta", "partial_json": text}))


def closed_thoughts(detail: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks of a whole entry of ``reasoning_details``: a thought that can be read, one that cannot, or what a tool
    of the provider's own was asked and found.

    Those of other makers are sealed in what the client sends back as it is.
    """
    form = detail.get("format")
    if not (_is_readable(detail) or (form == _CLAUDE and detail.get("signature"))):
        if form == _CLAUDE and (blocks := _server_blocks(detail)):
            return blocks
        ours = form == _CLAUDE and detail.get("type") == "reasoning.encrypted" and not detail.get("id")
        return [{"type": "redacted_thinking", "data": (detail.get("data") or "") if ours else sealed(detail)}]
    text = detail.get("text") or detail.get("summary") or ""
    plain = detail.keys() <= _PLAIN_KEYS and detail.get("type") == "reasoning.text"
    if plain and form == _CLAUDE and detail.get("signature"):
        signature = detail["signature"]
    elif plain and form in {"unknown", None} and not detail.get("signature"):
        signature = ""
    else:
        signature = sealed({name: value for name, value in detail.items() if name not in {"text", "summary"}})
    return [{"type": "thinking", "thinking": text, "signature": signature}]


def _server_blocks(detail: dict[str, Any]) -> list[dict[str, Any]]:
    """The call of a tool of the language's own, and what came of it; none where it is told in another way."""
    if detail.get("type") != "reasoning.server_tool_call":
        return []
    blocks: list[dict[str, Any]] = []
    name, server = detail.get("tool_name"), detail.get("server_name")
    if name:
        kind: dict[str, Any] = {**_MCP_USE, "server_name": server} if server else {**_SERVER_USE}
        asked = detail.get("arguments") or "{}"
        if not is_object(asked):
            return []
        blocks.append(
            kind | {"id": detail.get("tool_call_id") or "", "name": name, "input": msgspec.Raw(asked.encode())}
        )
    if found := detail.get("result"):
        result = msgspec.json.decode(found) if is_object(found) else {}
        if not str(result.get("type", "")).endswith("_tool_result"):
            return []
        blocks.append(result)
    return blocks


def call_block(call: CallPiece) -> dict[str, Any]:
    """The block of a whole tool call. Arguments that are no object are put into one."""
    arguments: Any = msgspec.Raw(call.arguments.encode() or b"{}")
    if not is_object(call.arguments or "{}"):
        arguments = {"arguments": call.arguments}
    return {**_TOOL_USE, "id": call.id or "", "name": call.name, "input": arguments}


def image_block(url: str) -> dict[str, Any]:
    """The block of a picture that the model drew."""
    head, comma, content = url.partition(",")
    if comma and head.startswith("data:"):
        source = {"type": "base64", "media_type": head[5:].partition(";")[0], "data": content}
    else:
        source = {"type": "url", "url": url}
    return {"type": "image", "source": source}


def cited(citation: Citation) -> dict[str, Any]:
    """A source as the language names it."""
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.content or "",
        "encrypted_index": "",
    }


def _is_readable(detail: dict[str, Any]) -> bool:
    return bool(detail.get("text") or detail.get("summary"))


def _begins(detail: dict[str, Any]) -> bool:
    """Whether a thought of the language's own begins with no word yet, or is one that shows none."""
    return detail.get("type") == "reasoning.text" and detail.get("format") == _CLAUDE
