"""A request for embeddings: what is to be made into vectors, beside what every request has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from turnout.domain.chat import ChatRequest

__all__ = ["EmbeddingRequest", "Input"]

Input = str | list[int] | None
"""A text, or the tokens of one; None where it has parts, which stand in the message of the same place."""


class EmbeddingRequest(ChatRequest, frozen=True, kw_only=True):
    """One request for vectors, one per input.

    ``fields`` has the body's ``input`` as it was sent, and as ``messages`` the same as conversations have it.

    Attributes:
        inputs: all of one kind.
        dimensions: the length that a vector shall have; None is the model's own.
        input_type: what the vectors are for, in the client's words.
        base64: vectors are wanted as texts.
    """

    wants: ClassVar[str] = "embeddings"

    inputs: Sequence[Input]
    dimensions: int | None = None
    input_type: str | None = None
    base64: bool = False
