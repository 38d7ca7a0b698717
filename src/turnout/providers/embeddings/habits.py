"""Where providers of OpenAI's embeddings depart from OpenAI: as data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from turnout.contracts.provider import Batch
from turnout.domain.provider import Provider

__all__ = ["Habit", "habit_of"]

_NO_WORDS: Mapping[str, str] = MappingProxyType({})


class Habit(Struct, frozen=True, kw_only=True):
    """How one provider wants to be asked.

    Attributes:
        batch: what it takes at once.
        dimensions: what it calls the length of vectors.
        base64: it can send vectors as texts.
        names_floats: it takes ``encoding_format: float``.
        user: it takes ``user``.
        purposes: its words for ``input_type`` by ours; it takes no other.
        any_purpose: it takes the client's own words.
        default_purpose: the word where the client has none, for a provider that insists on one.
    """

    batch: Batch
    dimensions: str = "dimensions"
    base64: bool = True
    names_floats: bool = True
    user: bool = True
    purposes: Mapping[str, str] = _NO_WORDS
    any_purpose: bool = False
    default_purpose: str | None = None

    def word_for(self, purpose: str | None, stated: str | None) -> str | None:
        """The provider's word for *purpose*, which the client *stated* in its own; None for none."""
        if purpose is None:
            return self.default_purpose
        if self.any_purpose:
            return stated
        return self.purposes.get(purpose, self.default_purpose)


_OPENAI: Final = Habit(batch=Batch(2048, 300_000))
_HABITS: Final[Mapping[str, Habit]] = {
    "openai": _OPENAI,
    "plain": Habit(batch=Batch(2048, 300_000), base64=False, names_floats=False, user=False),
    "gateway": Habit(batch=Batch(2048), any_purpose=True),
    "mistral": Habit(
        batch=Batch(512, 16_384), dimensions="output_dimension", base64=False, names_floats=False, user=False
    ),
    "voyage": Habit(
        batch=Batch(1_000, 120_000),
        dimensions="output_dimension",
        names_floats=False,
        user=False,
        purposes={"search_query": "query", "search_document": "document"},
    ),
    "nvidia": Habit(
        batch=Batch(256),
        purposes={"search_query": "query", "search_document": "passage"},
        default_purpose="passage",
    ),
}


def habit_of(provider: Provider, name: str | None = None) -> Habit:
    """The habit called *name*, else the one that the provider's capabilities name, with the batches that they state."""
    capabilities = provider.capabilities
    habit = _HABITS[name or capabilities.embeddings]
    if capabilities.embedding_batch is None:
        return habit
    return replace(habit, batch=Batch(capabilities.embedding_batch, habit.batch.tokens))
