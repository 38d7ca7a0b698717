"""Vectors of texts, by any embeddings model that can be asked here, over the voters' line."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import TurnoutError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.chat import ChatParameters
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.query import ProviderChoice
from turnout.query.voters import EMBEDDING, Heard, Line

__all__ = ["Embedded", "embed_texts"]

_read_parameters = reader(ChatParameters)
_read_vector = msgspec.json.Decoder(list[float]).decode


class Embedded(Struct, frozen=True):
    """One vector for each text, and how they were served."""

    vectors: tuple[Sequence[float], ...]
    heard: Heard


async def embed_texts(line: Line, model: str, texts: Sequence[str], provider: ProviderChoice | None = None) -> Embedded:
    """The vectors of *texts*, at least one, none of them empty.

    Raises:
        TurnoutError: the model cannot be asked, or has failed.
    """
    given = Raw(encode(list(texts)))
    fields = {"model": Raw(encode(model))}
    if provider is not None:
        fields["provider"] = Raw(encode(provider))
    try:
        parameters = _read_parameters(encode(fields))
    except BadJSON as error:
        raise TurnoutError(str(error), error_type="invalid_request") from None
    fields["input"] = given
    fields["messages"] = Raw(b'[{"role":"user","content":%b}]' % bytes(given))
    longest = max(len(text.encode()) for text in texts)
    request = EmbeddingRequest(
        parameters,
        fields,
        len(memoryview(given)),
        at_once=longest if len(texts) > 1 else None,
        inputs=list(texts),
    )
    heard = await line.question(EMBEDDING, request).ask()
    if heard.answer is None:
        raise heard.error or TurnoutError("The embeddings model did not answer")
    choices = sorted(heard.answer.choices, key=lambda choice: choice.index)
    return Embedded(tuple(_read_vector(choice.message["embedding"]) for choice in choices), heard)
