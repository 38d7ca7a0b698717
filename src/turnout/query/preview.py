"""What a completion may cost, told before anybody is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from turnout.base.jsons import encode
from turnout.base.money import Pico, json_number
from turnout.domain.chat import ChatRequest
from turnout.domain.query import Message, Roster, Voter
from turnout.query.asked import Asked
from turnout.query.estimate import THOUGHT_TOKENS, Estimator, tokens_of_vote
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
    price: Estimator,
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

    def selecting(voter: Voter) -> ChatRequest:
        tree = build_tree(len(options), width_of(voter.llm.logprobs))
        return conversation.to_select(voter, tree, options, _FENCE)

    def cost_of(voter: Voter) -> Pico:
        if all_answer or voter.llm.generates:
            extra = dict(asked.generating) | {"response_format": without_marks(asked.response_format)}
            return Pico(price(lambda: conversation.to_answer(voter, extra), THOUGHT_TOKENS) * asked.n)
        if not options:  # nobody answers
            return Pico(0)
        return Pico(price(lambda: selecting(voter), tokens_of_vote(voter)) * asked.n * asked.passes)

    costs = [cost_of(voter) for voter in roster.voters]
    return {
        "model": roster.id,
        "cost": json_number(Pico(sum(costs))),
        "voters": [
            {"model_index": voter.index, "model": voter.id, "cost": json_number(cost)}
            for voter, cost in zip(roster.voters, costs, strict=True)
        ],
    }
