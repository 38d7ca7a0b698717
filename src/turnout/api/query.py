"""``POST /query/completions``, ``/score/completions`` and ``/multichat/completions``, and the archive behind them."""

from __future__ import annotations

from typing import final

from turnout.api.errors import error_body
from turnout.base.errors import Internal, TurnoutError
from turnout.contracts.surface import Encoder
from turnout.domain.chat import ChatRequest

__all__ = ["VotingSurface"]


@final
class VotingSurface:
    """What voters answer: it does not go down the line as one request, but as one for each of them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def decode(self, body: bytes) -> ChatRequest:  # noqa: ARG002 - of a surface
        """Nothing: there is no one request in it."""
        raise Internal

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> Encoder:  # noqa: ARG002 - as above
        """Nothing, as above."""
        raise Internal

    def refusal(self, error: TurnoutError) -> bytes:
        """The body of an error."""
        return error_body(error)
