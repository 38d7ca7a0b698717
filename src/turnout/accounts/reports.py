"""What callers read about their own use: one generation, and the key they call with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from msgspec import Raw
from msgspec.structs import replace

from turnout.accounts.standing import Standing, date, key_budget, workspace_of
from turnout.base.money import Pico, json_number
from turnout.contracts.store import Store
from turnout.domain.account import AttemptRecord, Generation, Key
from turnout.domain.usage import cost

__all__ = [
    "Spending",
    "Windows",
    "generation_report",
    "generation_row_report",
    "key_entry",
    "key_report",
    "spending",
    "spendings",
    "windows",
]

_API_TYPES = frozenset({"embeddings", "rerank", "tts", "stt", "video", "image"})
_ROUTERS = ("openrouter/", "turnout/auto")


class Windows(NamedTuple):
    """Where the current calendar windows begin, in unix seconds. Days begin at midnight UTC, weeks on Monday."""

    day: float
    week: float
    month: float


class Spending(NamedTuple):
    """What a key has spent, ever and in the current windows, in pico-dollars; ``own`` is what providers billed its
    account directly, in the same four spans.
    """

    total: Pico = Pico(0)
    day: Pico = Pico(0)
    week: Pico = Pico(0)
    month: Pico = Pico(0)
    own: tuple[Pico, ...] = (Pico(0),) * 4


def windows(now: float) -> Windows:
    """The windows that *now* (unix seconds) lies in."""
    day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    week = day - timedelta(days=day.weekday())
    return Windows(day.timestamp(), week.timestamp(), day.replace(day=1).timestamp())


async def spending(store: Store, key_hash: str, now: float) -> Spending:
    """What the key of that hash has spent up to now."""
    return (await spendings(store, [key_hash], now))[key_hash]


async def spendings(store: Store, hashes: Sequence[str], now: float) -> dict[str, Spending]:
    """What each key has spent up to now."""
    if not hashes:
        return {}
    since = (0.0, *windows(now))
    found, own = await store.spendings(hashes, since), await store.own_spendings(hashes, since)
    made: dict[str, Spending] = {}
    for key_hash, amounts in found.items():
        total, day, week, month = map(Pico, amounts)
        made[key_hash] = Spending(total, day, week, month, tuple(map(Pico, own[key_hash])))
    return made


def key_report(key: Key, spent: Spending, budgets: Sequence[Standing] = ()) -> dict[str, Any]:
    """The ``data`` object of ``GET /key``; *budgets* are all that its requests are charged to.

    Source: OpenRouter, "Get current API key".
    """
    entries = [key_budget(one, byok=key.include_byok_in_limit) for one in budgets]
    per_minute = key.requests_per_minute
    return {
        "label": key.label,
        **_limit(key, budgets),
        **_usage(spent),
        "is_free_tier": False,
        "is_management_key": key.management,
        "is_provisioning_key": key.management,
        "creator_user_id": None,
        "expires_at": None if key.expires is None else date(key.expires),
        "organization_id": None,
        "workspace_id": workspace_of(key.account_id),
        "allowed_data_regions": ["global"],
        "budgets": entries,
        "effective_budget": min(entries, key=lambda one: one["remaining_usd"], default=None),
        "free_model_daily_requests": {"limit": 1000, "remaining": 1000, "used": 0},
        "rate_limit": {
            "requests": -1 if per_minute is None else per_minute,
            "interval": "10s" if per_minute is None else "60s",
            "note": "deprecated",
        },
    }


def key_entry(key: Key, spent: Spending, used: int | None, standing: Standing | None) -> dict[str, Any]:
    """An entry of ``GET /keys``. *used* is the unix second in which it was used last, *standing* that of its limit.

    Source: OpenRouter, "List API keys"; what is ours comes last.
    """
    rules = key.rules
    return {
        "hash": key.hash,
        "name": key.name,
        "label": key.label,
        "disabled": key.disabled,
        **_limit(key, () if standing is None else (standing,)),
        **_usage(spent),
        "created_at": date(key.created),
        "updated_at": None if key.updated is None else date(key.updated),
        "expires_at": None if key.expires is None else date(key.expires),
        "last_used_at": None if used is None else date(used),
        "creator_user_id": None,
        "external_user": None,
        "workspace_id": workspace_of(key.account_id),
        "account_id": key.account_id,
        "management": key.management,
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
        "allowed_models": rules.models,
        "allowed_providers": rules.providers,
        "tags": rules.tags,
        "store_content": rules.store_content,
        "plugins": [Raw(entry.encode()) for entry in rules.plugins],
    }


def generation_row_report(generation: Generation) -> dict[str, Any]:
    """An entry of ``GET /generations``: what ``GET /generation`` says, and what a list is searched by."""
    return generation_report(generation) | {
        "key_hash": generation.key_hash,
        "outcome": generation.outcome,
        "provider": generation.provider,
        "requested_model": generation.requested_model,
        "error_type": generation.error_type,
        "attempts": len(generation.attempts),
        "parent_id": generation.parent_id,
    }


def generation_report(generation: Generation) -> dict[str, Any]:
    """The ``data`` object of ``GET /generation``: all keys of the schema, null where there is nothing to say.

    Times in milliseconds, money in dollars. Source: OpenRouter, "Get a generation".
    """
    usage = generation.usage
    paid = json_number(generation.cost)
    return {
        "id": generation.id,
        "upstream_id": generation.upstream_id,
        "request_id": None,
        "session_id": generation.session_id,
        "response_cache_source_id": generation.source_id,
        "total_cost": paid,
        "usage": paid,
        "cache_discount": _cache_discount(generation),
        "upstream_inference_cost": json_number(usage.own) if usage.own else None,
        "is_byok": generation.credential_id is not None,
        "created_at": date(generation.created),
        "model": generation.model or generation.requested_model,
        "router": generation.requested_model if generation.requested_model.startswith(_ROUTERS) else None,
        "api_type": generation.api if generation.api in _API_TYPES else "completions",
        "app_id": None,
        "origin": generation.referer or "",
        "http_referer": generation.referer,
        "user_agent": generation.user_agent,
        "external_user": generation.user,
        "preset_id": generation.preset_id,
        "workspace_id": None,
        "data_region": "global",
        "streamed": generation.streamed,
        "cancelled": generation.cancelled,
        "provider_name": generation.provider_name,
        "provider_responses": [_provider_response(attempt) for attempt in generation.attempts],
        "service_tier": generation.service_tier,
        "latency": generation.latency_ms,
        "moderation_latency": None,
        "generation_time": generation.generation_ms,
        "finish_reason": generation.finish_reason,
        "native_finish_reason": generation.native_finish_reason,
        "tokens_prompt": usage.prompt_tokens,
        "tokens_completion": usage.completion_tokens,
        "native_tokens_prompt": usage.prompt_tokens,
        "native_tokens_completion": usage.completion_tokens,
        "native_tokens_completion_images": usage.image_completion,
        "native_tokens_reasoning": usage.reasoning,
        "native_tokens_cached": usage.cache_read,
        "num_media_prompt": None,
        "num_input_audio_prompt": None,
        "num_media_completion": None,
        "num_search_results": None,
        "num_fetches": None,
        "web_search_engine": None,
    }


def _limit(key: Key, standings: Sequence[Standing]) -> dict[str, Any]:
    """The limit of the key's own, in dollars."""
    own = key.budget
    left = [one.remaining for one in standings if own is not None and one.budget.id == own.id]
    remaining = left[0] if left else key.limit
    return {
        "limit": None if key.limit is None else json_number(key.limit),
        "limit_remaining": None if remaining is None else json_number(remaining),
        "limit_reset": None if key.limit is None else key.limit_reset,
        "include_byok_in_limit": key.include_byok_in_limit,
    }


def _usage(spent: Spending) -> dict[str, Any]:
    return {
        "usage": json_number(spent.total),
        "usage_daily": json_number(spent.day),
        "usage_weekly": json_number(spent.week),
        "usage_monthly": json_number(spent.month),
        "byok_usage": json_number(spent.own[0]),
        "byok_usage_daily": json_number(spent.own[1]),
        "byok_usage_weekly": json_number(spent.own[2]),
        "byok_usage_monthly": json_number(spent.own[3]),
    }


def _provider_response(attempt: AttemptRecord) -> dict[str, Any]:
    report: dict[str, Any] = {
        "endpoint_id": attempt.endpoint_id,
        "is_byok": attempt.credential_id is not None,
        "latency": round((attempt.first_byte_ms or attempt.ended_ms) - attempt.started_ms, 3),
        "model_permaslug": attempt.model,
        "provider_name": attempt.provider_name,
        "status": attempt.status,
    }
    if attempt.upstream_id is not None:
        report["id"] = attempt.upstream_id
    return report


def _cache_discount(generation: Generation) -> float | None:
    """Dollars that the provider's prompt cache saved; negative where writing it cost more than reading saved."""
    usage = generation.usage
    cached = usage.cache_read + usage.cache_write + usage.cache_write_1h
    if not cached or not generation.cost:
        return None
    uncached = replace(usage, fresh=usage.fresh + cached, cache_read=0, cache_write=0, cache_write_1h=0)
    saved = cost(uncached, generation.pricing).prompt - cost(usage, generation.pricing).prompt
    return json_number(Pico(saved))
