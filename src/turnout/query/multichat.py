"""Multichat completions: every voter answers, and nobody votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from turnout.domain.query import Message, Voter
from turnout.query.generation import Answer, generate
from turnout.query.holding import all_failed
from turnout.query.job import Job
from turnout.query.outcome import Outcome
from turnout.query.shapes import total
from turnout.query.weighing import Weights

__all__ = ["multichat"]


async def multichat(job: Job, messages: Sequence[Message], weights: Weights) -> Outcome:
    """Have all voters of *job* answer, and answer its client."""
    made: dict[int, dict[str, Any]] = {}

    def spoken(voter: Voter, answers: Sequence[Answer]) -> None:
        for number, one in enumerate(answers):
            entry = job.choice(voter, number, one.choice, one.error, [one.heard])
            made[entry["index"]] = entry
            delta = job.opening(entry["index"])
            job.send([_without(entry, "message", "completion_metadata") | {"delta": delta, "logprobs": None}])

    answers, seats = await generate(job, job.roster.voters, weights, job.conversation(messages), spoken)
    usage, price = total(job.line)
    choices = [one for _, one in sorted(made.items())]
    last: dict[str, Any] = {"usage": Raw(job.border.usage(usage, price))}
    failures = [(index, one.error) for index, given in answers.items() for one in given if one.error is not None]
    some = any(one.choice is not None for given in answers.values() for one in given)
    return Outcome(
        body=job.head() | {"choices": choices} | last,
        closing={"choices": [{"delta": {}} | _without(one, "message", "logprobs") for one in choices]} | last,
        weights=weights,
        usage=usage,
        price=price,
        error=None if some else all_failed(job, failures, seats),
    )


def _without(entry: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in names}
