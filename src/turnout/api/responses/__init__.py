"""``POST /responses``: OpenAI's newer family, with any model behind it."""

from __future__ import annotations

from typing import final

from turnout.api.responses.encoder import ResponsesEncoder
from turnout.api.responses.refusal import response_refusal
from turnout.api.responses.request import response_request
from turnout.base.errors import TurnoutError
from turnout.domain.chat import ChatRequest

__all__ = ["ResponsesSurface"]


@final
class ResponsesSurface:
    """The Responses API without a memory, as OpenRouter extends it."""

    name = "responses"

    def decode(self, body: bytes) -> ChatRequest:
        """The request in *body*. Raises BadRequest."""
        return response_request(body)

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> ResponsesEncoder:
        """A fresh encoder for one answer."""
        return ResponsesEncoder(generation_id, created, request)

    def refusal(self, error: TurnoutError, generation_id: str | None) -> tuple[int, bytes]:  # noqa: ARG002 - of a surface
        """Status and body of an error."""
        return response_refusal(error)
