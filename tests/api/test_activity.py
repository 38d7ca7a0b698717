from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from conservation import settled
from gateway import Gateway, Reply, model_tables

_PRICED = '{ prompt = "0.000001", completion = "0.000002" }'
_TOML = "[catalog]\nbundled = false\n" + model_tables("acme/a", [("fake", "echo", _PRICED)])
_TOML += model_tables("acme/b", [("fake", "lorem-3", _PRICED)])


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Six requests of two models, three of them for an end user with a dangerous name."""
    with Gateway(tmp_path_factory.mktemp("activity"), _TOML) as one:
        for n in range(6):
            assert one.chat(f"acme/{'ab'[n % 2]}", **({"user": "=cmd()"} if n < 3 else {})).status == 200
        settled(one, 6)
        yield one


def ask(gateway: Gateway, query: str, **headers: str) -> Reply:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()  # when the module began before midnight
    at = f"/api/v1/activity?from={yesterday}&{query}"
    return gateway.request("GET", at, key=gateway.management_key, headers=headers)


def sums(gateway: Gateway, query: str = "") -> list[Any]:
    reply = ask(gateway, query)
    assert reply.status == 200, reply.body
    items: list[Any] = reply.json()["data"]
    return items


def test_sums_are_parted_by_day_model_and_provider(gateway: Gateway) -> None:
    items = sums(gateway)
    assert [(one["model"], one["provider"], one["provider_name"], one["requests"]) for one in items] == [
        ("acme/a", "fake", "Fake", 3),
        ("acme/b", "fake", "Fake", 3),
    ]
    used = gateway.request("GET", "/api/v1/key").json()["data"]["usage"]
    assert sum(one["usage"] for one in items) == pytest.approx(used, abs=1e-15)
    assert all(float(one["cost"]) == one["usage"] > 0 for one in items)


def test_filters_and_groups(gateway: Gateway) -> None:
    assert [one["requests"] for one in sums(gateway, "model=acme/a")] == [3]
    assert [one["requests"] for one in sums(gateway, "user_id=%3Dcmd()")] == [2, 1]
    assert sums(gateway, "provider=none") == sums(gateway, f"api_key_hash={'0' * 64}") == []
    [by_key] = sums(gateway, "group_by=key")
    assert (by_key["requests"], by_key["api_key_name"]) == (6, "configuration")
    assert "model" not in by_key
    assert {one["user"]: one["requests"] for one in sums(gateway, "group_by=user")} == {"": 3, "=cmd()": 3}
    [day] = [one["date"] for one in sums(gateway, "group_by=day,workspace")]
    assert timedelta(0) <= datetime.now(UTC).date() - date.fromisoformat(day) <= timedelta(days=1)


def test_use_counts_for_every_tag_that_its_key_has_now(gateway: Gateway) -> None:
    assert [(one["tag"], one["requests"]) for one in sums(gateway, "group_by=tag")] == [("", 6)]
    [used] = sums(gateway, "group_by=key")
    path = f"/api/v1/keys/{used['api_key_hash']}"
    for tags in (["red", "blue"], []):
        changed = gateway.request("PATCH", path, {"tags": tags}, key=gateway.management_key)
        assert changed.status == 200, changed.body
        by_tag = sums(gateway, "group_by=tag,model")
        expected = [(tag, model, 3) for model in ("acme/a", "acme/b") for tag in tags or [""]]
        assert [(one["tag"], one["model"], one["requests"]) for one in by_tag] == expected
        assert "api_key_hash" not in by_tag[0]


@pytest.mark.parametrize("way", ["parameter", "header"])
def test_a_table_has_no_formulas(gateway: Gateway, way: str) -> None:
    reply = ask(gateway, f"group_by=user{'&format=csv' if way == 'parameter' else ''}", Accept="text/csv")
    assert reply.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert [row["user"] for row in rows] == ["", "'=cmd()"]
    assert sum(int(row["requests"]) for row in rows) == 6


@pytest.mark.parametrize("query", ["group_by=colour", "format=xml", "to=x", "to=2001-01-01", "date=2026-01-01"])
def test_a_wrong_parameter_is_refused(gateway: Gateway, query: str) -> None:
    reply = ask(gateway, query)
    assert reply.status == 400
    assert "`" in reply.json()["error"]["message"]


def test_generations_are_listed_page_by_page(gateway: Gateway) -> None:
    ids, cursor = [], ""
    while True:
        page = gateway.request("GET", f"/api/v1/generations?limit=4{cursor}").json()
        ids += [one["id"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(ids) == len(set(ids)) == 6
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("model=acme/a", 3), ("provider=fake", 6), ("provider=none", 0), ("user=%3Dcmd()", 3), ("outcome=failed", 0),
        ("outcome=answered", 6), ("min_cost=0", 6), ("min_cost=100", 0), ("from=2020-01-01", 6), ("to=2020-01-01", 0),
        ("from=2020-01-01T00:00:00Z&to=9999999999", 6), (f"api_key_hash={'0' * 64}", 0), ("account_id=other", 0),
    ],
)  # fmt: skip
def test_lists_are_filtered(gateway: Gateway, query: str, count: int) -> None:
    reply = gateway.request("GET", f"/api/v1/generations?{query}")
    assert len(reply.json()["data"]) == count


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=x",
        "outcome=good",
        "from=yesterday",
        "min_cost=-1",
        "to=2026-01-01T00:00",
    ],
)
def test_a_wrong_parameter_of_a_list_is_named(gateway: Gateway, query: str) -> None:
    reply = gateway.request("GET", f"/api/v1/generations?{query}")
    assert reply.status == 400
    assert f"`{query.partition('=')[0]}`" in reply.json()["error"]["message"]


def test_an_ordinary_key_sees_its_own_and_a_management_key_all_of_the_account(gateway: Gateway) -> None:
    made = gateway.request("POST", "/api/v1/keys", {"name": "other"}, key=gateway.management_key).json()
    assert gateway.request("GET", "/api/v1/generations", key=made["key"]).json()["data"] == []
    listed = gateway.request("GET", "/api/v1/generations", key=gateway.management_key).json()["data"]
    assert len(listed) == 6
    assert {one["outcome"] for one in listed} == {"answered"}
    assert all(one["total_cost"] > 0 and one["attempts"] == 1 for one in listed)
