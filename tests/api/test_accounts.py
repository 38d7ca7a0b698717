from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway import Gateway, Reply, model_tables
from patience import until

_TOML = "[catalog]\nbundled = false\n" + model_tables(
    "acme/paid", [("fake", "echo", '{ prompt = "0.000001", completion = "0.000002" }')]
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("accounts"), _TOML) as one:
        yield one


def manage(gateway: Gateway, method: str, path: str, body: object = None, key: str | None = None) -> Reply:
    return gateway.request(method, f"/api/v1{path}", body, key=key or gateway.management_key)


def ask(gateway: Gateway, key: str, **fields: object) -> Reply:
    body = {"model": "acme/paid", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5} | fields
    return gateway.request("POST", "/api/v1/chat/completions", body, key=key)


def new_account(gateway: Gateway, **fields: object) -> tuple[str, str, str]:
    """The id of a new account, a management key and an ordinary key of it."""
    made = manage(gateway, "POST", "/accounts", {"name": "tenant"} | fields)
    assert made.status == 201, made.body
    account = made.json()["data"]["id"]
    keys = [
        manage(gateway, "POST", "/keys", {"name": name, "account_id": account, "management": name == "boss"}).json()
        for name in ("boss", "worker")
    ]
    return account, keys[0]["key"], keys[1]["key"]


def test_an_account_is_made_read_changed_and_deleted(gateway: Gateway) -> None:
    account, boss, worker = new_account(gateway, credit=2.5)
    entry = manage(gateway, "GET", f"/accounts/{account}").json()["data"]
    assert (entry["name"], entry["admin"], entry["credit"], entry["remaining"]) == ("tenant", False, 2.5, 2.5)
    changed = manage(gateway, "PATCH", f"/accounts/{account}", {"name": "other", "credit": None}).json()["data"]
    assert (changed["name"], changed["credit"]) == ("other", None)
    assert account in {one["id"] for one in manage(gateway, "GET", "/accounts").json()["data"]}
    assert ask(gateway, worker).status == 200
    assert manage(gateway, "DELETE", f"/accounts/{account}").json() == {"deleted": True}
    assert manage(gateway, "GET", f"/accounts/{account}").status == 404
    until(lambda: ask(gateway, worker).status == 401)
    until(lambda: manage(gateway, "GET", "/keys", key=boss).status == 401)


def test_accounts_are_for_admins(gateway: Gateway) -> None:
    account, boss, _ = new_account(gateway)
    for method, path in (("GET", "/accounts"), ("GET", f"/accounts/{account}"), ("DELETE", f"/accounts/{account}")):
        assert manage(gateway, method, path, key=boss).status == 403
    assert manage(gateway, "PATCH", f"/accounts/{account}", {"admin": True}, boss).status == 403
    assert manage(gateway, "POST", "/keys", {"name": "x", "account_id": "default"}, boss).status == 403
    assert manage(gateway, "POST", "/keys", {"name": "x", "management": True}, boss).status == 403
    assert manage(gateway, "POST", "/keys", {"name": "x", "account_id": "nobody"}).status == 404
    assert manage(gateway, "GET", "/keys?account_id=default", key=boss).status == 403
    assert manage(gateway, "GET", "/keys?account_id=nobody", key=boss).status == 403


def test_neither_the_first_account_nor_ones_own_is_deleted(gateway: Gateway) -> None:
    assert manage(gateway, "DELETE", "/accounts/default").status == 400
    assert manage(gateway, "PATCH", "/accounts/default", {"admin": False}).status == 400


@pytest.mark.parametrize(
    ("body", "names"),
    [({"name": "x", "id": "y"}, "id"), ({"credit": 1}, "name"), ({"name": "x", "credit": "1"}, "credit")],
)
def test_a_field_that_is_wrong_or_not_writable_is_named(gateway: Gateway, body: object, names: str) -> None:
    reply = manage(gateway, "POST", "/accounts", body)
    assert reply.status == 400
    assert f"`{names}`" in reply.json()["error"]["message"]


def test_credit_holds_for_all_keys_of_the_account_and_what_was_spent_before_counts(gateway: Gateway) -> None:
    account, boss, worker = new_account(gateway)
    cost = ask(gateway, worker).json()["usage"]["cost"]
    until(lambda: manage(gateway, "GET", "/credits", key=boss).json()["data"]["total_usage"] == cost)
    assert manage(gateway, "GET", "/credits", key=boss).json()["data"]["unlimited"]
    assert manage(gateway, "PATCH", f"/accounts/{account}", {"credit": cost}).json()["data"]["remaining"] == 0
    credit = manage(gateway, "GET", "/credits", key=boss).json()["data"]
    assert (credit["total_credits"], credit["unlimited"]) == (cost, False)
    until(lambda: ask(gateway, worker).status == 402)


@pytest.mark.parametrize("scope", ["tag", "user", "key"])
def test_budgets_hold_for_tags_end_users_and_keys(gateway: Gateway, scope: str) -> None:
    _, boss, _ = new_account(gateway)
    made = manage(gateway, "POST", "/keys", {"name": "x", "tags": ["team"]}, boss).json()
    subject = {"tag": "team", "user": "u-1", "key": made["data"]["hash"]}[scope]
    budget = {"scope": scope, "subject": subject, "window": "daily"}
    put = manage(gateway, "PUT", "/budgets", budget | {"limit": 0.001}, boss)
    assert put.status == 200
    assert put.json()["data"]["remaining"] == 0.001
    cost = ask(gateway, made["key"], user="u-1").json()["usage"]["cost"]

    def spent() -> list[float]:
        return [one["spent"] for one in manage(gateway, "GET", "/budgets", key=boss).json()["data"]]

    until(lambda: spent() == [cost])
    assert manage(gateway, "PUT", "/budgets", budget | {"limit": 0}, boss).json()["data"]["remaining"] == 0
    until(lambda: ask(gateway, made["key"], user="u-1").status == 402)
    assert (ask(gateway, made["key"], user="u-2").status == 200) == (scope == "user")
    at = f"/budgets?scope={scope}&subject={subject}&window=daily"
    assert manage(gateway, "DELETE", at, key=boss).json() == {"deleted": True}
    assert manage(gateway, "DELETE", at, key=boss).status == 404
    until(lambda: ask(gateway, made["key"], user="u-1").status == 200)


def test_limits_and_credit_are_not_set_as_budgets(gateway: Gateway) -> None:
    account, boss, _ = new_account(gateway, credit=5)
    made = manage(gateway, "POST", "/keys", {"name": "x", "limit": 1, "limit_reset": "daily"}, boss).json()["data"]
    of_key = {"scope": "key", "subject": made["hash"], "window": "daily", "limit": 9}
    of_account = {"scope": "account", "subject": account, "window": "lifetime", "limit": 9}
    assert manage(gateway, "PUT", "/budgets", of_key, boss).status == 400
    assert manage(gateway, "PUT", "/budgets", of_account, boss).status == 403
    assert manage(gateway, "PUT", f"/budgets?account_id={account}", of_account).status == 400
    assert manage(gateway, "PUT", f"/budgets?account_id={account}", of_account | {"window": "daily"}).status == 200
    assert manage(gateway, "PUT", "/budgets", of_key | {"window": "monthly"}, boss).status == 200
    assert manage(gateway, "PUT", "/budgets", of_key | {"subject": "f" * 64}, boss).status == 404
    kept = {(one["scope"], one["window"]) for one in manage(gateway, "GET", "/budgets", key=boss).json()["data"]}
    assert kept == {("key", "daily"), ("key", "monthly"), ("account", "lifetime"), ("account", "daily")}
