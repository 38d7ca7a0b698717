"""Completions of voters asked for from within: their client is this process, on behalf of a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, final

import msgspec

from turnout.base.errors import BadRequest, Internal, TurnoutError
from turnout.base.jsons import encode
from turnout.contracts.reply import Flow
from turnout.contracts.surface import Encoder
from turnout.domain.chat import ChatRequest
from turnout.engine.house import Call
from turnout.query.front import Voting
from turnout.query.voters import Line

__all__ = ["ask_voters", "line_for"]


async def ask_voters(
    voting: Voting, kind: Literal["query", "score"], authorization: bytes | None, body: Mapping[str, Any]
) -> dict[str, Any]:
    """The completion that *body* asks for, charged to the key of *authorization*.

    Raises:
        TurnoutError: there is none.
    """
    reply = _Reply()
    call = _call(voting, authorization, encode(body), reply)
    await (voting.score if kind == "score" else voting.query)(call, voting.house)
    if reply.body is None:
        raise reply.error or Internal()
    answer: dict[str, Any] = msgspec.json.decode(reply.body)
    return answer


def line_for(voting: Voting, authorization: bytes | None) -> Line:
    """A line for questions that belong to no completion, charged to the key of *authorization*."""
    return Line(_call(voting, authorization, b"", _Reply()), voting.house, None)


def _call(voting: Voting, authorization: bytes | None, body: bytes, reply: _Reply) -> Call:
    return Call(_Surface(), authorization, body, reply, voting.house.clock.monotonic(), {})


@final
class _Surface:
    """The family of requests that are made within."""

    name = "query"

    def decode(self, body: bytes) -> ChatRequest:  # noqa: ARG002 - of a surface
        """Nothing: it is not one request down the line."""
        raise Internal

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> Encoder:  # noqa: ARG002 - of a surface
        """Nothing, as above."""
        raise Internal

    def refusal(self, error: TurnoutError, generation_id: str | None) -> tuple[int, bytes]:  # noqa: ARG002 - as above
        """Nobody reads it."""
        raise BadRequest(error.message)


@final
class _Reply:
    """Keeps an answer."""

    def __init__(self) -> None:
        self.flow: Flow | None = None
        self.gone = self.started = False
        self.written = 0
        self.more = b""
        self.body: bytes | None = None
        self.error: TurnoutError | None = None

    def whole(self, generation_id: str, overhead_ms: float, body: bytes, dropped: str) -> None:  # noqa: ARG002 - of a reply
        """The answer."""
        self.body = body

    def start(self, generation_id: str, overhead_ms: float, dropped: str, media_type: bytes = b"") -> None:  # noqa: ARG002 - as above
        """Nothing is streamed."""
        self.started = True

    def cut(self) -> None:
        """Nothing is streamed."""

    def write(self, data: bytes) -> None:  # noqa: ARG002 - as above
        """Nothing is streamed."""
        self.written += 1

    def finish(self, data: bytes) -> None:
        """Nothing is streamed."""

    def refuse(self, error: TurnoutError, generation_id: str | None) -> None:  # noqa: ARG002 - as above
        """There is no answer."""
        self.error = error
