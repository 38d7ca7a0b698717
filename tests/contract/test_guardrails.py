"""Claims about ``/guardrails``, through OpenRouter's SDK and on the wire, and about what guardrails do to requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openrouter import OpenRouter, errors

from gateway import MANAGEMENT_KEY, Gateway, Reply, model_tables, provider_table
from openrouter_schema import TEST_DATA, check_operation
from patience import until

PRICED = '{ prompt = "0.001", completion = "0.001" }'
FREE = '{ prompt = "0", completion = "0" }'
TOML = (
    provider_table("keeper", "http://127.0.0.1:9/v1", zdr="false", data_collection='"allow"')
    + provider_table("quiet", "http://127.0.0.1:9/v1", zdr="true", data_collection='"deny"')
    + model_tables("openai/made-up", [("keeper", "one", FREE), ("quiet", "one", PRICED)])
    + model_tables("acme/kept", [("keeper", "two", PRICED)])
    + model_tables("acme/dear", [("fake", "echo", PRICED)])
)
ECHO = "fake/echo"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("guardrails"), TOML, workers=2) as running:
        yield running


def manage(gateway: Gateway, method: str, path: str, body: object = None, key: str = MANAGEMENT_KEY) -> Reply:
    return gateway.request(method, f"/api/v1{path}", body, key=key)


def guarded(gateway: Gateway, **fields: object) -> tuple[str, str, str]:
    """A new key under a new guardrail: its secret, its hash, the guardrail's id."""
    made = manage(gateway, "POST", "/keys", {"name": "guarded"}).json()
    reply = manage(gateway, "POST", "/guardrails", {"name": "one", **fields})
    assert reply.status == 201, reply.body
    guardrail = reply.json()["data"]["id"]
    manage(gateway, "POST", f"/guardrails/{guardrail}/assignments/keys", {"key_hashes": [made["data"]["hash"]]})
    return made["key"], made["data"]["hash"], guardrail


def ask(gateway: Gateway, key: str, text: str, model: str = ECHO, **fields: object) -> Reply:
    body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
    return gateway.request(
        "POST", "/api/v1/chat/completions", body, key=key, headers={"X-OpenRouter-Metadata": "enabled"}
    )


def said(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    text: str = reply.json()["choices"][0]["message"]["content"]
    return text


def streamed(reply: Reply) -> str:
    events = [one for one in reply.events() if one != "[DONE]"]
    return "".join(choice["delta"].get("content") or "" for one in events for choice in one["choices"])


def excluded(reply: Reply) -> set[str]:
    """The rules that left no endpoint."""
    assert reply.status == 404, reply.body
    return {one["rule"] for one in reply.json()["openrouter_metadata"]["turnout"]["endpoints"]}


def test_the_sdk_makes_changes_assigns_and_deletes(gateway: Gateway) -> None:
    account = manage(gateway, "POST", "/accounts", {"name": "of the SDK"}).json()["data"]["id"]
    fields = {"name": "m", "account_id": account, "management": True}
    manager = manage(gateway, "POST", "/keys", fields).json()["key"]
    key = manage(gateway, "POST", "/keys", {"name": "of the SDK"}, manager).json()["data"]["hash"]
    with OpenRouter(api_key=manager, server_url=f"{gateway.url}/api/v1") as client:
        guardrails = client.guardrails
        made = guardrails.create(
            name="sdk", limit_usd=5, reset_interval="weekly", allowed_models=["fake/echo"], enforce_zdr=False,
            content_filters=[{"pattern": "x{3}", "action": "redact", "label": "[X]"}],
            content_filter_builtins=[{"slug": "email", "action": "block"}],
        ).data  # fmt: skip
        assert guardrails.get(id=made.id).data == made
        assert guardrails.update(id=made.id, name="renamed", limit_usd=None, reset_interval=None).data.limit_usd is None
        assert guardrails.bulk_assign_keys(id=made.id, key_hashes=[key]).assigned_count == 1
        [held] = guardrails.list_guardrail_key_assignments(id=made.id).result.data
        assert (held.key_hash, held.key_name, held.guardrail_id) == (key, "of the SDK", made.id)
        assert held in guardrails.list_key_assignments().result.data
        assert guardrails.bulk_assign_members(id=made.id, member_user_ids=[account]).assigned_count == 1
        assert guardrails.list_guardrail_member_assignments(id=made.id).result.data[0].user_id == account
        assert len(guardrails.list_member_assignments().result.data) == 1
        assert guardrails.bulk_unassign_members(id=made.id, member_user_ids=[account]).unassigned_count == 1
        assert guardrails.bulk_unassign_keys(id=made.id, key_hashes=[key, "0" * 64]).unassigned_count == 1
        assert made.id in {one.id for one in guardrails.list().result.data}
        assert guardrails.delete(id=made.id).DELETED
        with pytest.raises(errors.NotFoundResponseError):
            guardrails.get(id=made.id)


@pytest.mark.skipif(not TEST_DATA.exists(), reason="the OpenAPI document is test data, and is not there")
def test_answers_fit_openrouters_document(gateway: Gateway) -> None:
    _, key, guardrail = guarded(
        gateway, description="d", limit_usd=1.5, reset_interval="daily", ignored_models=["a/b"],
        content_filter_builtins=[{"slug": "regex-prompt-injection", "action": "flag", "scan_scope": "user_only"}],
    )  # fmt: skip
    path = f"/guardrails/{guardrail}"
    check_operation("GET", "/guardrails", manage(gateway, "GET", "/guardrails").json())
    check_operation("POST", "/guardrails", manage(gateway, "POST", "/guardrails", {"name": "x"}).json(), "201")
    check_operation("GET", "/guardrails/{id}", manage(gateway, "GET", path).json())
    check_operation("PATCH", "/guardrails/{id}", manage(gateway, "PATCH", path, {"name": "y"}).json())
    held = manage(gateway, "GET", f"{path}/assignments/keys").json()
    assert held["total_count"] == 1
    check_operation("GET", "/guardrails/{id}/assignments/keys", held)
    every = manage(gateway, "GET", "/guardrails/assignments/keys").json()
    check_operation("GET", "/guardrails/assignments/keys", every)
    body = {"key_hashes": [key]}
    again = manage(gateway, "POST", f"{path}/assignments/keys", body).json()
    assert again == {"assigned_count": 0}
    check_operation("POST", "/guardrails/{id}/assignments/keys", again)
    freed = manage(gateway, "POST", f"{path}/assignments/keys/remove", body).json()
    check_operation("POST", "/guardrails/{id}/assignments/keys/remove", freed)
    check_operation("DELETE", "/guardrails/{id}", manage(gateway, "DELETE", path).json())


@pytest.mark.parametrize(
    "fields",
    [
        {"content_filters": [{"pattern": "(a+)+$", "action": "block"}]},
        {"content_filters": [{"pattern": "(?=a)b", "action": "block"}]},
        {"content_filters": [{"pattern": "a*", "action": "redact"}]},
        {"content_filters": [{"pattern": "a", "action": "burn"}]},
        {"content_filter_builtins": [{"slug": "dna", "action": "block"}]},
        {"content_filter_builtins": [{"slug": "email", "action": "block", "scan_scope": "user_only"}]},
        {"limit_usd": 5},
        {"reset_interval": "daily"},
        {"limit_usd": -1, "reset_interval": "daily"},
        {"allowed_models": []},
        {"name": ""},
        {"name": "n" * 201},
        {"id": "mine"},
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_saved(gateway: Gateway, fields: dict[str, object]) -> None:
    assert manage(gateway, "POST", "/guardrails", {"name": "x", **fields}).status == 400


def test_requests_are_redacted_before_the_provider_and_flags_are_told(gateway: Gateway) -> None:
    filters = [{"pattern": "sk-[0-9]+", "action": "redact", "label": "[KEY]"}, {"pattern": "odd", "action": "flag"}]
    builtins = [{"slug": "email", "action": "redact"}]
    key, _, guardrail = guarded(gateway, content_filters=filters, content_filter_builtins=builtins)
    reply = ask(gateway, key, "bob@example.com has sk-123, how odd")
    assert said(reply) == "[EMAIL] has [KEY], how odd"
    [stage] = reply.json()["openrouter_metadata"]["pipeline"]
    assert stage["type"] == "guardrail"
    assert stage["data"]["guardrail_ids"] == [guardrail]
    assert stage["data"]["request"] == {"redact": {"email": 1, "[KEY]": 1}, "flag": {"odd": 1}}
    assert streamed(ask(gateway, key, "to bob@example.com now", stream=True)) == "to [EMAIL] now"
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"to": "bob@example.com"}'}}
    history = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "no sk-9"},
        {"role": "user", "content": [{"type": "text", "text": "mail a@b.io"}]},
    ]
    assert said(ask(gateway, key, "", messages=history)) == "mail [EMAIL]"
    vectors = {"model": "fake/embed", "input": ["bob@example.com", "b"]}
    assert gateway.request("POST", "/api/v1/embeddings", vectors, key=key).status == 200


def test_a_block_is_a_403_that_names_the_pattern_and_reaches_no_provider(gateway: Gateway) -> None:
    key, _, _ = guarded(gateway, content_filter_builtins=[{"slug": "credit-card", "action": "block"}])
    for stream in (False, True):
        reply = ask(gateway, key, "pay with 4111 1111 1111 1111", stream=stream)
        assert reply.status == 403
        assert reply.json()["error"]["metadata"]["patterns"] == ["credit-card"]
        assert reply.json()["openrouter_metadata"]["attempt"] == 0
        assert b"4111" not in reply.body
    assert ask(gateway, key, "pay with 4111 1111 1111 1112").status == 200
    vectors = {"model": "fake/embed", "input": "4111 1111 1111 1111"}
    assert gateway.request("POST", "/api/v1/embeddings", vectors, key=key).status == 403


def test_answers_are_held_to_the_filters_too(gateway: Gateway) -> None:
    key, _, guardrail = guarded(gateway, content_filters=[{"pattern": "dolor\\w*", "action": "redact"}])
    plain = said(ask(gateway, gateway.key, "x", "fake/lorem-60"))
    assert "dolor" in plain
    assert "dolor" not in said(ask(gateway, key, "x", "fake/lorem-60"))
    passed = streamed(ask(gateway, key, "x", "fake/lorem-60", stream=True))
    assert "dolor" not in passed
    assert "[REDACTED]" in passed
    manage(gateway, "PATCH", f"/guardrails/{guardrail}", {"content_filters": [{"pattern": "dolor", "action": "block"}]})
    until(lambda: ask(gateway, key, "x", "fake/lorem-60").status == 403)

    def blocked() -> bool:  # each worker hears of the change by itself
        events = ask(gateway, key, "x", "fake/lorem-60", stream=True).events()[:-1]
        said = json.dumps([one for one in events if "error" not in one])
        return "dolor" not in said and [one["error"]["code"] for one in events if "error" in one] == [403]

    until(blocked)


def test_lists_and_privacy_rules_exclude_endpoints(gateway: Gateway) -> None:
    named: list[tuple[dict[str, Any], set[str]]] = [
        ({"allowed_models": ["fake/*"]}, {"allowed_models"}),
        ({"ignored_models": ["openai/made-up"]}, {"allowed_models"}),
        ({"allowed_providers": ["fake"]}, {"allowed_providers"}),
        ({"ignored_providers": ["quiet"], "enforce_zdr_openai": True}, {"ignored_providers", "data_policy:zdr"}),
        ({"ignored_providers": ["quiet"], "enforce_zdr": True}, {"ignored_providers", "data_policy:zdr"}),
        (
            {"ignored_providers": ["quiet"], "enable_free_model_training": False},
            {"ignored_providers", "data_policy:training"},
        ),
    ]
    keys = [guarded(gateway, **fields)[0] for fields, _ in named]
    for key, (fields, rules) in zip(keys, named, strict=True):
        assert excluded(ask(gateway, key, "x", "openai/made-up")) == rules, fields


def test_a_member_and_a_key_are_under_both_guardrails_and_the_stricter_rule_wins(gateway: Gateway) -> None:
    account = manage(gateway, "POST", "/accounts", {"name": "both"}).json()["data"]["id"]
    about = f"?account_id={account}"
    made = manage(gateway, "POST", "/keys", {"name": "k", "account_id": account}).json()

    def guardrail(**fields: object) -> str:
        found: str = manage(gateway, "POST", f"/guardrails{about}", {"name": "g", **fields}).json()["data"]["id"]
        return found

    of_key = guardrail(
        content_filters=[{"pattern": "alpha", "action": "redact"}], allowed_models=["fake/echo", "fake/json"],
        content_filter_builtins=[{"slug": "email", "action": "flag"}],
    )  # fmt: skip
    of_member = guardrail(
        content_filters=[{"pattern": "beta", "action": "redact"}], allowed_models=["fake/echo", "fake/reason"],
        content_filter_builtins=[{"slug": "email", "action": "redact"}],
    )  # fmt: skip
    path = f"/assignments/keys{about}"
    manage(gateway, "POST", f"/guardrails/{of_key}{path}", {"key_hashes": [made["data"]["hash"]]})
    path = f"/assignments/members{about}"
    manage(gateway, "POST", f"/guardrails/{of_member}{path}", {"member_user_ids": [account]})
    assert said(ask(gateway, made["key"], "alpha beta a@b.io")) == "[REDACTED] [REDACTED] [EMAIL]"
    assert excluded(ask(gateway, made["key"], "x", "fake/json")) == {"allowed_models"}
    assert excluded(ask(gateway, made["key"], "x", "fake/reason")) == {"allowed_models"}


def test_each_key_has_the_budget_of_its_guardrail_for_itself(gateway: Gateway) -> None:
    key, _, guardrail = guarded(gateway, limit_usd=0.05, reset_interval="daily")
    other = manage(gateway, "POST", "/keys", {"name": "other"}).json()
    body = {"key_hashes": [other["data"]["hash"]]}
    manage(gateway, "POST", f"/guardrails/{guardrail}/assignments/keys", body)
    statuses = [ask(gateway, key, "one two three", "acme/dear", max_tokens=3).status for _ in range(20)]
    assert statuses[0] == 200
    assert statuses[-1] == 403, "as OpenRouter has it: 403 and not 402"
    assert ask(gateway, other["key"], "one two three", "acme/dear", max_tokens=3).status == 200
    [told] = gateway.request("GET", "/api/v1/key", key=key).json()["data"]["budgets"]
    assert (told["guardrail_id"], told["limit_usd"], told["reset_interval"]) == (guardrail, 0.05, "daily")
    assert told["spend_usd"] <= 0.05


@pytest.mark.alone
def test_a_change_holds_on_every_worker_within_a_second(gateway: Gateway) -> None:
    key, secret_hash, guardrail = guarded(gateway)
    assert said(ask(gateway, key, "hush")) == "hush"
    manage(gateway, "PATCH", f"/guardrails/{guardrail}", {"content_filters": [{"pattern": "hush", "action": "redact"}]})
    until(lambda: {said(ask(gateway, key, "hush")) for _ in range(12)} == {"[REDACTED]"}, 2.0)
    manage(gateway, "DELETE", f"/keys/{secret_hash}")
    assert manage(gateway, "GET", f"/guardrails/{guardrail}/assignments/keys").json()["total_count"] == 0


def test_votes_of_before_are_not_taken_under_a_guardrail(gateway: Gateway) -> None:
    ballot = {
        "messages": [{"role": "user", "content": "hush7, which?"}], "choices": ["a", "b"], "vote_cache": True,
        "model": {"llms": [{"model": "fake/vote-1"}]},
    }  # fmt: skip
    key = manage(gateway, "POST", "/keys", {"name": "not guarded"}).json()["key"]
    for _ in range(2):
        assert gateway.request("POST", "/score/completions", ballot, key=key).status == 200
    strict, _, _ = guarded(gateway, content_filters=[{"pattern": "hush\\d", "action": "block"}])
    assert {gateway.request("POST", "/score/completions", ballot, key=strict).status for _ in range(6)} == {403}


def test_requests_cannot_switch_a_guardrail_off(gateway: Gateway) -> None:
    key, _, _ = guarded(gateway, content_filters=[{"pattern": "hush", "action": "redact"}])
    off = [{"id": "guardrails", "enabled": False}]
    assert said(ask(gateway, key, "hush", plugins=off)) == "[REDACTED]"
    assert said(ask(gateway, key, "hush", plugins=[{"id": "guardrails"}])) == "[REDACTED]"


def test_another_account_sees_changes_and_assigns_nothing(gateway: Gateway) -> None:
    account = manage(gateway, "POST", "/accounts", {"name": "stranger"}).json()["data"]["id"]
    fields = {"name": "m", "account_id": account, "management": True}
    stranger = manage(gateway, "POST", "/keys", fields).json()["key"]
    _, key, guardrail = guarded(gateway, content_filters=[{"pattern": "ours", "action": "block"}])
    nowhere = manage(gateway, "GET", "/guardrails/00000000-0000-0000-0000-000000000000", key=stranger)
    body = {"key_hashes": [key]}
    for method, path, sent in (
        ("GET", "", None), ("PATCH", "", {"name": "theirs"}), ("DELETE", "", None), ("GET", "/assignments/keys", None),
        ("POST", "/assignments/keys", body), ("POST", "/assignments/keys/remove", body),
        ("GET", "/assignments/members", None), ("POST", "/assignments/members", {"member_user_ids": [account]}),
    ):  # fmt: skip
        reply = manage(gateway, method, f"/guardrails/{guardrail}{path}", sent, key=stranger)
        assert (reply.status, reply.body) == (404, nowhere.body), path
    for path in ("", "/assignments/keys", "/assignments/members"):
        assert manage(gateway, "GET", f"/guardrails{path}", key=stranger).json() == {"data": [], "total_count": 0}
    own = manage(gateway, "POST", "/guardrails", {"name": "own"}, key=stranger).json()["data"]["id"]
    assert manage(gateway, "POST", f"/guardrails/{own}/assignments/keys", body, key=stranger).status == 400
    members = {"member_user_ids": ["default"]}
    assert manage(gateway, "POST", f"/guardrails/{own}/assignments/members", members, key=stranger).status == 400
    assert manage(gateway, "GET", f"/guardrails/{guardrail}").json()["data"]["name"] == "one"
    assert gateway.request("GET", "/api/v1/guardrails").status == 403


@pytest.mark.parametrize(
    "rules", [{"enforce_zdr": True}, {"allowed_providers": ["quiet"]}, {"allowed_models": ["openai/*"]}]
)
def test_the_models_of_a_guarded_key_are_those_that_its_guardrail_leaves(
    gateway: Gateway, rules: dict[str, object]
) -> None:
    def listed(key: str = MANAGEMENT_KEY) -> set[str]:
        return {one["id"] for one in manage(gateway, "GET", "/models/user", key=key).json()["data"]}

    key, _, _ = guarded(gateway, **rules)
    until(lambda: "acme/kept" not in listed(key))
    assert "openai/made-up" in listed(key)
    assert "acme/kept" in listed()
