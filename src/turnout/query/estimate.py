"""What a question may cost, by the catalog's prices, before it is asked."""

from __future__ import annotations

from collections.abc import Callable

from turnout.base.errors import TurnoutError
from turnout.domain.account import Key
from turnout.domain.chat import ChatRequest
from turnout.domain.query import Voter
from turnout.domain.usage import Usage, cost, effective
from turnout.engine.filters import prompt_tokens
from turnout.engine.house import House
from turnout.engine.plan import make_plan

__all__ = ["THOUGHT_TOKENS", "Estimator", "tokens_of_vote"]

_KEY_TOKENS = 16
"""What a vote is, with the form around it."""

THOUGHT_TOKENS = 400
"""What a voter writes that is made to think, or that answers."""


def tokens_of_vote(voter: Voter) -> int:
    """What *voter* writes when it selects."""
    return THOUGHT_TOKENS if voter.llm.thinks else _KEY_TOKENS


class Estimator:
    """Prices questions by the endpoint that each would be sent to first."""

    def __init__(self, house: House, key: Key) -> None:
        self._house = house
        self._key = key

    def __call__(self, make: Callable[[], ChatRequest], completion_tokens: int) -> int:
        """Pico-dollars for a request if its answer has so many tokens; 0 for one that would fail without a call."""
        outlook = self._house.outlook(self._key)
        try:
            request = make()
            plan = make_plan(request, self._house.rails.routes, outlook)
        except TurnoutError:
            return 0
        tokens = prompt_tokens(request)
        limit = request.max_tokens
        written = completion_tokens if limit is None else min(limit, completion_tokens)
        usage = Usage(fresh=tokens, completion=written * (request.parameters.n or 1))
        return cost(usage, effective(plan.candidates[0].endpoint.pricing, tokens, outlook.wall)).total
