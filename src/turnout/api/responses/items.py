"""The input items of the Responses API as messages of a chat."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Raw, Struct, field

from turnout.api.responses.told_parts import (
    TEXTS,
    Part,
    is_text,
    joined,
    lone_text,
    marked,
    part_of,
    read_parts,
    stated,
    texts_of,
)
from turnout.api.responses.tools import Told, word
from turnout.api.seals import MARK, unsealed
from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.chat import Traits
from turnout.domain.completion import NULL

__all__ = ["FORMAT", "BadItems", "Conversation", "as_chat", "read_items"]

FORMAT: Final = "openai-responses-v1"
"""How ``reasoning_details`` name the form of the language's own thoughts."""
_QUOTE, _LIST, _OBJECT = ord('"'), ord("["), ord("{")
_CALLS: Final = frozenset({"function_call", "custom_tool_call"})
_RESULTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
_SQUEEZED: Final = frozenset({"compaction", "context_compaction"})
_OUTPUT: Final = "_call_output"
_DRAWING: Final = "image_generation_call"
_NOT_ASKED: Final = frozenset({"type", "id", "call_id", "status"})
_SEALED: Final = f'"{MARK}'.encode()
_OURS: Final = b'"rs_gen_'
"""How the ids begin that thoughts get here, for want of their maker's."""
_EMPTY: Final = b'""'
_NULL: Final = b"null"


class _Item(Struct):
    """An item of any kind; what its fields hold is looked at when it is told."""

    type: str = "message"
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: Raw = NULL
    phase: Raw = NULL
    id: Raw = NULL
    call_id: Raw = NULL
    name: Raw = NULL
    namespace: Raw = NULL
    arguments: Raw = NULL
    input: Raw = NULL
    output: Raw = NULL
    summary: Raw = NULL
    encrypted_content: Raw = NULL
    signature: Raw = NULL
    format: Raw = NULL
    result: Raw = NULL


class Conversation(Struct):
    """What the items of a request say.

    Attributes:
        messages: JSON of chat messages, without the brackets of their list, in order.
        own: what a provider of the language gets: the items without thoughts of other makers; None: all of them.
        traits: of the messages.
        peculiar: something that no other language says; empty: nothing.
        unsaid: kinds of items that are left out.
    """

    messages: list[bytes]
    own: Raw | None
    traits: Traits
    peculiar: str
    unsaid: list[str]


class BadItems(BadJSON):
    """The items are wrong, the JSON around them is not."""


_items = reader(list[_Item])
_raws = reader(list[Raw])
_text = reader(str)
_fields = reader(dict[str, Raw])


def read_items(source: Raw) -> list[_Item]:
    """The items of a request; a text is what the user says. Raises BadItems: they are neither."""
    first = memoryview(source)[0]
    if first == _QUOTE:
        return [_Item(role="user", content=source)]
    if first != _LIST:
        raise BadItems("`input`: a text or a list of items is expected")
    try:
        return _items(source)
    except BadJSON as error:
        raise BadItems(f"`input`: {error}") from None


def as_chat(source: Raw, items: list[_Item], told: Told) -> Conversation:
    """What *items* say, which were read from *source*; *told* are the tools.

    Raises:
        BadRequest: an item is not what its type says; the message names the place.
    """
    teller = _Teller(source, told)
    place = 0
    try:
        for place, item in enumerate(items):
            if item.role == "user" and item.type == "message":  # half of them are, and most say one text
                content = item.content
                said = bytes(content) if memoryview(content)[0] == _QUOTE else lone_text(content)
                if said is not None:
                    teller.turn_over()
                    teller.told.append(b'{"role":"user","content":%b}' % said)
                    continue
            teller.add(item, place)
        teller.turn_over()
    except BadJSON as error:  # a text that is none
        raise BadRequest(f"`input[{place}]`: {error}") from None
    own = None
    if teller.foreign:
        own = Raw(encode([raw for place, raw in enumerate(_raws(source)) if place not in teller.foreign]))
    marks = b'"cache_control"' in bytes(source)
    traits = Traits(teller.developer, teller.thought, marks, teller.rich, teller.files)
    return Conversation(teller.told, own, traits, teller.peculiar, teller.unsaid)


class _Turn(Struct):
    """What the model thought, said and called, until somebody else speaks."""

    texts: list[bytes] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    calls: list[bytes] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    marked: bool = False
    spoke: bool = False

    def message(self) -> bytes:
        """The message of the assistant."""
        if self.spoke and not (self.details or self.calls or self.refusals or self.images or self.parts):
            return b'{"role":"assistant","content":%b}' % joined(self.texts)
        content = b"[%b]" % b",".join(self.parts) if self.parts else joined(self.texts)
        fields: dict[str, Any] = {"role": "assistant", "content": Raw(content)}
        if self.refusals:
            fields["refusal"] = Raw(joined(self.refusals))
        if self.details:
            fields["reasoning_details"] = self.details
            if thought := "".join(_readable(one) for one in self.details):
                fields["reasoning"] = thought
        if self.calls:
            fields["tool_calls"] = Raw(b"[%b]" % b",".join(self.calls))
        if self.images:
            fields["images"] = [{"type": "image_url", "image_url": {"url": url}} for url in self.images]
        return encode(fields)

    def place(self) -> dict[str, Any]:
        """Where a detail stands: its index, and how many characters of the content come before."""
        length = len(_text(joined(self.texts))) if self.texts else 0
        return {"index": len(self.details)} | ({"position": length} if length else {})


class _Teller:
    """Collects the messages, and what is special about them."""

    def __init__(self, source: Raw, told: Told) -> None:
        self.told: list[bytes] = []
        self.foreign: set[int] = set()  # items with thoughts of other makers
        self.developer = self.thought = self.rich = self.files = False
        self.peculiar = ""
        self.unsaid: list[str] = []
        self._source = source
        self._tools = told
        self._turn: _Turn | None = None
        self._answered: frozenset[bytes] | None = None

    def add(self, item: _Item, place: int) -> None:
        """One more item, which stands at *place*. Raises BadRequest."""
        kind, at = item.type, f"input[{place}]"
        if kind == "message":
            if item.role is None:
                raise BadRequest(f"`{at}.role` is missing")
            if item.role == "assistant":
                self._speak(item, at)
            else:
                self._hear(item, at)
        elif kind in _CALLS:
            turn = self._own_turn()
            turn.spoke = False
            turn.calls.append(self._call(item, at))
        elif kind in _RESULTS:
            self._result(item, at)
        elif kind == "reasoning":
            self._think(item, place)
        elif kind == "item_reference":
            raise BadRequest(f"`{at}`: no item is kept that could be referred to. Send the item itself")
        else:
            self._other(item, place)

    def turn_over(self) -> None:
        """Somebody else speaks now: what the model said is a message."""
        turn, self._turn = self._turn, None
        if turn is not None:
            self.thought = self.thought or bool(turn.details)
            self.told.append(turn.message())

    def _own_turn(self) -> _Turn:
        if self._turn is None:
            self._turn = _Turn()
        return self._turn

    def _hear(self, item: _Item, at: str) -> None:
        """The user, the system, or the developer."""
        self.turn_over()
        role = item.role or ""
        self.developer = self.developer or role == "developer"
        content = self._content(item.content, f"{at}.content")
        self.told.append(b'{"role":"%b","content":%b}' % (role.encode(), content))

    def _content(self, content: Raw, at: str) -> bytes:
        text = bytes(content)
        if text[:1] == b'"':
            return text
        if text[:1] != b"[":
            if text != _NULL:
                raise BadRequest(f"`{at}`: a text or a list of parts is expected")
            return _EMPTY
        if (lone := lone_text(content)) is not None:
            return lone
        parts = read_parts(content, at)
        told = [
            b'{"type":"text","text":%b}' % bytes(one.text)
            if is_text(one)
            else self._part(one, f"{at}[{place}]", content, place)
            for place, one in enumerate(parts)
        ]
        return b"[%b]" % b",".join(told)

    def _part(self, part: Part, at: str, content: Raw, place: int) -> bytes:
        """A part, the one at *place* in *content*, as a chat has it."""
        told = part_of(part, at)
        if told is None:
            self.peculiar = self.peculiar or f"a part of type {part.type[:40]!r}"
            return bytes(_raws(content)[place])
        self.files = self.files or part.type == "input_file"
        return told

    def _speak(self, item: _Item, at: str) -> None:
        """What the model said. One message right after another is another turn, unless the model has marked them."""
        phase = bytes(item.phase)
        turn = self._turn
        if turn is not None and turn.spoke and not turn.marked and phase != b'"commentary"':
            self.turn_over()
        turn = self._own_turn()
        if turn.marked or phase == b'"commentary"':
            turn.details.append(_mark(item) | turn.place())
            turn.marked = True
        turn.spoke = True
        content = bytes(item.content)
        if content[:1] == b'"':
            turn.texts.append(content)
            return
        if content[:1] != b"[":
            raise BadRequest(f"`{at}.content`: a text or a list of parts is expected")
        if not turn.parts and (lone := lone_text(item.content)) is not None:
            turn.texts.append(lone)
            return
        for place, part in enumerate(read_parts(item.content, f"{at}.content")):
            where = f"{at}.content[{place}]"
            if part.type == "refusal":
                turn.refusals.append(stated(part.refusal, f"{where}.refusal"))
            elif part.type in TEXTS:
                turn.texts.append(stated(part.text, f"{where}.text"))
                if part.cache_control is not NULL or turn.parts:
                    turn.parts = turn.parts or [b'{"type":"text","text":%b}' % one for one in turn.texts[:-1]]
                    turn.parts.append(marked(b'{"type":"text","text":%b' % turn.texts[-1], part))
            else:
                self.peculiar = self.peculiar or f"a part of type {part.type[:40]!r}"

    def _call(self, item: _Item, at: str) -> bytes:
        """A call of a function; what a tool takes as plain text is the one field of an object."""
        call_id = stated(item.call_id, f"{at}.call_id")
        name = stated(item.name, f"{at}.name")
        if bytes(item.namespace)[:1] == b'"':
            name = encode(self._tools.called(_text(name), _text(item.namespace)))
        if item.type == "custom_tool_call":
            arguments = encode((b'{"input":%b}' % stated(item.input, f"{at}.input")).decode())
        else:
            arguments = bytes(item.arguments)
            if arguments[:1] != b'"':
                arguments = encode("{}" if arguments == _NULL else arguments.decode())
        return _CALL % (call_id, name, arguments)

    def _result(self, item: _Item, at: str) -> None:
        """What a tool found."""
        self.turn_over()
        call_id = stated(item.call_id, f"{at}.call_id")
        output = item.output
        first = memoryview(output)[0]
        if first == _OBJECT:
            content = encode(bytes(output).decode())
        else:
            content = self._content(output, f"{at}.output")
            self.rich = self.rich or (first == _LIST and any(one.type not in TEXTS for one in read_parts(output, at)))
        self.told.append(b'{"role":"tool","tool_call_id":%b,"content":%b}' % (call_id, content or _EMPTY))

    def _think(self, item: _Item, place: int) -> None:
        """A thought: the language's own in pieces, that of another maker out of its seal."""
        turn, at = self._own_turn(), f"input[{place}]"
        turn.spoke = False
        seal = bytes(item.encrypted_content)
        summaries = texts_of(item.summary, f"{at}.summary")
        thoughts = texts_of(item.content, f"{at}.content")
        if seal.startswith(_SEALED):
            self.foreign.add(place)
            if (detail := unsealed(_text(seal))) is not None:
                missing = {"reasoning.text": "text", "reasoning.summary": "summary"}.get(detail.get("type", ""))
                if missing is not None and missing not in detail:
                    detail[missing] = "".join(_text(one) for one in (*summaries, *thoughts))
                turn.details.append(detail)
            return
        common: dict[str, Any] = {"format": FORMAT} if item.format is NULL else {"format": item.format}
        if bytes(item.id)[:1] == b'"' and not bytes(item.id).startswith(_OURS):
            common["id"] = item.id
        for one in summaries:
            shown = {"type": "reasoning.summary", "summary": Raw(one), **common, "index": len(turn.details)}
            turn.details.append(shown)
        for one in thoughts:
            turn.details.append({"type": "reasoning.text", "text": Raw(one), **common} | turn.place())
            if bytes(item.signature)[:1] == b'"':
                turn.details[-1]["signature"] = item.signature
        if seal[:1] == b'"':
            turn.details.append({"type": "reasoning.encrypted", "data": Raw(seal), **common} | turn.place())

    def _other(self, item: _Item, place: int) -> None:
        """An item of a tool that only the language has, or of a kind that only it knows."""
        kind = item.type
        call_id = bytes(item.call_id)
        if kind in _SQUEEZED:
            self.peculiar = self.peculiar or f"an item of type {kind!r}"
            self._deed(item, place)
        elif kind.endswith(_OUTPUT) and call_id[:1] == b'"':
            self._result(item, f"input[{place}]")
        elif kind.endswith("_call") and call_id in self._results():
            asked = {name: one for name, one in _fields(self._raw(place)).items() if name not in _NOT_ASKED}
            arguments = encode(encode(asked).decode())
            self._own_turn().calls.append(_CALL % (call_id, encode(kind.removesuffix("_call")), arguments))
        elif kind.endswith(("_call", "_output")) or kind.startswith(("mcp_", "openrouter:")):
            self._deed(item, place)
        else:
            self.unsaid.append(f"input.{word(kind)}")

    def _deed(self, item: _Item, place: int) -> None:
        """What a tool of the provider's own did, to be sent back to it; a picture stands beside it."""
        turn, raw = self._own_turn(), self._raw(place)
        turn.spoke = False
        if item.type == _DRAWING and bytes(item.result)[:1] == b'"':
            turn.images.append(f"data:image/png;base64,{_text(item.result)}")
            raw = Raw(encode({name: one for name, one in _fields(raw).items() if name != "result"}))
        name = item.type.removesuffix("_call")
        turn.details.append(_deed(name, bytes(raw).decode(), item.id) | turn.place())

    def _results(self) -> frozenset[bytes]:
        """The ids of calls that the client has answered."""
        if self._answered is None:
            every = _items(self._source)
            self._answered = frozenset(bytes(one.call_id) for one in every if one.type.endswith(_OUTPUT))
        return self._answered

    def _raw(self, place: int) -> Raw:
        return _raws(self._source)[place]


_CALL: Final = b'{"id":%b,"type":"function","function":{"name":%b,"arguments":%b}}'


def _readable(detail: dict[str, Any]) -> str:
    said = detail.get("text") or detail.get("summary") or ""
    return _text(said) if isinstance(said, Raw) else said


def _mark(item: _Item) -> dict[str, Any]:
    """How the text that follows is meant."""
    told = encode({"type": "message", "id": item.id, "phase": item.phase}).decode()
    return _deed("message", told, item.id)


def _deed(name: str, result: str, item_id: Raw) -> dict[str, Any]:
    return {
        "type": "reasoning.server_tool_call",
        "tool_name": name,
        "arguments": "{}",
        "result": result,
        "tool_call_id": item_id if bytes(item_id)[:1] == b'"' else "",
        "format": FORMAT,
    }
