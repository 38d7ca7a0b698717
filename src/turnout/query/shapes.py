"""Completions of voters as clients read them: choices, metadata, ballot reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Raw

from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode
from turnout.base.money import Pico
from turnout.domain.account import Generation
from turnout.domain.completion import NULL, Choice
from turnout.domain.query import OutputMode, Roster, Tally, Voter
from turnout.domain.usage import Cost, Usage, added, cost
from turnout.query.poll import Seat
from turnout.query.selection import Slip, written
from turnout.query.voters import Heard, Line

__all__ = [
    "Border",
    "ballot_report",
    "message_of",
    "metadata_of",
    "total",
    "voter_fields",
    "votes_report",
]

_COMPULSORY: Mapping[str, Any] = {"role": "assistant", "content": None, "refusal": None, "reasoning": None}


class Border(NamedTuple):
    """What only the outermost floor knows: statuses, and the shapes of usage and of a stream's error."""

    code_of: Callable[[TurnoutError], int]
    usage: Callable[[Usage, Cost], bytes]
    error: Callable[[TurnoutError], bytes]


def total(line: Line) -> tuple[Usage, Cost]:
    """What all questions of *line* used and cost, whatever became of them."""
    return _sums(line.records)


def _content_of(choice: Choice, mode: OutputMode | None) -> Raw:
    """What a voter wrote; the arguments of its call where it votes by one."""
    if mode != "tool_call" or "tool_calls" not in choice.message:
        return choice.message.get("content", NULL)
    return Raw(encode(written(choice, calls=True)))


def message_of(choice: Choice | None, mode: OutputMode | None = None) -> dict[str, Any]:
    """The message of a choice; one without content for a voter that failed."""
    message = dict(_COMPULSORY)
    if choice is not None:
        message |= choice.message
        if mode == "tool_call":
            message["content"] = _content_of(choice, mode)
            message.pop("tool_calls", None)
    return message


def metadata_of(line: Line, heard: Sequence[Heard], border: Border) -> dict[str, Any] | None:
    """How the questions of one choice were served; None where none got so far."""
    served = [one for one in heard if one.generation_id is not None]
    if not served:
        return None
    first = served[0]
    answer = first.answer
    records = [record for one in served if (record := line.record(one.generation_id)) is not None]
    usage, price = _sums(records)
    return {
        "id": first.generation_id,
        "created": first.created,
        "model": first.model or None,
        "service_tier": answer.service_tier if answer is not None else None,
        "system_fingerprint": answer.system_fingerprint if answer is not None else None,
        "usage": Raw(border.usage(usage, price)),
        "provider": first.provider or None,
    }


def voter_fields(voter: Voter, error: TurnoutError | None, border: Border) -> dict[str, Any]:
    """What every choice of a voter tells of it."""
    shown = None if error is None else {"code": border.code_of(error), "message": error.message}
    return {"error": shown, "model": voter.id, "model_index": voter.index}


def ballot_report(tally: Tally, vote_seed: int) -> dict[str, Any]:
    """What stands in ``ballot``."""
    return {
        "status": tally.status,
        "voters": tally.voters,
        "succeeded": tally.succeeded,
        "failed": tally.failed,
        "unheard": tally.unheard,
        "weight_cast": tally.weight_cast,
        "weight_abstained": tally.weight_abstained,
        "weight_total": tally.weight_total,
        "winner": tally.winner,
        "confidence": 0.0 if tally.winner is None else tally.confidences[tally.winner],
        "support": list(tally.support),
        "margin": tally.margin,
        "entropy": tally.entropy,
        "tie": tally.tie,
        "vote_seed": vote_seed,
    }


def votes_report(
    roster: Roster, seats: Sequence[Seat], slips: Mapping[int, Sequence[Slip]], weights: Sequence[float]
) -> list[dict[str, Any]]:
    """What became of each voter that was to select."""
    reports = []
    for seat in seats:
        voter = roster.voters[seat.voter]
        vote = seat.vote
        report: dict[str, Any] = {"model_index": voter.index, "model": voter.id, "weight": weights[voter.index]}
        if vote is None:
            report |= {"status": "unheard", "reason": seat.unheard}
        elif vote.shares is None:
            report |= {"status": "failed", "code": vote.code}
        else:
            report |= {"status": "voted", "vote_kind": vote.kind, "abstained": vote.abstained}
            if any(slip.cached for slip in slips.get(voter.index, ())):
                report["cached"] = True
        reports.append(report)
    return reports


def _sums(records: Sequence[Generation]) -> tuple[Usage, Cost]:
    """Exact: what was charged for each, with the prices that it was charged with, and what providers bill directly."""
    own = sum(record.usage.own for record in records)
    prices = [cost(record.usage, record.pricing) for record in records if record.cost]  # else nothing was charged
    return added([record.usage for record in records]), Cost(
        Pico(sum(price.prompt for price in prices)),
        Pico(sum(price.completion for price in prices)),
        Pico(sum(price.request for price in prices)),
        Pico(sum(record.cost for record in records)),
        Pico(own) if own else None,
    )
