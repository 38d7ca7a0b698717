"""What a model thought, and what its provider's own tools did: details sent back, as the items that they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from msgspec import Raw, Struct, field

from turnout.base.jsons import BadJSON, reader
from turnout.providers.details import Told, read_details

__all__ = ["FORMAT", "MARK", "Mark", "items_of"]

FORMAT: Final = "openai-responses-v1"
"""How ``reasoning_details`` name the form of these thoughts."""
MARK: Final = "message"
"""The name of a tool that is none: its detail tells the phase of the text that follows."""
_STORED: Final = "item_reference"  # points into the provider's store, which belongs to all clients


class _SummaryText(Struct, tag_field="type", tag="summary_text"):
    text: str


class _ThoughtText(Struct, tag_field="type", tag="reasoning_text"):
    text: str


class _Thought(Struct, tag_field="type", tag="reasoning", omit_defaults=True):
    summary: list[_SummaryText]
    id: str | None = None
    content: list[_ThoughtText] = field(default_factory=list)
    encrypted_content: str | None = None


class Mark(Struct):
    """The phase of the text that follows, and the id of its item."""

    phase: str | None = None
    id: str | None = None


class _WireItem(Struct):
    type: str = ""
    phase: str | None = None
    id: str | None = None


class _Open(NamedTuple):
    """A thought whose seal has not come yet: its pieces by index."""

    id: str | None
    place: int
    summary: dict[int | None, str]
    text: dict[int | None, str]


_item = reader(_WireItem)


def items_of(details: Sequence[Raw]) -> list[tuple[int, Any]]:
    """The items that *details* were made of, each with the number of characters of the text that came before it.

    Thoughts of other makers are left out, and so are summaries without the sealed thought: the provider does not take
    them. Pieces of a stream that a client has put into a list one by one are joined again.
    """
    items: list[tuple[int, Any]] = []
    thought: _Open | None = None
    for detail in read_details(details):
        if detail.format not in {FORMAT, None}:
            continue
        place, kind = detail.place, detail.type
        if kind in {"reasoning.summary", "reasoning.text"}:
            if detail.format is None and kind == "reasoning.text":
                continue  # whose it is cannot be told, and most makers write these
            if thought is None or thought.id != detail.id:
                _close(thought, items)
                thought = _Open(detail.id, place, {}, {})
            pieces, more = (thought.summary, detail.summary) if detail.summary else (thought.text, detail.text)
            pieces[detail.index] = pieces.get(detail.index, "") + (more or "")
        elif kind == "reasoning.encrypted" and detail.data:
            opened = thought if thought is not None and thought.id in {detail.id, None} else None
            if opened is None:
                _close(thought, items)
            thought = None
            items.append((place, _sealed(detail, opened)))
        elif kind == "reasoning.server_tool_call":
            _close(thought, items)
            thought = None
            items += [(place, one) for one in _deed(detail)]
    _close(thought, items)
    return items


def _close(thought: _Open | None, items: list[tuple[int, Any]]) -> None:
    """A thought without a seal goes back where it was told in the open."""
    if thought is not None and thought.text:
        items.append((thought.place, _Thought(_summary(thought), thought.id, _texts(thought))))


def _sealed(detail: Told, thought: _Open | None) -> _Thought:
    if thought is None:
        return _Thought([], detail.id, [], detail.data)
    return _Thought(_summary(thought), detail.id, _texts(thought), detail.data)


def _summary(thought: _Open) -> list[_SummaryText]:
    return [_SummaryText(text) for text in thought.summary.values()]


def _texts(thought: _Open) -> list[_ThoughtText]:
    return [_ThoughtText(text) for text in thought.text.values()]


def _deed(detail: Told) -> list[Any]:
    """What a tool of the provider's own did, or how the text that follows is meant."""
    result = (detail.result or "").encode()
    try:
        item = _item(result)
    except BadJSON:
        return []
    if detail.tool_name == MARK:
        return [Mark(item.phase, item.id)]
    return [Raw(result)] if item.type and item.type != _STORED else []
