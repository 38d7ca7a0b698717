"""``POST /messages``: Anthropic's family, with any model behind it."""

from __future__ import annotations

from typing import final

from turnout.api.messages.encoder import MessagesEncoder
from turnout.api.messages.refusal import message_refusal
from turnout.api.messages.request import message_request
from turnout.base.errors import TurnoutError
from turnout.domain.chat import ChatRequest

__all__ = ["MessagesSurface"]


@final
class MessagesSurface:
    """The Messages API as OpenRouter extends it. ``name`` tells it from its count of tokens."""

    def __init__(self, name: str = "messages") -> None:
        self.name = name

    def decode(self, body: bytes) -> ChatRequest:
        """The request in *body*. Raises BadRequest."""
        return message_request(body)

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> MessagesEncoder:  # noqa: ARG002 - of a surface
        """A fresh encoder for one answer."""
        return MessagesEncoder(generation_id, request)

    def refusal(self, error: TurnoutError, generation_id: str | None) -> tuple[int, bytes]:
        """Status and body of an error."""
        return message_refusal(error, generation_id)
