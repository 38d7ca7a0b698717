"""What models are called and said to be where no source has better words: neutral sentences of facts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from turnout.catalog.authors import AUTHOR_NAMES
from turnout.domain.catalog import Model

__all__ = ["description_of", "name_of", "said_of"]

_KINDS: Final = {
    "embeddings": "An embedding model",
    "rerank": "A reranking model",
    "transcription": "A transcription model",
    "speech": "A text-to-speech model",
    "image": "An image model",
    "video": "A video model",
    "audio": "An audio model",
}
_LONGEST_NAME: Final = 200
_LONGEST_DESCRIPTION: Final = 10_000
_SIZE: Final = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)b(?:-a(\d+(?:\.\d+)?)b)?(?![\w.])")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def name_of(model_id: str, said: str | None) -> str:
    """The display name, with the author's before it: ``OpenAI: GPT-4o``."""
    if not said or not _plain(said):
        return model_id
    author = model_id.partition("/")[0]
    said = _plain(said)[:_LONGEST_NAME].removesuffix(" (latest)")
    said = said.rpartition("/")[2].strip() or said
    maker = AUTHOR_NAMES.get(author, author)
    return said if said.lower().startswith(f"{maker.lower()}: ") or ": " in said else f"{maker}: {said}"


def said_of(description: str | None) -> str:
    """What a source says of a model, within bounds, without control characters but line breaks; may be empty."""
    if not description:
        return ""
    lines = (_plain(line) for line in description[:_LONGEST_DESCRIPTION].splitlines())
    return "\n".join(lines).strip()


def description_of(model: Model, *, open_weights: bool = False) -> str:
    """A few sentences of facts about *model*, in plain text."""
    author = model.id.partition("/")[0]
    maker = AUTHOR_NAMES.get(author, author)
    kind = _kind(model)
    released = f", released in {_month(model.created)}" if model.created else ""
    weights = " Its weights are open." if open_weights or model.hugging_face_id else ""
    return f"{kind} by {maker}{released}. {_abilities(model)}{_size(model)}{weights}"


def _plain(text: str) -> str:
    """One line without control characters; markup stays the text that it is, and is escaped where it is shown."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _kind(model: Model) -> str:
    written = model.output_modalities
    if "text" in written:
        return "A reasoning model" if model.reasoning else "A language model"
    return next((_KINDS[name] for name in written if name in _KINDS), "A model")


def _abilities(model: Model) -> str:
    reads = _listed(model.input_modalities)
    room = f", with a context of {model.context_length:,} tokens" if model.context_length else ""
    if model.output_modalities in {("text",), ("transcription",)}:
        return f"It reads {reads} and answers in text{room}."
    if model.output_modalities in {("embeddings",), ("rerank",)}:
        return f"It reads {reads}{room}."
    return f"It reads {reads} and makes {_listed(model.output_modalities)}{room}."


def _size(model: Model) -> str:
    found = _SIZE.search(model.id.partition("/")[2])
    if found is None:
        return ""
    active = f", {found[2]} billion of them active at a time" if found[2] else ""
    return f" It has {found[1]} billion parameters{active}."


def _listed(names: tuple[str, ...]) -> str:
    plain = ["files" if name == "file" else "images" if name == "image" else name for name in names]
    return plain[0] if len(plain) == 1 else f"{', '.join(plain[:-1])} and {plain[-1]}"


def _month(created: int) -> str:
    day = datetime.fromtimestamp(created, UTC)
    return f"{_MONTHS[day.month - 1]} {day.year}"
