from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from msgspec.structs import replace
from openrouter.components import GenerationResponse
from openrouter.operations import GetCurrentKeyResponse

from stored import generation_row
from turnout.accounts.reports import Spending, generation_report, key_report, spending, windows
from turnout.accounts.standing import workspace_of
from turnout.base.money import Pico
from turnout.domain.account import Account, AttemptRecord, Generation, Key
from turnout.domain.usage import Pricing, Usage
from turnout.stores.sqlite import SQLiteStore

REQUIRED = frozenset({
    "id", "upstream_id", "total_cost", "cache_discount", "upstream_inference_cost", "created_at", "model",
    "app_id", "streamed", "cancelled", "provider_name", "latency", "moderation_latency", "generation_time",
    "finish_reason", "service_tier", "tokens_prompt", "tokens_completion", "native_tokens_prompt",
    "native_tokens_completion", "native_tokens_completion_images", "native_tokens_reasoning",
    "native_tokens_cached", "num_media_prompt", "num_input_audio_prompt", "num_media_completion",
    "num_search_results", "num_fetches", "web_search_engine", "origin", "usage", "is_byok", "native_finish_reason",
    "external_user", "api_type", "preset_id", "router", "provider_responses", "user_agent", "http_referer",
    "data_region", "workspace_id",
})  # fmt: skip
BARE = Generation(
    id="gen-1-abc",
    account_id="default",
    key_hash="f" * 64,
    created=1790000000.25,
    api="chat",
    requested_model="openrouter/auto",
    outcome="failed",
)
ATTEMPT = AttemptRecord(
    endpoint_id="acme/tiny|acme|acme",
    model="acme/tiny",
    provider="acme",
    provider_name="Acme",
    outcome="answered",
    started_ms=100.0,
    first_byte_ms=350.5,
    ended_ms=900.0,
    status=200,
    upstream_id="up-1",
)
FULL = replace(
    BARE,
    outcome="answered",
    model="acme/tiny",
    provider_name="Acme",
    usage=Usage(fresh=1000, cache_read=300, completion=250, reasoning=20),
    pricing=Pricing(Pico(150_000), Pico(600_000), input_cache_read=Pico(75_000)),
    cost=Pico(334_500_000),
    endpoint_id="acme/tiny|acme|acme",
    provider="acme",
    upstream_id="up-1",
    status=200,
    started_ms=350.5,
    latency_ms=250.5,
    ended_ms=900.0,
    user="u-1",
    earlier=(replace(ATTEMPT, status=None, first_byte_ms=None, upstream_id=None, outcome="failed"),),
)
KEY = Key(hash="f" * 64, account_id="default", name="first", label="sk-to-v1-abc...123")
GOLDEN = {
    "label": "sk-to-v1-abc...123", "limit": None, "limit_remaining": None, "limit_reset": None,
    "include_byok_in_limit": False, "usage": 0, "usage_daily": 0, "usage_weekly": 0, "usage_monthly": 0,
    "byok_usage": 0, "byok_usage_daily": 0, "byok_usage_weekly": 0, "byok_usage_monthly": 0, "is_free_tier": False,
    "is_management_key": False, "is_provisioning_key": False, "creator_user_id": None, "expires_at": None,
    "organization_id": None, "workspace_id": workspace_of("default"), "allowed_data_regions": ["global"], "budgets": [],
    "effective_budget": None, "free_model_daily_requests": {"limit": 1000, "remaining": 1000, "used": 0},
    "rate_limit": {"requests": -1, "interval": "10s", "note": "deprecated"},
}  # fmt: skip


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "turnout.db")
    await opened.open()
    await opened.put_account(Account(id="default", name="Default"))
    yield opened
    await opened.close()


def published_schema() -> dict[str, Any]:
    folder = os.environ.get("TURNOUT_TEST_DATA")
    path = Path(folder or "missing") / "openrouter-openapi.json"
    if not path.exists():
        pytest.skip("the published schema is not here: TURNOUT_TEST_DATA names no folder that has it")
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def check(value: object, reference: str, document: dict[str, Any]) -> None:
    schema = {"$ref": reference, "components": document["components"], "paths": document["paths"]}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(value)


@pytest.mark.parametrize("generation", [BARE, FULL])
def test_a_generation_has_every_key_that_clients_require(generation: Generation) -> None:
    assert generation_report(generation).keys() >= REQUIRED


@pytest.mark.parametrize("generation", [BARE, FULL])
def test_a_generation_fits_the_published_schema(generation: Generation) -> None:
    check({"data": generation_report(generation)}, "#/components/schemas/GenerationResponse", published_schema())


@pytest.mark.parametrize("generation", [BARE, FULL])
def test_the_official_client_reads_a_generation(generation: Generation) -> None:
    read = GenerationResponse.model_validate_json(msgspec.json.encode({"data": generation_report(generation)}))
    assert read.data.id == generation.id
    assert read.data.total_cost == generation.cost / 10**12


def test_a_generation_says_what_was_used_and_what_it_cost() -> None:
    report = generation_report(FULL)
    assert report["total_cost"] == report["usage"] == 0.0003345
    assert report["tokens_prompt"] == report["native_tokens_prompt"] == 1300
    assert report["tokens_completion"] == 270
    assert report["native_tokens_cached"] == 300
    assert report["cache_discount"] == 0.0000225
    assert report["created_at"] == "2026-09-21T14:13:20.250Z"
    assert report["model"] == "acme/tiny"
    assert report["router"] == "openrouter/auto"
    assert report["external_user"] == "u-1"


def test_every_attempt_is_listed_with_its_own_latency() -> None:
    failed, answered = generation_report(FULL)["provider_responses"]
    assert (failed["status"], failed["latency"]) == (None, 800.0)
    assert "id" not in failed
    assert (answered["status"], answered["latency"], answered["id"]) == (200, 250.5, "up-1")


def test_writing_a_cache_that_nobody_reads_is_a_negative_discount() -> None:
    usage, pricing = Usage(fresh=10, cache_write=100), Pricing(Pico(100), Pico(0), input_cache_write=Pico(125))
    report = generation_report(replace(FULL, usage=usage, pricing=pricing, cost=Pico(13_500)))
    assert report["cache_discount"] == -0.0000000025


def test_a_failed_generation_names_the_model_that_was_asked_for() -> None:
    assert generation_report(BARE)["model"] == "openrouter/auto"


@pytest.mark.parametrize(
    ("api", "reported"), [("chat", "completions"), ("messages", "completions"), ("embeddings", "embeddings")]
)
def test_the_kind_of_api_is_reported_in_the_published_words(api: str, reported: str) -> None:
    assert generation_report(replace(BARE, api=api))["api_type"] == reported


def test_a_key_is_reported_as_clients_expect_it() -> None:
    assert key_report(KEY, Spending()) == GOLDEN


def test_a_key_fits_the_published_schema() -> None:
    reference = "#/paths/~1key/get/responses/200/content/application~1json/schema"
    report = key_report(replace(KEY, expires=1790000000.0), Spending(Pico(1)))
    check({"data": report}, reference, published_schema())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client's own, about parts that we must send
@pytest.mark.parametrize("key", [KEY, replace(KEY, management=True, expires=1790000000.0)])
def test_the_official_client_reads_a_key(key: Key) -> None:
    report = key_report(key, Spending(Pico(10**12)))
    read = GetCurrentKeyResponse.model_validate_json(msgspec.json.encode({"data": report}))
    assert read.data.usage == 1.0
    assert read.data.is_management_key == key.management


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - naive bounds
def test_windows_begin_at_midnight_on_monday_and_on_the_first(moment: datetime) -> None:
    day, week, month = (datetime.fromtimestamp(begin, UTC) for begin in windows(moment.timestamp()))
    assert day.date() == moment.date()
    assert week.weekday() == 0
    assert 0 <= (moment - week).days < 7
    assert (month.day, month.month, month.year) == (1, moment.month, moment.year)
    assert {(begin.hour, begin.minute, begin.second) for begin in (day, week, month)} == {(0, 0, 0)}


async def test_spending_is_summed_per_window(store: SQLiteStore) -> None:
    now = datetime(2026, 9, 17, 12, tzinfo=UTC).timestamp()  # a Thursday
    days_ago = {"today": 0, "tuesday": 2, "last week": 6, "last month": 30}
    await store.add_generations(
        [
            generation_row(replace(FULL, id=name, created=now - days * 86_400, cost=Pico(10**index)))
            for index, (name, days) in enumerate(days_ago.items())
        ]
    )
    assert await spending(store, KEY.hash, now) == Spending(Pico(1111), Pico(1), Pico(11), Pico(111))
