"""Many voters of known skill, shuffled, asked, read and counted as in earnest: the majority is as good as it can be."""

from __future__ import annotations

from math import comb

import msgspec

from turnout.domain.query import Ballot, Vote
from turnout.providers.fake.ballots import offered_options, pick
from turnout.query.kinds import defined_by
from turnout.query.prompt import Conversation
from turnout.query.tally import count
from turnout.query.tree import build_tree, voter_dice, width_of
from turnout.query.votes import read_choice

_BALLOTS = 10_000
_VOTERS = 3
_SKILL = 0.7
_TEXTS = ("the answer is yes", "the answer is no")


def test_the_majority_is_right_as_often_as_the_binomial_formula_says() -> None:
    roster = defined_by("score_model", {"llms": [{"model": f"fake/vote-{n}"} for n in range(_VOTERS)]}).roster
    assert roster is not None
    conversation = Conversation([{"role": "user", "content": "Which is it?"}], (), {}, stream=False)
    options = [msgspec.json.encode(text).decode() for text in _TEXTS]
    best = min(range(2), key=lambda place: offered_options([f"`A` {_TEXTS[place]}"])[0].rank)
    right = alone = 0
    for ballot in range(_BALLOTS):
        votes = []
        for voter in roster.voters:
            tree = build_tree(2, width_of(voter.llm.logprobs), voter_dice(ballot, voter.index))
            request = conversation.to_select(voter, tree, options, "fence")
            texts = [message["content"] for message in msgspec.json.decode(request.fields["messages"])]
            chosen = pick(offered_options(texts), _SKILL, f"{ballot} {voter.index}")
            votes.append(Vote(voter=voter.index, weight=1.0, shares=read_choice(tree, chosen.key).shares))
        right += count(Ballot(options=2, votes=tuple(votes))).winner == best
        alone += votes[0].shares is not None and votes[0].shares[best] == 1
    expected = sum(comb(_VOTERS, k) * _SKILL**k * (1 - _SKILL) ** (_VOTERS - k) for k in range(2, _VOTERS + 1))
    assert abs(right / _BALLOTS - expected) < 0.02
    assert abs(alone / _BALLOTS - _SKILL) < 0.02
    assert right > alone
