"""Keys, credits, activity and generations as the SDK of OpenRouter and its public document know them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from openrouter import OpenRouter, errors

from gateway import Gateway
from openrouter_schema import check_operation, sdk_requires
from patience import until


@pytest.fixture
def manager(gateway: Gateway) -> Iterator[OpenRouter]:
    """The SDK with the management key."""
    url = f"{gateway.url}/api/v1"
    with OpenRouter(api_key=gateway.management_key, server_url=url, timeout_ms=20_000) as client:
        yield client


def test_a_key_is_made_read_changed_and_deleted(manager: OpenRouter, gateway: Gateway) -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    made = manager.api_keys.create(
        name="ann", limit=12.5, limit_reset="monthly", include_byok_in_limit=True, expires_at=later, retries=None
    )
    assert made.key.startswith("sk-to-v1-")
    assert (made.data.limit, made.data.limit_remaining, made.data.limit_reset) == (12.5, 12.5, "monthly")
    assert made.data.expires_at == later
    assert made.data.include_byok_in_limit
    read = manager.api_keys.get(hash=made.data.hash, retries=None).data
    assert (read.name, read.disabled, read.updated_at) == ("ann", False, None)
    assert read.label != made.key
    changed = manager.api_keys.update(
        hash=made.data.hash, name="bob", disabled=True, limit=None, limit_reset=None, retries=None
    ).data
    assert (changed.name, changed.disabled, changed.limit, changed.limit_reset) == ("bob", True, None, None)
    assert changed.updated_at is not None
    assert made.data.hash not in {key.hash for key in manager.api_keys.list(retries=None).data}
    assert made.data.hash in {key.hash for key in manager.api_keys.list(include_disabled=True, retries=None).data}
    assert manager.api_keys.delete(hash=made.data.hash, retries=None).DELETED is True
    with pytest.raises(errors.NotFoundResponseError):
        manager.api_keys.get(hash=made.data.hash, retries=None)
    assert gateway.request("GET", "/api/v1/key", key=made.key).status == 401


def test_lists_go_on_from_an_offset(manager: OpenRouter) -> None:
    hashes = [manager.api_keys.create(name=f"key-{n}", retries=None).data.hash for n in range(3)]
    listed = [key.hash for key in manager.api_keys.list(retries=None).data]
    assert listed[:3] == hashes[::-1]
    assert [key.hash for key in manager.api_keys.list(offset=2, retries=None).data] == listed[2:]


@pytest.mark.filterwarnings("ignore:.*DEPRECATED:DeprecationWarning")  # of fields that the SDK wants all the same
def test_a_key_reads_its_own_budgets(manager: OpenRouter, gateway: Gateway) -> None:
    made = manager.api_keys.create(name="own", limit=2, limit_reset="daily", retries=None)
    with OpenRouter(api_key=made.key, server_url=f"{gateway.url}/api/v1") as client:
        own = client.api_keys.get_current_key_metadata(retries=None).data
    assert (own.limit, own.limit_remaining, own.limit_reset) == (2.0, 2.0, "daily")
    assert [(one.scope, one.limit_usd, one.reset_interval) for one in own.budgets] == [("key_limit", 2.0, "daily")]
    assert own.effective_budget is not None
    assert own.effective_budget.resets_at is not None


def test_credits_and_activity_are_accepted(manager: OpenRouter, gateway: Gateway) -> None:
    assert gateway.chat("acme/paid").status == 200
    until(lambda: manager.credits.get_credits(retries=None).data.total_usage > 0)
    credit = manager.credits.get_credits(retries=None).data
    assert credit.total_usage > 0
    assert credit.total_credits > credit.total_usage
    assert manager.analytics.get_user_activity(retries=None).data == []  # today is not over
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    grouped = manager.analytics.get_user_activity(request={"date_": yesterday, "group_by": "workspace"}, retries=None)
    assert grouped.data == []


def test_every_answer_fits_the_document(gateway: Gateway) -> None:
    assert gateway.chat("acme/paid").status == 200
    time.sleep(0.3)
    key = gateway.management_key
    made = gateway.request("POST", "/api/v1/keys", {"name": "fits", "limit": 1}, key=key)
    assert made.status == 201
    check_operation("post", "/keys", made.json(), "201")
    at = f"/api/v1/keys/{made.json()['data']['hash']}"
    check_operation("get", "/keys", gateway.request("GET", "/api/v1/keys", key=key).json())
    check_operation("get", "/keys/{hash}", gateway.request("GET", at, key=key).json())
    check_operation("patch", "/keys/{hash}", gateway.request("PATCH", at, {"limit": 2.5}, key=key).json())
    check_operation("delete", "/keys/{hash}", gateway.request("DELETE", at, key=key).json())
    check_operation("get", "/credits", gateway.request("GET", "/api/v1/credits", key=key).json())
    today = datetime.now(UTC).date().isoformat()
    activity = gateway.request("GET", f"/api/v1/activity?from={today}", key=key).json()
    check_operation("get", "/activity", activity)
    assert activity["data"]
    assert all(item.keys() >= set(sdk_requires("ActivityItem")) for item in activity["data"])
    rows = gateway.request("GET", "/api/v1/generations?limit=3").json()["data"]
    assert rows
    for row in rows:
        check_operation("get", "/generation", {"data": row})


@pytest.mark.parametrize("date", ["2020-01-01", "tomorrow", "2026-13-01"])
def test_a_date_beyond_the_last_thirty_days_is_refused_as_the_sdk_expects(manager: OpenRouter, date: str) -> None:
    with pytest.raises(errors.BadRequestResponseError):
        manager.analytics.get_user_activity(request={"date_": date}, retries=None)


def test_an_ordinary_key_manages_nothing(openrouter_client: OpenRouter) -> None:
    with pytest.raises(errors.ForbiddenResponseError):
        openrouter_client.credits.get_credits(retries=None)
    with pytest.raises(errors.ForbiddenResponseError):
        openrouter_client.analytics.get_user_activity(retries=None)
