"""``reasoning_details`` that a client sends back: what a model thought, and what its provider's own tools did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, encode, reader

__all__ = ["CLAUDE", "UNSEALED", "Told", "claude_details", "input_of", "is_object", "read_details"]

CLAUDE: Final = "anthropic-claude-v1"
"""How details name the form of a Claude's thoughts, whose seals hold wherever it is served."""
UNSEALED: Final = "unknown"
"""The form of thoughts that carry no seal."""
_CLAUDES: Final = frozenset({CLAUDE, UNSEALED, None})


class Told(Struct):
    """One detail of any type; what it lacks is None."""

    type: str = ""
    format: str | None = None
    id: str | None = None
    index: int | None = None
    position: int | None = None
    text: str | None = None
    summary: str | None = None
    signature: str | None = None
    data: str | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    server_name: str | None = None
    arguments: str | None = None
    result: str | None = None

    @property
    def place(self) -> int:
        """How many characters of the content came before it."""
        return max(self.position or 0, 0)


_NOTHING: Final = Told()
_read = reader(Told)
_object = msgspec.json.Decoder(dict[str, Raw]).decode


def read_details(details: Iterable[Raw]) -> Iterator[Told]:
    """Those of *details* that can be read; what is none is passed over."""
    for raw in details:
        try:
            detail = _read(raw)
        except BadJSON:
            continue
        if detail.type:
            yield detail


def claude_details(details: Iterable[Raw]) -> list[Told]:
    """What a Claude thought and its provider's tools did. Other makers' and thoughts without a seal are left out.

    Clients that collect a stream's deltas in a list send thoughts in pieces, which are joined again.
    """
    found: list[Told] = []
    for detail in read_details(details):
        if detail.format not in _CLAUDES:
            continue
        last = found[-1] if found else _NOTHING
        if detail.type == last.type == "reasoning.text" and not last.signature and detail.index == last.index:
            last.text = (last.text or "") + (detail.text or "")
            last.signature = detail.signature
        elif detail.type in {"reasoning.text", "reasoning.server_tool_call"} or (
            detail.type == "reasoning.encrypted" and detail.data
        ):
            found.append(detail)
    return [one for one in found if one.type != "reasoning.text" or one.signature]


def input_of(arguments: str) -> Raw:
    """The arguments of a call, which must be an object; what is none, as in a call that was cut off, is put in one."""
    if is_object(arguments):
        return Raw(arguments.encode())
    return Raw(encode({"arguments": arguments})) if arguments.strip() else Raw(b"{}")


def is_object(text: str) -> bool:
    """Whether *text* is a JSON object."""
    try:
        _object(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True
