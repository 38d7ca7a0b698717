"""Registering definitions, and finding them again by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, final

import msgspec

from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Forbidden, NotFound
from turnout.base.jsons import BadJSON, decode_fields, excerpt, refuse_duplicates
from turnout.contracts.definitions import Definitions
from turnout.domain.query import DefinitionKind, Roster
from turnout.query.canonical import ID_LENGTH, is_id
from turnout.query.kinds import KINDS, Defined, defined_by, stored_form

__all__ = ["Registry", "checked_id", "definition_in"]

_MOST_KEPT: Final = 500
_MOST_OF_NOBODY: Final = 20_000
_LARGEST_KEPT: Final = 65_536  # characters of canonical JSON, LLMs included
_MOST_SEEN: Final = 50_000

K = TypeVar("K")
T = TypeVar("T")


def definition_in(body: bytes) -> dict[str, Any]:
    """The JSON object in *body*, in which no key stands twice.

    Raises:
        BadRequest: it is none.
    """
    try:
        decode_fields(body)
        refuse_duplicates(body)
        return msgspec.json.decode(body, type=dict[str, Any])
    except (BadJSON, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"Invalid JSON: {error}") from None


def checked_id(text: str) -> str:
    """*text* if it has the form of an id.

    Raises:
        BadRequest: it has not.
    """
    if not is_id(text):
        raise BadRequest(f"An id has {ID_LENGTH} characters of 0-9, A-Z and a-z: {excerpt(text, 64)}")
    return text


@final
class Registry:
    """The definitions of a store. Those used lately are kept in memory: what has an id never changes."""

    def __init__(self, definitions: Definitions, clock: Clock) -> None:
        self.stored = definitions
        self._clock = clock
        self._kept: dict[tuple[DefinitionKind, str], Defined] = {}
        self._seen: dict[tuple[DefinitionKind, str, str], None] = {}
        self._of_nobody: dict[DefinitionKind, int] = {}

    async def register(self, kind: DefinitionKind, value: object, account_id: str) -> Defined:
        """The definition that *value* (decoded JSON) makes, registered for *account_id*, empty for nobody.

        The LLMs of a model are registered with it.

        Raises:
            BadRequest: with the field, the rule and the value.
            Forbidden: nobody's definitions have become too many.
            Unavailable: the store cannot be asked.
        """
        defined = defined_by(kind, value)
        new = [one for one in (*defined.members, defined) if (one.kind, one.id, account_id) not in self._seen]
        if new:
            if not account_id:
                await self._count_nobody(kind, len(new))
            now = self._clock.wall()
            await self.stored.put_definitions([stored_form(one, account_id, now) for one in new])
            for one in new:
                _keep(self._seen, (one.kind, one.id, account_id), None, _MOST_SEEN)
        self._remember(defined)
        return defined

    async def find(self, kind: DefinitionKind, definition_id: str) -> Defined:
        """The definition of that id.

        Raises:
            BadRequest: it has not the form of an id.
            NotFound: nobody has registered it.
            Unavailable: the store cannot be asked.
        """
        place = (kind, checked_id(definition_id))
        defined = self._kept.get(place)
        if defined is None:
            row = await self.stored.definition(kind, definition_id)
            if row is None:
                raise NotFound(f"There is no {_WORDS[kind]} of that id")
            defined = defined_by(kind, msgspec.json.decode(row.definition))
            self._remember(defined)
        return defined

    async def roster(self, kind: DefinitionKind, reference: object, account_id: str) -> Roster:
        """The voters of the model (*kind* is one of models) that *reference* names or is.

        That is an id; or a definition, as decoded JSON or as JSON in a text, which is registered for *account_id*.

        Raises:
            BadRequest: it is none of these, or the definition is wrong.
            NotFound: nobody has registered that id.
        """
        if isinstance(reference, str) and not reference.lstrip().startswith("{"):
            defined = await self.find(kind, reference)
        else:
            value = definition_in(reference.encode()) if isinstance(reference, str) else reference
            defined = await self.register(kind, value, account_id)
        if defined.roster is None:
            raise BadRequest(f"`model` must be a {_WORDS[kind]}")
        return defined.roster

    async def _count_nobody(self, kind: DefinitionKind, new: int) -> None:
        """Keep strangers from filling the disk. What each worker counts is exact when it starts, and near later."""
        if kind not in self._of_nobody:
            self._of_nobody[kind] = await self.stored.count_definitions(kind, "")
        if self._of_nobody[kind] >= _MOST_OF_NOBODY:
            raise Forbidden("Too many definitions have been registered without a key; send one")
        self._of_nobody[kind] += new

    def _remember(self, defined: Defined) -> None:
        size = len(defined.canonical) + sum(len(one.canonical) for one in defined.members)
        if size <= _LARGEST_KEPT:
            _keep(self._kept, (defined.kind, defined.id), defined, _MOST_KEPT)


_WORDS: Final[Mapping[DefinitionKind, str]] = {
    kind: ("Query" if one.query else kind.partition("_")[0].capitalize()) + (" model" if one.model else " LLM")
    for kind, one in KINDS.items()
}


def _keep(memory: dict[K, T], place: K, value: T, limit: int) -> None:
    if place not in memory and len(memory) >= limit:
        del memory[next(iter(memory))]
    memory[place] = value
