"""An API family: how its requests become ours, and how our answers become its."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnout.base.errors import TurnoutError
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.usage import Cost, Usage

__all__ = ["Encoder", "Surface"]


class Encoder(Protocol):
    """Writes one answer in the words of its family. Told once who serves, before anything is encoded."""

    def served_by(self, model: str, provider_name: str) -> None:
        """The model and the provider that the client will read in the answer."""

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body of an answer in one piece."""

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:
        """The events for *chunks*; their usage is left for :meth:`end`."""

    def end(self, usage: Usage, price: Cost) -> bytes:
        """The last events of a stream that went well."""

    def failed(self, error: TurnoutError) -> bytes:
        """The last events of a stream that broke after it had begun."""


class Surface(Protocol):
    """One API family. ``name`` is what the generation record says."""

    name: str

    def decode(self, body: bytes) -> ChatRequest:
        """The request in the body.

        Raises:
            BadRequest: it is not one, and the message names the field.
        """

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> Encoder:
        """A fresh encoder for one answer."""

    def refusal(self, error: TurnoutError, generation_id: str | None) -> tuple[int, bytes]:
        """HTTP status and body of an error that comes before any answer."""
