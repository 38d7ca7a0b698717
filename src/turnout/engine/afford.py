"""What a request may cost at most, and whether its budgets afford that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from turnout.domain.account import Key
from turnout.domain.budget import Claim, counts_own
from turnout.domain.chat import ChatRequest
from turnout.domain.errand import ErrandRequest
from turnout.domain.routing import Plan
from turnout.domain.usage import unit_cost
from turnout.engine.filters import text_bytes
from turnout.ledger.ledger import Ledger
from turnout.ledger.purse import Reservation

__all__ = ["Afforded", "Exposure", "afford", "exposure", "hold_own"]

_INLINE_BYTES_PER_TOKEN = 8
_TOKENS_PER_LINK = 4_000
_COMPLETION_TOKENS = 65_536
"""What stands for the longest answer of an endpoint that states none."""


class Exposure(NamedTuple):
    """The dearest that may happen with any candidate of a plan. Tokens are for all choices together, prices in
    pico-dollars.
    """

    prompt_tokens: int
    per_prompt: int
    completion_tokens: int
    per_completion: int
    per_request: int

    @property
    def prompt_cost(self) -> int:
        """What is due before the first token of an answer."""
        return self.prompt_tokens * self.per_prompt + self.per_request

    @property
    def cost(self) -> int:
        """What is due at most."""
        return self.prompt_cost + self.completion_tokens * self.per_completion


class Afforded(NamedTuple):
    """A request that its budgets afford. ``clamped`` is the output limit that they set, where the client set none."""

    request: ChatRequest
    held: Reservation
    clamped: int | None


def exposure(plan: Plan, request: ChatRequest, *, own: bool = False) -> Exposure:
    """The dearest that may happen with the gateway's credentials, or with the caller's *own*. A byte of text is counted
    as a token: no tokenizer makes more of it.
    """
    text = text_bytes(request)
    prompt = text + (request.prompt_bytes - text) // _INLINE_BYTES_PER_TOKEN
    prompt += bytes(request.fields["messages"]).count(b'_url"') * _TOKENS_PER_LINK
    choices = request.parameters.n or 1
    per_prompt = per_completion = per_request = longest = 0
    for candidate in plan.candidates:
        if (candidate.credential is None) is own:
            continue
        per_prompt = max(per_prompt, candidate.most_per_prompt)
        per_completion = max(per_completion, candidate.most_per_completion)
        per_request = max(per_request, candidate.endpoint.pricing.request)
        longest = max(longest, candidate.endpoint.max_completion_tokens or _COMPLETION_TOKENS)
    if isinstance(request, ErrandRequest):
        paid = [one for one in plan.candidates if (one.credential is None) is not own]
        units = max((unit_cost(request.most_units, one.endpoint.pricing) for one in paid), default=0)
        return Exposure(request.most_read, per_prompt, request.most_written, per_completion, per_request + units)
    if request.wants == "embeddings":  # nothing is written, whatever the endpoint would want for it
        return Exposure(prompt, per_prompt, 0, 0, per_request)
    return Exposure(prompt, per_prompt, (request.max_tokens or longest) * choices, per_completion, per_request)


async def afford(
    ledger: Ledger, claims: Sequence[Claim], plan: Plan, request: ChatRequest, now: float, extra: int = 0
) -> Afforded:
    """Hold what *request* may cost of every claim, which were made for *now* (unix seconds); *extra* is what plugins
    may cost beside.

    A request without an output limit is not refused for an answer that it will hardly give: its answer is limited to
    what a quarter of the rest of each budget pays for.

    Raises:
        PaymentRequired: a budget does not afford it.
        Unavailable: the store cannot be asked.
    """
    due = exposure(plan, request)
    if extra:
        due = due._replace(per_request=due.per_request + extra)
    clamped = None
    if request.max_tokens is None and due.per_completion and request.wants == "text":
        free = await ledger.affordable(claims, due.cost)
        choices = request.parameters.n or 1
        if free < due.cost:
            clamped = max(1, (free - due.prompt_cost) // (due.per_completion * choices))
            due = due._replace(completion_tokens=clamped * choices)
            request = replace(request, parameters=replace(request.parameters, max_tokens=clamped))
    held = ledger.at_hand(claims, due.cost, now) or await ledger.reserve(claims, due.cost, now)
    return Afforded(request, held, clamped)


async def hold_own(ledger: Ledger, held: Reservation, key: Key, plan: Plan, request: ChatRequest) -> Reservation | None:
    """Hold what providers may bill the caller directly, where limits of *key* or of guardrails count that; *held* is
    released when they do not afford it.

    Raises:
        PaymentRequired: they do not.
        Unavailable: the store cannot be asked.
    """
    if all(candidate.credential is None for candidate in plan.candidates):
        return None
    due = exposure(plan, request, own=True).cost
    limited = key.include_byok_in_limit
    claims = tuple(claim for claim in held.claims if counts_own(claim.budget_id, key_limited=limited))
    if not due or not claims:
        return None
    try:
        return ledger.at_hand(claims, due, held.made) or await ledger.reserve(claims, due, held.made)
    except BaseException:
        ledger.settle(held, 0)
        raise
