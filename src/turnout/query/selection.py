"""Voters that select: each gets the candidate answers under keys of its own, and what it writes is read as a vote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Choice
from turnout.domain.query import Vote, VoteKind, Voter
from turnout.query.cache import KeptVote, VoteCache
from turnout.query.prompt import ABSTAINING, Conversation, output_mode_of
from turnout.query.tally import with_abstention
from turnout.query.tree import PrefixTree, build_tree, turned, voter_dice, width_of
from turnout.query.voters import Heard, Line, Listener, Question
from turnout.query.votes import InvalidVote, read_choice, tokens_of

__all__ = ["Options", "Selection", "Slip", "Terms", "written"]

_text_of = msgspec.json.Decoder(str | None).decode
_calls_of = msgspec.json.Decoder(list[dict[str, Any]] | None).decode
_FENCE_BITS = 64


class Terms(Struct, frozen=True, kw_only=True):
    """How voters are asked: ``slips`` votes of each, each of so many ``passes`` (the second one in reverse)."""

    vote_seed: int
    slips: int = 1
    passes: int = 1
    allow_abstain: bool = False


class Slip(Struct, kw_only=True):
    """One vote of one voter, and the questions that it took. ``shares`` is None where it failed."""

    heard: tuple[Heard, ...] = ()
    shares: tuple[float, ...] | None = None
    abstained: float = 0.0
    kind: VoteKind = "hard"
    cached: bool = False
    error: TurnoutError | None = None

    @property
    def told_kind(self) -> VoteKind | None:
        """Where the vote comes from; None where there is none."""
        return None if self.shares is None else self.kind

    @property
    def choice(self) -> Choice | None:
        """What the voter wrote, at the first pass."""
        answer = self.heard[0].answer if self.heard else None
        return answer.choices[0] if answer is not None and answer.choices else None


@final
class Options:
    """The candidate answers of one ballot as voters read them, behind a fence that none of them can write."""

    def __init__(self, texts: Sequence[str], vote_seed: int, *, allow_abstain: bool) -> None:
        shown = [*texts, ABSTAINING] if allow_abstain else list(texts)
        dice = Random(f"ballot {vote_seed} fence")
        fence = f"{dice.getrandbits(_FENCE_BITS):016x}"
        while any(fence in text for text in shown):
            fence = f"{dice.getrandbits(_FENCE_BITS):016x}"
        self.count = len(texts)
        self.fence = fence
        self.allow_abstain = allow_abstain
        self.texts = [encode(text).decode() for text in shown]


@final
class Selection:
    """Asks voters to select, one after the other or many at once. *code_of* gives an error the status it has."""

    def __init__(
        self,
        line: Line,
        conversation: Conversation,
        options: Options,
        terms: Terms,
        code_of: Callable[[TurnoutError], int],
    ) -> None:
        self._line = line
        self._conversation = conversation
        self._options = options
        self._terms = terms
        self._code_of = code_of
        self._asked: dict[int, list[Question]] = {}
        self._cache: tuple[VoteCache, str] | None = None
        self.slips: dict[int, list[Slip]] = {}

    def remember_in(self, cache: VoteCache, account_id: str) -> None:
        """Take votes from *cache* where it has them, and leave others there."""
        self._cache = (cache, account_id)

    async def vote(self, voter: Voter, weight: float, listeners: Sequence[Listener | None] | None = None) -> Vote:
        """The vote of *voter*: the mean of its slips that did not fail. *listeners*, one for each slip, hear it."""
        key = self._key(voter)
        kept = self._cache[0].get(key) if self._cache is not None else None
        if kept is not None:
            slips = [Slip(shares=one.shares, abstained=one.abstained, kind=one.kind, cached=True) for one in kept]
        else:
            slips = await self._ask(voter, listeners)
            if self._cache is not None and all(slip.shares is not None for slip in slips):
                votes = [KeptVote(slip.shares or (), slip.abstained, slip.kind) for slip in slips]
                self._cache[0].put(key, votes)
        self.slips[voter.index] = slips
        return _together(voter, weight, slips, self._code_of)

    def request(self, voter: Voter, tree: PrefixTree | None = None, number: int = 0) -> ChatRequest:
        """What *voter* is asked; without a *tree* something of the same length.

        Raises:
            BadRequest: the definition has a value that a request cannot have.
        """
        if tree is None:
            tree = build_tree(len(self._options.texts), width_of(voter.llm.logprobs))
        return self._conversation.to_select(voter, tree, self._options.texts, self._options.fence, number)

    def withdraw(self, voter: Voter) -> None:
        """Nobody waits for *voter* any more."""
        for question in self._asked.get(voter.index, ()):
            question.withdraw()

    async def _ask(self, voter: Voter, listeners: Sequence[Listener | None] | None) -> list[Slip]:
        trees = self._trees(voter)
        questions: list[Question] = []
        try:
            for number, tree in enumerate(trees):
                listener = None if listeners is None else listeners[number // self._terms.passes]
                second = number % self._terms.passes > 0
                request = self.request(voter, tree, number // self._terms.passes)
                questions.append(self._line.question(voter.index, request, None if second else listener))
        except TurnoutError as error:
            return [Slip(error=error) for _ in range(self._terms.slips)]
        self._asked[voter.index] = questions
        if len(questions) == 1:
            heard = [await questions[0].ask()]
        else:
            heard = list(await asyncio.gather(*(question.ask() for question in questions)))
        passes = self._terms.passes
        return [
            self._slip(voter, trees[start : start + passes], heard[start : start + passes])
            for start in range(0, len(trees), passes)
        ]

    def _trees(self, voter: Voter) -> list[PrefixTree]:
        """A tree for each question, drawn from the voter's own dice."""
        dice = voter_dice(self._terms.vote_seed, voter.index)
        width = width_of(voter.llm.logprobs)
        trees: list[PrefixTree] = []
        for _ in range(self._terms.slips):
            tree = build_tree(len(self._options.texts), width, dice)
            trees.append(tree)
            if self._terms.passes > 1:
                trees.append(turned(tree))
        return trees

    def _slip(self, voter: Voter, trees: Sequence[PrefixTree], heard: Sequence[Heard]) -> Slip:
        """The mean of the passes that did not fail."""
        read: list[KeptVote] = []
        error: TurnoutError | None = None
        for tree, one in zip(trees, heard, strict=True):
            try:
                read.append(self._read(voter, tree, one))
            except TurnoutError as failure:
                error = failure
        if not read:
            return Slip(heard=tuple(heard), error=error)
        shares, abstained, kind = _mean(read)
        return Slip(heard=tuple(heard), shares=shares, abstained=abstained, kind=kind)

    def _read(self, voter: Voter, tree: PrefixTree, heard: Heard) -> KeptVote:
        """The vote in an answer.

        Raises:
            TurnoutError: there is none.
        """
        if heard.answer is None:
            raise heard.error or _invalid("the voter did not answer")
        choice = heard.answer.choices[0]
        try:
            tokens = tokens_of(choice.logprobs) if voter.llm.logprobs else ()
            found = read_choice(tree, written(choice, calls=output_mode_of(voter.llm) == "tool_call"), tokens)
        except InvalidVote as error:
            raise _invalid(str(error)) from None
        if self._options.allow_abstain:
            shares, abstained = with_abstention(found.shares)
            return KeptVote(shares, abstained, found.kind)
        return KeptVote(found.shares, 0.0, found.kind)

    def _key(self, voter: Voter) -> bytes:
        if self._cache is None:
            return b""
        terms = self._terms
        question = [
            self._conversation.digest,
            *[text.encode() for text in self._options.texts],
            b"%d %d %d" % (terms.slips, terms.passes, terms.allow_abstain),
        ]
        return VoteCache.key(self._cache[1], voter.base_id, question)


def written(choice: Choice, *, calls: bool) -> str | None:
    """What holds the key: the content, or the arguments of a call."""
    if calls:
        for call in _calls_of(choice.message.get("tool_calls", Raw(b"null"))) or ():
            arguments = (call.get("function") or {}).get("arguments")
            if isinstance(arguments, str):
                return arguments
    raw = choice.message.get("content", Raw(b"null"))
    return _text_of(raw) if bytes(raw)[:1] in b'"n' else None


def _together(voter: Voter, weight: float, slips: Sequence[Slip], code_of: Callable[[TurnoutError], int]) -> Vote:
    read = [KeptVote(slip.shares, slip.abstained, slip.kind) for slip in slips if slip.shares is not None]
    if not read:
        errors = [slip.error for slip in slips if slip.error is not None]
        return Vote(voter=voter.index, weight=weight, code=code_of(errors[0]) if errors else None)
    shares, abstained, kind = _mean(read)
    return Vote(voter=voter.index, weight=weight, shares=shares, abstained=abstained, kind=kind)


def _mean(votes: Sequence[KeptVote]) -> KeptVote:
    """What several votes of one voter come to."""
    if len(votes) == 1:
        return votes[0]
    shares = tuple(sum(column) / len(votes) for column in zip(*(one.shares for one in votes), strict=True))
    kind: VoteKind = "logprobs" if all(one.kind == "logprobs" for one in votes) else "hard"
    return KeptVote(shares, sum(one.abstained for one in votes) / len(votes), kind)


def _invalid(message: str) -> TurnoutError:
    return TurnoutError(message[:1].upper() + message[1:], metadata={"kind": "invalid_content"})
