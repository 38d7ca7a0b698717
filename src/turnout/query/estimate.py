"""What a question may cost, by the catalog's prices, before it is asked."""

from __future__ import annotations

from collections.abc import Callable

from turnout.base.errors import TurnoutError
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import Outlook
from turnout.domain.usage import Usage, cost, effective
from turnout.engine.filters import prompt_tokens
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes

__all__ = ["KEY_TOKENS", "THOUGHT_TOKENS", "Estimator"]

KEY_TOKENS = 16
"""What a vote is, with the form around it."""

THOUGHT_TOKENS = 400
"""What a voter writes that is made to think, or that answers."""


class Estimator:
    """Prices questions by the endpoint that each would be sent to first."""

    def __init__(self, routes: Routes, outlook: Callable[[], Outlook]) -> None:
        self._routes = routes
        self._outlook = outlook

    def __call__(self, request: ChatRequest, completion_tokens: int) -> int:
        """Pico-dollars for *request* if its answer has so many tokens; 0 for one that leads nowhere."""
        outlook = self._outlook()
        try:
            plan = make_plan(request, self._routes, outlook)
        except TurnoutError:
            return 0
        tokens = prompt_tokens(request)
        limit = request.max_tokens
        written = completion_tokens if limit is None else min(limit, completion_tokens)
        usage = Usage(fresh=tokens, completion=written * (request.parameters.n or 1))
        return cost(usage, effective(plan.candidates[0].endpoint.pricing, tokens, outlook.wall)).total
