"""One generation in full, for whoever asks where a request went and what each cent of it was for."""

from __future__ import annotations

from typing import Any

from turnout.base.money import Pico, dollars
from turnout.domain.account import AttemptRecord, Generation
from turnout.domain.routed import Routed
from turnout.domain.usage import Pricing, Usage, cost, unit_cost

__all__ = ["generation_detail"]

_BUCKETS = (
    ("fresh", ("prompt",)),
    ("cache_read", ("input_cache_read", "prompt")),
    ("cache_write", ("input_cache_write", "prompt")),
    ("cache_write_1h", ("input_cache_write_1h", "input_cache_write", "prompt")),
    ("audio_prompt", ("audio", "prompt")),
    ("completion", ("completion",)),
    ("reasoning", ("internal_reasoning", "completion")),
    ("audio_completion", ("audio_output", "completion")),
    ("image_completion", ("image_output", "completion")),
)
"""What is counted, and the prices that hold for it: the first one that is stated."""


def generation_detail(generation: Generation) -> dict[str, Any]:
    """What ``GET /generation`` adds under ``turnout``: every call with its times, and the cost line by line.

    Times in milliseconds since the request arrived, money in dollars as exact texts. The amounts of ``lines`` add up
    to ``cost``.
    """
    return {
        "api": generation.api,
        "key_hash": generation.key_hash,
        "outcome": generation.outcome,
        "status": generation.status,
        "error_type": generation.error_type,
        "requested_model": generation.requested_model,
        "parent_id": generation.parent_id,
        "ended_ms": generation.ended_ms,
        "budgets": list(generation.budgets),
        "cost": dollars(generation.cost),
        "attempts": [_attempt(one) for one in generation.attempts],
        "lines": _lines(generation),
        "routed": None if generation.routed is None else _routed(generation.routed),
    }


def _routed(one: Routed) -> dict[str, Any]:
    return {
        "router": one.router,
        "task_type": one.task or None,
        "tasks": dict(one.tasks),
        "reason": one.reason,
        "propensity": one.propensity,
        "models": list(one.models),
        "expected_quality": one.quality,
        "expected_cost": one.cost,
        "shadow": one.shadow or None,
    }


def _attempt(one: AttemptRecord) -> dict[str, Any]:
    return {
        "endpoint": one.endpoint_id,
        "model": one.model,
        "provider": one.provider,
        "provider_name": one.provider_name,
        "outcome": one.outcome,
        "status": one.status,
        "error_type": one.error_type,
        "may_be_billed": one.may_be_billed,
        "started_ms": one.started_ms,
        "first_byte_ms": one.first_byte_ms,
        "ended_ms": one.ended_ms,
        "prompt_tokens": one.usage.prompt_tokens,
        "completion_tokens": one.usage.completion_tokens,
        "is_byok": one.credential_id is not None,
        "cost": dollars(one.cost),
    }


def _lines(generation: Generation) -> list[dict[str, Any]]:
    """The last call's buckets at their prices, every other call as a whole, and what remains between them and the
    cost: a credential of the account's own, an answer that was kept, a failure that nobody pays for.
    """
    usage = generation.usage if generation.last_usage is None else generation.last_usage
    lines = [
        {"what": "call", "of": one.endpoint_id, "amount": dollars(one.cost)} for one in generation.earlier if one.cost
    ]
    if generation.endpoint_id is not None or generation.source_id is not None:
        lines += _priced(usage.billed or usage, generation.pricing)
        rest = generation.cost - generation.aside_cost - cost(usage, generation.pricing).total
        if rest:
            lines.append({"what": _why(generation), "amount": dollars(Pico(rest))})
    return lines


def _priced(usage: Usage, pricing: Pricing) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for name, prices in _BUCKETS:
        count: int = getattr(usage, name)
        stated = (getattr(pricing, one) for one in prices)
        price = next((one for one in stated if one is not None), 0)
        if count:
            lines.append(_line(name, count, price))
    if usage.web_searches and pricing.web_search is not None:
        lines.append(_line("web_searches", usage.web_searches, pricing.web_search))
    if pricing.request:
        lines.append(_line("request", 1, pricing.request))
    if usage.units is not None and (amount := unit_cost(usage.units, pricing)):
        lines.append({"what": "units", "amount": dollars(Pico(amount))})
    return lines


def _line(what: str, count: int, price: int) -> dict[str, Any]:
    return {"what": what, "count": count, "price": dollars(Pico(price)), "amount": dollars(Pico(count * price))}


def _why(generation: Generation) -> str:
    if generation.credential_id is not None:
        return "own_credential"
    return "kept_answer" if generation.source_id is not None else "not_charged"
