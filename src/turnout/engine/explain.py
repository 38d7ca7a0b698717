"""The line without the attempt: where a request would go, and why."""

from __future__ import annotations

from turnout.base.errors import NoEndpoints
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import Outlook, Plan
from turnout.engine.dead_ends import DeadEnd
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes
from turnout.engine.why import explanation, order_of

__all__ = ["explain"]


def explain(request: ChatRequest, routes: Routes, outlook: Outlook) -> dict[str, object]:
    """The plan of *request* with the reason for each endpoint's place; nothing is sent.

    Where balancing draws the first endpoint, this is one draw. A request that leads nowhere is explained as well:
    ``dead_end`` holds the message and the ``availability`` of the error that it would get.

    Raises:
        BadRequest: the request could not be served as it stands.
        NotFound: it names a preset that does not exist.
    """
    dead_end: dict[str, object] | None = None
    try:
        plan = make_plan(request, routes, outlook)
    except NoEndpoints as error:
        dead_end = {"message": error.message, "availability": error.availability}
        plan = error.plan if isinstance(error, DeadEnd) else Plan((request.parameters.model or "",), ())
    return {
        "requested": list(plan.requested),
        "strategy": plan.strategy,
        "order": order_of(request, routes),
        "candidates": [one.endpoint_id for one in plan.candidates],
        "dead_end": dead_end,
    } | explanation(plan, request, outlook)
