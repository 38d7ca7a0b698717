"""Completions of voters asked for from within: their client is this process, on behalf of a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from turnout.base.errors import Internal
from turnout.base.jsons import encode
from turnout.engine.house import Call
from turnout.query.front import Voting
from turnout.query.voters import InnerReply, InnerSurface, Line

__all__ = ["ask_voters", "line_for"]


async def ask_voters(
    voting: Voting, kind: Literal["query", "score"], authorization: bytes | None, body: Mapping[str, Any]
) -> dict[str, Any]:
    """The completion that *body* asks for, charged to the key of *authorization*.

    Raises:
        TurnoutError: there is none.
    """
    reply = InnerReply()
    call = _call(voting, authorization, encode(body), reply)
    await (voting.score if kind == "score" else voting.query)(call, voting.house)
    if reply.body is None:
        raise reply.error or Internal()
    answer: dict[str, Any] = msgspec.json.decode(reply.body)
    return answer


def line_for(voting: Voting, authorization: bytes | None) -> Line:
    """A line for questions that belong to no completion, charged to the key of *authorization*."""
    return Line(_call(voting, authorization, b"", InnerReply()), voting.house, None)


def _call(voting: Voting, authorization: bytes | None, body: bytes, reply: InnerReply) -> Call:
    return Call(InnerSurface(), authorization, body, reply, voting.house.clock.monotonic(), {})
