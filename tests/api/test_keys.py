from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway import FakeServer, Gateway, Reply, model_tables, provider_table, running
from patience import until

_TOML = "[catalog]\nbundled = false\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two workers, and a model with a price."""
    directory = tmp_path_factory.mktemp("keys")
    fake = FakeServer(directory)
    with running(fake):
        models = model_tables("acme/tiny", [("acme", "echo", '{ prompt = "0.000001", completion = "0.000002" }')])
        with Gateway(directory, _TOML + provider_table("acme", fake.base_url) + models, workers=2) as one:
            yield one


def manage(gateway: Gateway, method: str, path: str, body: object = None, key: str | None = None) -> Reply:
    return gateway.request(method, f"/api/v1{path}", body, key=key or gateway.management_key)


def new_key(gateway: Gateway, **fields: object) -> tuple[str, str]:
    """The hash and the secret of a new key."""
    reply = manage(gateway, "POST", "/keys", {"name": "test"} | fields)
    assert reply.status == 201, reply.body
    return reply.json()["data"]["hash"], reply.json()["key"]


def ask(gateway: Gateway, key: str, **fields: object) -> Reply:
    body = {"model": "acme/tiny", "messages": [{"role": "user", "content": "Hello"}]} | fields
    return gateway.request("POST", "/api/v1/chat/completions", body, key=key)


@pytest.mark.alone
def test_a_disabled_key_stops_on_every_worker_within_a_second(gateway: Gateway) -> None:
    key_hash, secret = new_key(gateway)
    assert {ask(gateway, secret).status for _ in range(8)} == {200}
    assert manage(gateway, "PATCH", f"/keys/{key_hash}", {"disabled": True}).status == 200
    until(lambda: {ask(gateway, secret).status for _ in range(12)} == {401}, 2.0)
    assert manage(gateway, "PATCH", f"/keys/{key_hash}", {"disabled": False}).status == 200
    until(lambda: {ask(gateway, secret).status for _ in range(8)} == {200})


def test_what_a_key_has_spent_counts_against_a_limit_that_comes_later(gateway: Gateway) -> None:
    key_hash, secret = new_key(gateway)
    cost = ask(gateway, secret).json()["usage"]["cost"]
    assert cost > 0
    until(lambda: manage(gateway, "GET", f"/keys/{key_hash}").json()["data"]["usage"] == cost)
    changed = manage(gateway, "PATCH", f"/keys/{key_hash}", {"limit": cost, "limit_reset": "daily"}).json()["data"]
    assert (changed["limit_remaining"], changed["limit_reset"]) == (0, "daily")
    until(lambda: ask(gateway, secret, max_tokens=5).status == 402)
    changed = manage(gateway, "PATCH", f"/keys/{key_hash}", {"limit": None}).json()["data"]
    assert changed["limit_remaining"] is None
    until(lambda: ask(gateway, secret, max_tokens=5).status == 200)


def test_the_remaining_limit_is_exact(gateway: Gateway) -> None:
    key_hash, secret = new_key(gateway, limit=1)
    costs = [ask(gateway, secret, max_tokens=5).json()["usage"]["cost"] for _ in range(3)]
    left = round(1 - sum(costs), 12)
    until(lambda: manage(gateway, "GET", f"/keys/{key_hash}").json()["data"]["limit_remaining"] == left)
    own = gateway.request("GET", "/api/v1/key", key=secret).json()["data"]
    assert own["limit_remaining"] == left
    assert own["usage"] == own["usage_daily"] == pytest.approx(sum(costs))
    used = manage(gateway, "GET", f"/keys/{key_hash}").json()["data"]["last_used_at"]
    assert abs(datetime.fromisoformat(used).timestamp() - time.time()) < 60


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"name": "x", "hash": "0" * 64}, "hash"),
        ({"name": "x", "usage": 0}, "usage"),
        ({"name": "x", "owner": "me"}, "owner"),
        ({"limit": 1}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 7}, "name"),
        ({"name": "x", "limit": -1}, "limit"),
        ({"name": "x", "limit": "1"}, "limit"),
        ({"name": "x", "limit": 1e18}, "limit"),
        ({"name": "x", "limit_reset": "hourly"}, "limit_reset"),
        ({"name": "x", "disabled": "yes"}, "disabled"),
        ({"name": "x", "expires_at": "2030-01-01T00:00Z"}, "expires_at"),
        ({"name": "x", "expires_at": "2030-01-01T00:00:00+02:00"}, "expires_at"),
        ({"name": "x", "expires_at": "2030-02-30T00:00:00Z"}, "expires_at"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "x", "allowed_models": []}, "allowed_models"),
        ({"name": "x", "tags": ["a\x00b"]}, "tags"),
        ({"name": "x", "workspace_id": "00000000-0000-0000-0000-000000000000"}, "workspace_id"),
        ({"name": "x", "creator_user_id": "u"}, "creator_user_id"),
    ],
)
def test_a_field_that_is_wrong_or_not_writable_is_named(gateway: Gateway, body: object, names: str) -> None:
    reply = manage(gateway, "POST", "/keys", body)
    assert reply.status == 400
    assert f"`{names}`" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b'{"name":"a","name":"b"}', b'{"name":"a"}' + b" " * 70_000]
)
def test_a_body_that_is_no_object_is_refused(gateway: Gateway, body: bytes) -> None:
    reply = gateway.request("POST", "/api/v1/keys", body, key=gateway.management_key)
    assert reply.status in {400, 413}


def test_a_limit_is_a_number_of_any_form(gateway: Gateway) -> None:
    for text, limit in ((b"0.1", 0.1), (b"1e-3", 0.001), (b"0.30000000000000004", 0.3), (b"0", 0), (b"25", 25)):
        reply = gateway.request("POST", "/api/v1/keys", b'{"name":"x","limit":%b}' % text, key=gateway.management_key)
        assert reply.json()["data"]["limit"] == limit


def test_our_own_fields_are_kept_and_hold(gateway: Gateway) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = {
        "expires_at": soon, "requests_per_minute": 100, "tokens_per_minute": 5000, "allowed_models": ["fake/echo"],
        "allowed_providers": ["fake"], "tags": ["team-a"],
    }  # fmt: skip
    key_hash, secret = new_key(gateway, **fields)
    entry = manage(gateway, "GET", f"/keys/{key_hash}").json()["data"]
    assert {name: entry[name] for name in fields} == fields | {"expires_at": soon.replace("Z", ".000Z")}
    assert ask(gateway, secret).status in {403, 404}
    entry = manage(gateway, "PATCH", f"/keys/{key_hash}", dict.fromkeys(fields) | {"tags": []}).json()["data"]
    assert {name: entry[name] for name in fields} == dict.fromkeys(fields) | {"tags": []}
    until(lambda: ask(gateway, secret).status == 200)


def test_a_management_key_infers_nothing_and_does_not_lock_itself_out(gateway: Gateway) -> None:
    assert ask(gateway, gateway.management_key).status == 403
    listed = manage(gateway, "GET", "/keys?include_management=true").json()["data"]
    [own] = [key["hash"] for key in listed if key["management"]]
    assert manage(gateway, "DELETE", f"/keys/{own}").status == 400
    assert manage(gateway, "PATCH", f"/keys/{own}", {"disabled": True}).status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/keys"), ("POST", "/keys"), ("GET", "/keys/x"), ("PATCH", "/keys/x"), ("DELETE", "/keys/x"),
        ("GET", "/credits"), ("GET", "/activity"), ("GET", "/accounts"), ("POST", "/accounts"), ("GET", "/budgets"),
        ("PUT", "/budgets"), ("DELETE", "/budgets"),
    ],
)  # fmt: skip
def test_an_ordinary_key_manages_nothing(gateway: Gateway, method: str, path: str) -> None:
    body = {"name": "x"} if method in {"POST", "PATCH", "PUT"} else None
    reply = gateway.request(method, f"/api/v1{path}", body)
    assert reply.status == 403
    assert reply.json()["error"]["metadata"]["error_type"] == "permission_denied"


@pytest.mark.parametrize("query", ["offset=-1", "offset=x", "include_disabled=perhaps"])
def test_a_wrong_parameter_is_named(gateway: Gateway, query: str) -> None:
    reply = manage(gateway, "GET", f"/keys?{query}")
    assert reply.status == 400
    assert query.partition("=")[0] in reply.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_key_does_no_more_requests_a_minute_than_it_may_on_all_workers_together(
    gateway: Gateway,
    stream: bool,  # noqa: FBT001 - a column
) -> None:
    _, secret = new_key(gateway, requests_per_minute=5)
    replies = [ask(gateway, secret, stream=stream) for _ in range(8)]
    assert [reply.status for reply in replies] == [200] * 5 + [429] * 3
    assert replies[-1].json()["error"]["code"] == 429
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 65


def test_tokens_per_minute_count_what_answers_have_really_used(gateway: Gateway) -> None:
    _, secret = new_key(gateway, tokens_per_minute=60)
    used = 0
    while (reply := ask(gateway, secret)).status == 200:
        used += reply.json()["usage"]["total_tokens"]
        assert used < 200
    assert reply.status == 429
    assert used >= 50


def test_plugins_of_a_key_work_on_requests_that_do_not_name_them(gateway: Gateway) -> None:
    fenced = [{"role": "user", "content": '```json\n{"a":1,}\n```'}]
    asked = {"messages": fenced, "response_format": {"type": "json_object"}}
    key_hash, secret = new_key(gateway, plugins=[{"id": "response-healing", "enabled": True}])
    assert ask(gateway, secret, **asked).json()["choices"][0]["message"]["content"] == '{"a":1}'
    reply = manage(gateway, "PATCH", f"/keys/{key_hash}", {"plugins": []})
    assert reply.json()["data"]["plugins"] == []
    until(lambda: "```" in ask(gateway, secret, **asked).json()["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    ("plugins", "word"),
    [
        ("x", "wrong type"),
        ([1], "objects"),
        ([{"enabled": True}], "`id`"),
        ([{"id": 1}], "wrong type"),
        ([{"id": "response-healing", "enabled": 1}], "wrong type"),
        ([{"id": "nope"}], "there is no plugin"),
        ([{"id": "response-healing", "nope": 1}], "unknown field"),
        ([{"id": "response-healing"}] * 2, "twice"),
        ([{"id": "response-healing"}] * 33, "at most"),
    ],
)
def test_plugins_that_would_have_requests_refused_are_refused_for_keys(
    gateway: Gateway, plugins: object, word: str
) -> None:
    reply = manage(gateway, "POST", "/keys", {"name": "x", "plugins": plugins})
    assert reply.status == 400
    assert word in reply.json()["error"]["message"]
