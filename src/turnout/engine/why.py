"""Why a request goes where it goes: each endpoint with the rule that put it where it is, and the numbers used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from turnout.base.jsons import encode
from turnout.base.money import Pico, per_million
from turnout.domain.chat import ChatRequest
from turnout.domain.health import UNKNOWN, Vitals
from turnout.domain.provider import Policy
from turnout.domain.routing import UNPRICED, Candidate, Outlook, Plan
from turnout.engine.auto_settings import ENTRIES
from turnout.engine.dead_ends import rule_of
from turnout.engine.filters import needed_parameters, prompt_tokens
from turnout.engine.order import (
    LAST,
    LIMITED,
    LOWERED,
    OUTAGE,
    SLOW,
    SLOW_LOWERED,
    TIGHT,
    Wishes,
    health_rank,
    misses,
    sorting,
    wishes_of,
)
from turnout.engine.routes import Routes

__all__ = ["explanation", "metadata", "routing_stages", "spliced", "wants_metadata"]

_HEADER, _OLD_HEADER = b"x-openrouter-metadata", b"x-openrouter-experimental-metadata"
_END = b"}\n\n"
_DEMOTIONS = {
    OUTAGE: ("outage", "has failed lately"),
    LIMITED: ("rate_limited", "has asked to be spared"),
    LAST: ("uptime", "less than 80 % of its answers went well"),
    LOWERED: ("uptime", "less than 95 % of its answers went well"),
    SLOW: ("slowed", "takes far longer to begin than it did half an hour ago"),
    SLOW_LOWERED: ("slowed", "takes far longer to begin than it did half an hour ago"),
    TIGHT: ("context_length", "the prompt may not fit"),
}


def wants_metadata(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the client asks how it was routed."""
    if _HEADER not in headers and _OLD_HEADER not in headers:
        return False
    value = headers.get(_HEADER) or headers.get(_OLD_HEADER) or b""
    return value.strip().lower() == b"enabled"


def spliced(body: bytes, found: Mapping[str, object]) -> bytes:
    """*body*, a JSON object or the last events of a stream, with *found* as ``openrouter_metadata`` in the last
    object.
    """
    member = b',"openrouter_metadata":' + encode(found)
    before, end, after = body.rpartition(_END)
    if not end:
        before, end, after = body.rstrip()[:-1], b"}", b""
    return before + member + end + after


def metadata(
    plan: Plan,
    explained: Mapping[str, object],
    attempts: Sequence[tuple[Candidate, int]] = (),
    answered: Candidate | None = None,
) -> dict[str, object]:
    """The ``openrouter_metadata`` of an answer or an error.

    *explained* is the plan's :func:`explanation`, which stands under ``turnout``, our addition; *attempts* are
    (candidate, status), *answered* is the one whose answer the client gets.

    Source: OpenRouter, "Router metadata".
    """
    total = len(plan.candidates) + len(plan.excluded)
    chosen = f"{answered.provider.name} answered" if answered is not None else "nobody answered"
    found: dict[str, object] = {
        "requested": plan.requested[0],
        "strategy": plan.strategy,
        "region": None,
        "summary": f"{len(plan.candidates)} of {total} endpoints available, {chosen}",
        "attempt": len(attempts),
        "is_byok": answered is not None and answered.credential is not None,
        "endpoints": {
            "total": total,
            "available": [
                {"provider": one.provider.name, "model": one.model.id, "selected": one is answered}
                for one in plan.candidates
            ],
        },
    }
    if attempts:
        found["attempts"] = [
            {"provider": one.provider.name, "model": one.model.id, "status": status} for one, status in attempts
        ]
    return found | {"turnout": explained}


def explanation(plan: Plan, request: ChatRequest, outlook: Outlook) -> dict[str, object]:
    """Every endpoint of *plan*, those that are tried in their order, then those that are not.

    ``rule`` is None for a candidate that stands where its price or the requested order puts it.
    """
    wishes = wishes_of(request, None, prompt_tokens(request))
    tried = [_candidate(place, one, wishes, outlook) for place, one in enumerate(plan.candidates, 1)]
    out = [_excluded(entry.candidate, entry.reason, request, outlook) for entry in plan.excluded]
    found: dict[str, object] = {"endpoints": tried + out, "warnings": list(plan.warnings)}
    if plan.picked:
        found["picked"] = [{"router": router} | facts for router, facts in plan.picked]
    return found


def routing_stages(plan: Plan) -> list[dict[str, object]]:
    """What the auto router did, as the first stage of ``openrouter_metadata.pipeline``."""
    if plan.routed is None:
        return []
    return [
        {"type": "router", "name": ENTRIES[router], "data": facts} for router, facts in plan.picked if router in ENTRIES
    ]


def order_of(request: ChatRequest, routes: Routes) -> list[dict[str, str]]:
    """By what the endpoints of each named model are ordered."""
    wishes = wishes_of(request, None, 0)
    named = [request.parameters.model, *(request.parameters.models or ())]
    return [{"model": name, "by": sorting(routes.find(name).name, wishes)} for name in dict.fromkeys(named) if name]


def _candidate(place: int, one: Candidate, wishes: Wishes, outlook: Outlook) -> dict[str, object]:
    vitals = outlook.vitals.get(one.endpoint_id, UNKNOWN)
    rank = health_rank(vitals, outlook.now)
    missed = misses(vitals, wishes)
    tight = wishes.tokens and one.room is not None and one.room < wishes.tokens
    rule, detail = None, None
    if rank >= LAST:
        rule, detail = _DEMOTIONS[rank]
    elif tight:
        rule, detail = _DEMOTIONS[TIGHT]
    elif missed is not None:
        rule, detail = missed, "is slower than preferred"
    elif rank in {LOWERED, SLOW, SLOW_LOWERED}:
        rule, detail = _DEMOTIONS[rank]
    numbers = _prices(one) | _health(vitals, outlook.now)
    if tight:
        numbers |= {"room": one.room, "prompt_tokens": wishes.tokens}
    return _named(one) | {"place": place, "verdict": "tried", "rule": rule, "detail": detail, "numbers": numbers}


def _excluded(one: Candidate, reason: str, request: ChatRequest, outlook: Outlook) -> dict[str, object]:
    rule = rule_of(reason)
    numbers = _numbers(one, reason, request)
    if reason == "allow_fallbacks":
        numbers = _prices(one) | _health(outlook.vitals.get(one.endpoint_id, UNKNOWN), outlook.now)
    return _named(one) | {
        "place": None,
        "verdict": "excluded",
        "rule": reason,
        "detail": rule["detail"],
        "field": rule["field"],
        "numbers": numbers,
    }


def _named(one: Candidate) -> dict[str, object]:
    named: dict[str, object] = {
        "endpoint": one.endpoint_id,
        "model": one.model.id,
        "provider": one.provider.name,
        "tag": one.endpoint.tag,
    }
    return named if one.credential is None else named | {"credential": one.credential.id}


def _prices(one: Candidate) -> dict[str, Any]:
    """Prices in dollars: per million tokens, and the one number that the order goes by."""
    if one.price == UNPRICED:
        return {"prompt": None, "completion": None, "blended": None}
    pricing = one.endpoint.pricing
    return {
        "prompt": per_million(pricing.prompt),
        "completion": per_million(pricing.completion),
        "blended": per_million(Pico(one.price)),
    }


def _health(vitals: Vitals, now: float) -> dict[str, Any]:
    """What is known of its health: seconds, tokens per second, per cent; nothing where nothing is."""
    found: dict[str, Any] = {}
    if vitals.outage:
        found |= {"outage": True, "probing": vitals.probing}
    if vitals.limited_until > now:
        found["limited_seconds"] = round(vitals.limited_until - now, 1)
    if vitals.uptime is not None:
        found["uptime"] = round(vitals.uptime, 2)
    if vitals.latency is not None:
        found["latency_p50"] = vitals.latency.p50
    if vitals.throughput is not None:
        found["throughput_p50"] = vitals.throughput.p50
    if vitals.tool_requests:
        found |= {"tool_requests": vitals.tool_requests, "tool_errors": vitals.tool_errors}
    return found


def _numbers(one: Candidate, reason: str, request: ChatRequest) -> dict[str, Any]:
    """What the rule compared."""
    compared = _COMPARED.get(reason)
    return {} if compared is None else compared(one, request)


def _max_price(one: Candidate, request: ChatRequest) -> dict[str, Any]:
    preferences = request.parameters.provider
    cap = None if preferences is None else preferences.max_price
    stated = {name: getattr(cap, name) for name in cap.__struct_fields__} if cap is not None else {}
    return _prices(one) | {"max_price": {name: value for name, value in stated.items() if value is not None}}


def _quantizations(one: Candidate, request: ChatRequest) -> dict[str, Any]:
    preferences = request.parameters.provider
    wanted = None if preferences is None else preferences.quantizations
    return {"quantization": one.endpoint.quantization, "quantizations": wanted}


def _missing(one: Candidate, request: ChatRequest) -> dict[str, Any]:
    return {"missing": sorted(needed_parameters(request) - (one.parameters or frozenset()))}


def _policy(one: Candidate) -> Policy:
    return one.endpoint.policy or one.provider.policy


_COMPARED: Mapping[str, Callable[[Candidate, ChatRequest], dict[str, Any]]] = {
    "context_length": lambda one, request: {"room": one.room, "prompt_tokens": prompt_tokens(request)},
    "data_policy:training": lambda one, _: {"data_collection": _policy(one).data_collection},
    "data_policy:zdr": lambda one, _: {"zdr": _policy(one).zdr},
    "data_region": lambda one, _: {"regions": list(_policy(one).regions)},
    "enforce_distillable_text": lambda one, _: {"distillable": one.model.distillable},
    "max_price": _max_price,
    "max_tokens": lambda one, request: {
        "max_completion_tokens": one.endpoint.max_completion_tokens,
        "max_tokens": request.max_tokens,
    },
    "quantization": _quantizations,
    "require_parameters": _missing,
    "service_tier": lambda one, _: {"service_tier": one.endpoint.service_tier},
    "unsupported_parameters": _missing,
}
