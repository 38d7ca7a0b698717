"""What turned out to be true of a completion: told by whom it belongs to, kept for whatever learns from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from turnout.base.errors import BadRequest, NotFound
from turnout.base.jsons import encode
from turnout.contracts.archive import Archive
from turnout.domain.archive import ArchivedCompletion
from turnout.query.rules import Fields, refused, shares_of

__all__ = ["Learner", "forget", "mark", "truth_shares"]

_MOST_INDEX = 10**6


class Learner(Protocol):
    """What learns from marked completions."""

    async def learn(self, completion: ArchivedCompletion, truth: Sequence[float]) -> None:
        """*completion* has been marked: *truth* has a share for each option of its ballot."""

    async def unlearn(self, completion: ArchivedCompletion) -> None:
        """The mark of *completion* has been taken back."""


async def mark(
    archive: Archive, completion: ArchivedCompletion, body: Mapping[str, Any], now: float, learner: Learner | None
) -> None:
    """Note the truth in *body*: ``correct_confidence_id``, ``correct_vote`` or ``choice_index``.

    Raises:
        BadRequest: it names no option of the completion.
        NotFound: the completion belongs to somebody else.
    """
    truth = _truth(completion, body)
    if not await archive.mark_completion(completion.id, completion.account_id, encode(truth).decode(), now):
        raise NotFound("There is no completion of that id")
    if learner is not None:
        await learner.learn(completion, truth_shares(completion, truth))


async def forget(archive: Archive, completion: ArchivedCompletion, now: float, learner: Learner | None) -> None:
    """Take the mark back. Raises NotFound: the completion belongs to somebody else."""
    if not await archive.mark_completion(completion.id, completion.account_id, None, now):
        raise NotFound("There is no completion of that id")
    if learner is not None:
        await learner.unlearn(completion)


def truth_shares(completion: ArchivedCompletion, truth: str | Sequence[float]) -> tuple[float, ...]:
    """A share for each option of the ballot."""
    if isinstance(truth, str):
        return tuple(1.0 if name == truth else 0.0 for name in _ids(completion))
    return tuple(truth)


def _truth(completion: ArchivedCompletion, body: Mapping[str, Any]) -> str | list[float]:
    fields = Fields(body)
    if completion.kind == "multichat":
        raise BadRequest("Nobody has voted in this completion")
    place = fields.whole("choice_index", 0, _MOST_INDEX, None)
    truth: str | list[float]
    if completion.kind == "score":
        vote = fields.take("correct_vote")
        fields.end()
        options = _options(completion)
        truth = _vote(vote, options) if place is None else [float(one == place) for one in range(options)]
        if not any(truth):
            raise refused("choice_index", f"must be below {options}", place)
        return truth
    name = fields.text("correct_confidence_id")
    fields.end()
    if name is None:
        name = None if place is None else _id_of_choice(completion, place)
    if name is None:
        raise fields.missing("correct_confidence_id")
    if name not in _ids(completion):
        raise refused("correct_confidence_id", "must be one of the completion's confidence ids", name)
    return name


def _vote(vote: object, options: int) -> list[float]:
    field = "correct_vote"
    numbers = list(shares_of(vote, options, field))
    if not 0 < sum(numbers) <= 1 + 1e-9:
        raise refused(field, "must hold shares: more than 0 and at most 1 together", vote)
    return numbers


def _ballot(completion: ArchivedCompletion) -> dict[str, Any]:
    ballot: dict[str, Any] = msgspec.json.decode(completion.ballot)
    return ballot


def _ids(completion: ArchivedCompletion) -> list[str]:
    ids: list[str] = _ballot(completion).get("ids") or []
    return ids


def _options(completion: ArchivedCompletion) -> int:
    return len(_ballot(completion).get("confidences") or ())


def _id_of_choice(completion: ArchivedCompletion, index: int) -> str | None:
    response = msgspec.json.decode(completion.response)
    found = (choice.get("confidence_id") for choice in response.get("choices") or () if choice.get("index") == index)
    name = next(found, None)
    return name if isinstance(name, str) else None
