"""Query completions: some voters answer, others select among the answers, and all have their say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import BadRequest, TurnoutError, UpstreamError
from turnout.base.jsons import encode
from turnout.domain.completion import Choice
from turnout.domain.query import Ballot, Message, QueryModel, Vote, Voter
from turnout.query.answers import confidence_id, generate_id
from turnout.query.cache import VoteCache
from turnout.query.canonical import canonical_json, content_id
from turnout.query.embedder import HASHED, hashed_embedding
from turnout.query.embedding import embed_texts
from turnout.query.generation import Answer, generate
from turnout.query.holding import Election, all_failed, hold_election, outcome_report
from turnout.query.job import Job
from turnout.query.outcome import Outcome
from turnout.query.permitted import permitted_outputs
from turnout.query.poll import Seat
from turnout.query.prompt import output_mode_of
from turnout.query.schemas import schema_of
from turnout.query.selection import Slip
from turnout.query.shapes import total
from turnout.query.tally import count
from turnout.query.texts import answer_text
from turnout.query.votes import fair_share
from turnout.query.weighing import Weights

__all__ = ["answer", "format_hash"]

_decode = msgspec.json.decode


class _Candidates(Struct):
    """The different answers.

    Attributes:
        texts: by generate id.
        ids: from generate id to confidence id.
        written: the first answer of a voter by confidence id.
    """

    texts: dict[str, str] = {}
    ids: dict[str, str] = {}
    written: dict[str, Choice] = {}

    @property
    def options(self) -> tuple[str, ...]:
        """The different confidence ids."""
        return tuple(dict.fromkeys(self.ids.values()))


def format_hash(response_format: Mapping[str, Any] | None) -> str:
    """What rows of a training table are told apart by."""
    return content_id(canonical_json(response_format))


async def answer(job: Job, messages: Sequence[Message], weights: Weights, cache: VoteCache) -> Outcome:
    """Have the voters of *job* answer and select, and answer its client.

    Raises:
        BadRequest: there is nobody who answers, and no schema to choose from.
    """
    return await _Query(job, messages, weights, cache).run()


class _Query:
    """One Query completion while it is made."""

    def __init__(self, job: Job, messages: Sequence[Message], weights: Weights, cache: VoteCache) -> None:
        self._job = job
        self._weights = weights
        self._cache = cache
        self._schema = schema_of(job.asked.response_format)
        self._conversation = job.conversation(messages)
        self._generators = [voter for voter in job.roster.voters if voter.llm.generates]
        self._selectors = [voter for voter in job.roster.voters if not voter.llm.generates]
        self._choices: dict[int, dict[str, Any]] = {}
        self._vectors: dict[str | None, Sequence[float]] = {}
        self._failures: list[tuple[int, TurnoutError]] = []
        model = job.roster.model
        self._reasoning_shown = isinstance(model, QueryModel) and model.select_generated_reasoning is True

    async def run(self) -> Outcome:
        """The whole of it."""
        job, weights = self._job, self._weights
        listed = self._permitted()
        if not self._generators and not listed:
            raise BadRequest("Nobody of this model answers: `select_deterministic` needs a schema to choose from")
        job.first_index = len(listed)
        for index, text in enumerate(listed):
            self._add_listed(index, text)
        if listed:
            job.send([_as_delta(one) for one in self._choices.values()])
        answers, seats = await generate(job, self._generators, weights, self._conversation, self._generated)
        candidates = self._candidates(listed, answers)
        options = candidates.options
        votes = [self._own_vote(seat, answers, options) for seat in seats if seat.vote is not None]
        embedding = asyncio.ensure_future(self._embed(candidates))
        try:
            election = await self._select(candidates, votes, seats)
            await embedding
        finally:
            embedding.cancel()
        return self._outcome(candidates, election)

    def _permitted(self) -> tuple[str, ...]:
        wanted = self._job.asked.select_deterministic or (self._job.kind == "chat" and not self._generators)
        if not wanted:
            return ()
        if self._schema is None:
            raise BadRequest("`select_deterministic` needs a `response_format` of the type `json_schema`")
        return permitted_outputs(self._schema)

    # -- answers --

    def _generated(self, voter: Voter, answers: Sequence[Answer]) -> None:
        """A voter has answered: its choices are closed."""
        job = self._job
        good = sum(one.choice is not None for one in answers)
        for number, one in enumerate(answers):
            choice = one.choice
            if one.error is not None:
                self._failures.append((voter.index, one.error))
            text = None if choice is None else _text(choice)
            made = job.choice(voter, number, choice, one.error, [one.heard])
            self._close(made, voter, good, text, None if text is None else confidence_id(text, self._schema))

    def _candidates(self, listed: Sequence[str], answers: Mapping[int, Sequence[Answer]]) -> _Candidates:
        found = _Candidates()
        for text in listed:
            name = generate_id(text)
            found.texts.setdefault(name, text)
            found.ids.setdefault(name, confidence_id(text, self._schema))
        for voter in self._generators:
            for one in answers.get(voter.index, ()):
                if one.choice is not None:
                    text = _text(one.choice)
                    name = generate_id(text)
                    found.texts.setdefault(name, _text(one.choice, reasoning=self._reasoning_shown))
                    own = found.ids.setdefault(name, confidence_id(text, self._schema))
                    found.written.setdefault(own, one.choice)
        return found

    def _own_vote(self, seat: Seat, answers: Mapping[int, Sequence[Answer]], options: Sequence[str]) -> Vote:
        """The vote that a voter casts by answering; several answers share it."""
        assert seat.vote is not None  # noqa: S101 - others are left out
        if seat.vote.shares is None:
            return seat.vote
        ids = [confidence_id(_text(one.choice), self._schema) for one in answers[seat.voter] if one.choice is not None]
        shares = tuple(ids.count(option) / len(ids) for option in options)
        return Vote(voter=seat.voter, weight=seat.weight, shares=shares, kind="generated")

    # -- selections --

    async def _select(self, candidates: _Candidates, votes: Sequence[Vote], answered: Sequence[Seat]) -> Election:
        job, options = self._job, candidates.options
        names = list(candidates.ids)
        places = [options.index(candidates.ids[name]) for name in names]

        def counted(vote: Vote) -> Vote:
            if vote.shares is None:
                return vote
            shares = [0.0] * len(options)
            for place, share in zip(places, vote.shares, strict=True):
                shares[place] += share
            return msgspec.structs.replace(vote, shares=tuple(shares))

        def spoken(voter: Voter, slips: Sequence[Slip]) -> None:
            self._selected(voter, slips, names, candidates)

        unheard = tuple(seat.weight for seat in answered if seat.vote is None)
        if not names:
            ballot = Ballot(options=0, votes=tuple(votes), waiting=unheard, rules=job.asked.rules)
            return Election(list(answered), {}, count(ballot), tuple(votes))
        election = await hold_election(
            job,
            self._selectors,
            self._weights,
            self._conversation,
            list(candidates.texts.values()),
            cache=self._cache,
            spoken=spoken,
            options=len(options),
            earlier=votes,
            counted=counted,
        )
        if unheard:  # they weigh in what there is to reach
            waiting = tuple(seat.weight for seat in election.seats if seat.vote is None) + unheard
            ballot = Ballot(options=len(options), votes=election.votes, waiting=waiting, rules=job.asked.rules)
            election.tally = count(ballot)
        election.seats = [*answered, *election.seats]
        return election

    def _selected(self, voter: Voter, slips: Sequence[Slip], names: Sequence[str], candidates: _Candidates) -> None:
        """A voter has selected: its choices are closed."""
        job = self._job
        good = sum(slip.shares is not None for slip in slips)
        mode = output_mode_of(voter.llm)
        for number, slip in enumerate(slips):
            if slip.error is not None:
                self._failures.append((voter.index, slip.error))
            made = job.choice(voter, number, slip.choice, slip.error, slip.heard, mode)
            made["vote_kind"] = slip.told_kind
            self._close(made, voter, good, None, _selected_id(slip, names, candidates))

    async def _embed(self, candidates: _Candidates) -> None:
        """A vector for each different answer, where that was asked for; none where the model has failed."""
        model = self._job.asked.embeddings
        texts = {name: text for name, text in candidates.texts.items() if text}
        if model is None or not texts:
            return
        if model == HASHED:
            self._vectors = {name: hashed_embedding(text).tolist() for name, text in texts.items()}
            return
        with suppress(UpstreamError):
            embedded = await embed_texts(self._job.line, model, list(texts.values()))
            self._vectors = dict(zip(texts, embedded.vectors, strict=True))

    # -- choices --

    def _close(
        self, made: dict[str, Any], voter: Voter, good: int, text: str | None, voted: str | dict[str, float] | None
    ) -> None:
        """The choice *made* of a voter, of whose choices so many are *good*: what it wrote, and what it votes for."""
        made |= {
            "confidence": None,
            "generate_id": None if text is None else generate_id(text),
            "confidence_id": voted,
            "confidence_weight": fair_share(self._weights.values[voter.index], good) if good else None,
        }
        self._choices[made["index"]] = made
        self._job.send([_closing(made) | {"delta": self._job.opening(made["index"])}])

    def _add_listed(self, index: int, text: str) -> None:
        """A choice that the schema permits, whether or not somebody writes it."""
        self._choices[index] = {
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": None, "reasoning": None},
            "finish_reason": "stop",
            "logprobs": None,
            "confidence": None,
            "generate_id": generate_id(text),
            "confidence_id": confidence_id(text, self._schema),
            "confidence_weight": None,
            "error": None,
            "model": None,
            "model_index": None,
            "completion_metadata": None,
        }

    def _outcome(self, candidates: _Candidates, election: Election) -> Outcome:
        job, weights, tally = self._job, self._weights, election.tally
        confidences = dict(zip(candidates.options, tally.confidences, strict=False))
        for made in self._choices.values():
            made["confidence"] = _confidence(made["confidence_id"], confidences)
            if job.asked.embeddings is not None:
                made["embedding"] = self._vectors.get(made["generate_id"])
            if weights.evidence and made["model_index"] is not None:
                made["weight_evidence"] = weights.evidence[made["model_index"]]
        ordered = sorted(self._choices.values(), key=_rank)
        usage, price = total(job.line)
        report = outcome_report(job, election, weights)
        report["confidence_ids"] = list(candidates.options)
        report["winner"] = None if tally.winner is None else candidates.options[tally.winner]
        shape = format_hash(job.asked.response_format)
        last: dict[str, Any] = {"usage": Raw(job.border.usage(usage, price)), "ballot": report}
        if weights.evidence:
            last["training_table_data"] = {"response_format_hash": shape, "embeddings_response": weights.embeddings}
        error = None
        if not tally.succeeded:
            error = all_failed(job, self._failures, election.seats)
        return Outcome(
            body=job.head() | {"choices": ordered} | last,
            closing={"choices": [_aggregate(made) for _, made in sorted(self._choices.items())]} | last,
            weights=weights,
            usage=usage,
            price=price,
            election=election,
            ids=candidates.options,
            winner=_winner(candidates, election),
            error=error,
            response_format_hash=shape,
        )


def _winner(candidates: _Candidates, election: Election) -> Choice | None:
    """The first answer of those that won; one that nobody wrote is written here."""
    place = election.tally.winner
    if place is None:
        return None
    name = candidates.options[place]
    if (choice := candidates.written.get(name)) is not None:
        return choice
    text = next(candidates.texts[generate] for generate, own in candidates.ids.items() if own == name)
    return Choice({"role": Raw(b'"assistant"'), "content": Raw(encode(text))}, 0, "stop", "stop")


def _text(choice: Choice, *, reasoning: bool = False) -> str:
    message = {name: _decode(value) for name, value in choice.message.items()}
    return answer_text(message, reasoning=reasoning)


def _selected_id(slip: Slip, names: Sequence[str], candidates: _Candidates) -> str | dict[str, float] | None:
    """The confidence id that was selected, or the probability of each."""
    if slip.shares is None:
        return None
    shares: dict[str, float] = {}
    for name, share in zip(names, slip.shares, strict=True):
        own = candidates.ids[name]
        shares[own] = shares.get(own, 0.0) + share
    if slip.kind != "logprobs":
        whole = [name for name, share in shares.items() if share == 1.0]
        if whole:
            return whole[0]
    return {name: share for name, share in shares.items() if share}


def _confidence(voted: str | Mapping[str, float] | None, confidences: Mapping[str, float]) -> float | None:
    """How sure all are of what one of them said."""
    if voted is None:
        return None
    if isinstance(voted, str):
        return confidences.get(voted, 0.0)
    return sum(confidences.get(name, 0.0) * share for name, share in voted.items())


def _rank(made: Mapping[str, Any]) -> tuple[float, bool, int]:
    confidence = made["confidence"]
    return (1.0 if confidence is None else -confidence, made["generate_id"] is None, made["index"])


def _closing(made: Mapping[str, Any]) -> dict[str, Any]:
    """The last chunk of one choice, before anything is known of the others; usage comes at the end."""
    left_out = ("message", "confidence", "logprobs", "completion_metadata")
    return {"logprobs": None} | {name: value for name, value in made.items() if name not in left_out}


def _as_delta(made: Mapping[str, Any]) -> dict[str, Any]:
    delta = {name: value for name, value in made["message"].items() if value is not None}
    return {name: value for name, value in made.items() if name != "message"} | {"delta": delta}


def _aggregate(made: Mapping[str, Any]) -> dict[str, Any]:
    """What the last chunk says of a choice: what was not known before."""
    kept = ("index", "finish_reason", "generate_id", "confidence_id", "confidence_weight", "confidence",
            "weight_evidence", "error", "model", "model_index", "completion_metadata", "embedding")  # fmt: skip
    return {"delta": {}} | {name: made[name] for name in kept if name in made}
