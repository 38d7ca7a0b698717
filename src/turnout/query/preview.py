"""What a completion may cost, told before anybody is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from turnout.base.errors import BadRequest, TurnoutError
from turnout.base.jsons import encode
from turnout.base.money import Pico, json_number
from turnout.domain.chat import ChatRequest
from turnout.domain.query import Message, Roster, Voter
from turnout.query.asked import Asked
from turnout.query.estimate import KEY_TOKENS, THOUGHT_TOKENS
from turnout.query.generation import without_marks
from turnout.query.permitted import permitted_outputs
from turnout.query.prompt import Conversation
from turnout.query.schemas import schema_of
from turnout.query.texts import answer_text
from turnout.query.tree import build_tree, width_of

__all__ = ["preview"]

_FENCE = "0" * 16
_UNKNOWN = "x" * (4 * THOUGHT_TOKENS)
"""Stands for an answer that has not been written: four bytes to a token."""


def preview(
    roster: Roster,
    asked: Asked,
    messages: Sequence[Message],
    choices: Sequence[Message],
    price: Callable[[ChatRequest, int], int],
    *,
    all_answer: bool = False,
) -> dict[str, Any]:
    """The estimate of every voter, and their sum, in dollars. No choices: those that answer will make them.

    *all_answer*: nobody votes.
    """
    conversation = Conversation(messages, asked.tools, asked.common, stream=False)
    texts = [answer_text(choice) for choice in choices]
    if not choices:
        answering = [voter for voter in roster.voters if voter.llm.generates]
        schema = schema_of(asked.response_format)
        listed = permitted_outputs(schema) if asked.select_deterministic and schema is not None else ()
        texts = [*listed, *[_UNKNOWN] * (len(answering) * asked.n)]
    options = [encode(text).decode() for text in texts]

    def cost_of(voter: Voter, *, answers: bool) -> Pico:
        try:
            if answers:
                extra = dict(asked.generating)
                extra["response_format"] = without_marks(asked.response_format)
                return Pico(price(conversation.to_answer(voter, extra), THOUGHT_TOKENS) * asked.n)
            if not options:
                raise BadRequest("Nobody answers")
            tree = build_tree(len(options), width_of(voter.llm.logprobs))
            tokens = THOUGHT_TOKENS if voter.llm.thinks else KEY_TOKENS
            request = conversation.to_select(voter, tree, options, _FENCE)
            return Pico(price(request, tokens) * asked.n * asked.passes)
        except TurnoutError:
            return Pico(0)  # it would fail without a call

    costs = [cost_of(voter, answers=voter.llm.generates or all_answer) for voter in roster.voters]
    return {
        "model": roster.id,
        "cost": json_number(Pico(sum(costs))),
        "voters": [
            {"model_index": voter.index, "model": voter.id, "cost": json_number(cost)}
            for voter, cost in zip(roster.voters, costs, strict=True)
        ],
    }
