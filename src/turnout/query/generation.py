"""Voters that answer: each is asked as any client would ask it, without a word added."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from turnout.base.errors import TurnoutError
from turnout.domain.completion import Choice
from turnout.domain.query import Vote, Voter
from turnout.query.estimate import THOUGHT_TOKENS, Estimator
from turnout.query.job import Job
from turnout.query.poll import Conduct, Poll, Seat
from turnout.query.prompt import Conversation
from turnout.query.voters import Heard, Question
from turnout.query.weighing import Weights

__all__ = ["Answer", "generate", "without_marks"]

_MARKS = frozenset({"_confidence", "_preserveOrder", "_preserve_order"})
_MAPS_OF_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})


class Answer(Struct, frozen=True):
    """One answer of a voter; ``choice`` is None where it failed."""

    heard: Heard
    choice: Choice | None
    error: TurnoutError | None


async def generate(
    job: Job,
    voters: Sequence[Voter],
    weights: Weights,
    conversation: Conversation,
    spoken: Callable[[Voter, Sequence[Answer]], None],
) -> tuple[dict[int, Sequence[Answer]], list[Seat]]:
    """The answers of *voters* by their index, and what became of each; *spoken* hears of every voter that is done."""
    asked = job.asked
    extra = dict(asked.generating)
    if asked.response_format is not None:
        extra["response_format"] = without_marks(asked.response_format)
    answers: dict[int, Sequence[Answer]] = {}
    under_way: dict[int, list[Question]] = {}

    def questions_for(voter: Voter) -> list[Question]:
        questions = under_way[voter.index] = [
            job.line.question(voter.index, conversation.to_answer(voter, extra, number), job.listener(voter, number))
            for number in range(asked.n)
        ]
        return questions

    def seat_of(voter: Voter) -> Seat:
        weight = weights.values[voter.index]

        async def ask() -> Vote:
            try:
                heard = await asyncio.gather(*(question.ask() for question in questions_for(voter)))
            except TurnoutError as refusal:
                heard = [Heard(error=refusal)] * asked.n
            answers[voter.index] = given = [_answer(one) for one in heard]
            spoken(voter, given)
            if all(one.choice is None for one in given):
                return Vote(voter=voter.index, weight=weight, code=_code(job, given))
            return Vote(voter=voter.index, weight=weight, shares=(1.0,), kind="generated")

        def withdraw() -> None:
            for question in under_way.get(voter.index, ()):
                question.withdraw()

        estimate = 0
        if price is not None:
            estimate = price(lambda: conversation.to_answer(voter, extra), THOUGHT_TOKENS) * asked.n
        return Seat(voter.index, weight, estimate, ask, withdraw)

    price = None if asked.max_cost is None else Estimator(job.house, job.key)
    seats = [seat_of(voter) for voter in voters]
    limits = Conduct(max_cost=asked.max_cost, deadline=job.conduct.deadline)
    with job.waiting():
        await Poll(seats, (), 1, limits, lambda: job.line.cost).hold()
    return answers, seats


def _code(job: Job, failed: Sequence[Answer]) -> int:
    return next(job.border.code_of(one.error) for one in failed if one.error is not None)


def without_marks(node: Any) -> Any:  # noqa: ANN401 - JSON
    """A response format without the marks that concern confidence ids: providers do not know them."""
    if isinstance(node, list):
        return [without_marks(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    kept = {}
    for name, value in node.items():
        if name in _MARKS:
            continue
        if name in _MAPS_OF_SCHEMAS and isinstance(value, Mapping):
            kept[name] = {inner: without_marks(schema) for inner, schema in value.items()}
        else:
            kept[name] = value if name in {"enum", "const", "default", "examples"} else without_marks(value)
    return kept


def _answer(heard: Heard) -> Answer:
    if heard.answer is None or not heard.answer.choices:
        return Answer(heard, None, heard.error or TurnoutError("The voter did not answer"))
    choice = heard.answer.choices[0]
    if choice.finish_reason == "error":
        return Answer(heard, None, TurnoutError("The voter's answer broke off", error_type="provider_unavailable"))
    return Answer(heard, choice, None)
