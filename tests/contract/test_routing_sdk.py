"""Provider preferences through the SDK of OpenAI, and what the router tells of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from gateway import FakeServer, Gateway, model_tables, provider_table, running
from openrouter_schema import TEST_DATA, check

HELLO: list[Any] = [{"role": "user", "content": "Hello, Turnout!"}]
TOLD = {"X-OpenRouter-Metadata": "enabled"}
_CHEAP, _DEAR = '{ prompt = "0.000003", completion = "0.000010" }', '{ prompt = "0.000004", completion = "0.000012" }'
_DEAREST = '{ prompt = "0.000009", completion = "0.000030" }'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("routing")
    with FakeServer(directory) as fake:
        toml = "[catalog]\nbundled = false\n"
        toml += provider_table("openai", fake.base_url, name='"OpenAI"', data_collection='"allow"')
        toml += provider_table("azure-west", fake.base_url, name='"Azure"', data_collection='"deny"', zdr="true")
        toml += provider_table("deep-infra", fake.base_url, name='"DeepInfra"')
        toml += model_tables(
            "openai/gpt-5.4",
            [
                ("openai", "fake/echo", _CHEAP),
                ("azure-west", "fake/echo", _DEAR),
                ("deep-infra", "fake/echo", _DEAREST),
            ],
        )
        toml += model_tables("acme/broken", [("openai", "fake/status-503", _CHEAP), ("azure-west", "fake/echo", _DEAR)])
        toml += model_tables("acme/even", [("openai", "fake/echo", _DEAR), ("azure-west", "fake/echo", _DEAR)])
        toml += model_tables("acme/limited", [("openai", "fake/status-429", _CHEAP)])
        toml += model_tables("acme/down", [("openai", "fake/status-500", _CHEAP)])
        toml += model_tables("acme/tiered", [("openai", "fake/echo", _DEAR), ("openai", "fake/echo", _CHEAP)])
        toml += 'tag = "openai/flex"\n'
        with running(server := Gateway(directory, toml)):
            yield server


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=20) as sdk:
        yield sdk


def served(client: OpenAI, provider: dict[str, object], model: str = "openai/gpt-5.4", **fields: Any) -> str:  # noqa: ANN401 - any field of a request
    body = {"provider": provider} | fields
    answer = client.chat.completions.create(model=model, messages=HELLO, extra_body=body)
    return str(answer.model_dump()["provider"])


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ({"sort": "price", "order": ["OpenAI", "Azure"], "max_price": {"input": 5, "output": 15}}, "OpenAI"),
        ({"order": ["Azure", "OpenAI"]}, "Azure"),
        ({"order": ["azure", "openai"]}, "Azure"),
        ({"only": ["Azure"]}, "Azure"),
        ({"ignore": ["OpenAI", "deepinfra"]}, "Azure"),
        ({"only": ["deep-infra"], "sort": {"by": "price", "partition": "none"}}, "DeepInfra"),
        ({"sort": "price"}, "OpenAI"),
        ({"zdr": True}, "Azure"),
        ({"data_collection": "deny"}, "Azure"),
        ({"ignore": ["openai"], "max_price": {"prompt": "4", "completion": "12"}}, "Azure"),
    ],
)
def test_preferences_as_clients_write_them(client: OpenAI, provider: dict[str, object], name: str) -> None:
    assert served(client, provider) == name


def test_shortcuts_work_on_every_model(client: OpenAI) -> None:
    assert {served(client, {}, model="openai/gpt-5.4:floor") for _ in range(5)} == {"OpenAI"}
    assert served(client, {}, model="openai/gpt-5.4:nitro:online") in {"OpenAI", "Azure", "DeepInfra"}


def test_the_default_balances_by_price(client: OpenAI) -> None:
    names = Counter(served(client, {"max_price": {"input": 100}}) for _ in range(60))
    assert names["OpenAI"] > names["DeepInfra"]
    assert names["Azure"] > 0


@pytest.mark.parametrize("how", ["body", "header"])
def test_a_session_stays_with_the_provider_that_answered_first(client: OpenAI, how: str) -> None:
    def name(session: str) -> str:
        body, headers = ({"session_id": session}, {}) if how == "body" else ({}, {"x-session-id": session})
        answer = client.chat.completions.create(
            model="acme/even", messages=HELLO, extra_body=body, extra_headers=headers
        )
        return str(answer.model_dump()["provider"])

    names = [{name(f"{how} {session}") for _ in range(6)} for session in range(8)]
    assert all(len(one) == 1 for one in names)
    assert len(set().union(*names)) == 2


def test_the_next_model_answers_where_the_first_leads_nowhere(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="acme/down",
        messages=HELLO,
        extra_body={"models": ["acme/down", "openai/gpt-5.4"], "route": "fallback", "provider": {"sort": "price"}},
    )
    assert answer.model == "openai/gpt-5.4"


def test_without_fallbacks_the_failure_is_told(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        served(client, {"order": ["OpenAI"], "allow_fallbacks": False}, model="acme/broken")
    assert caught.value.status_code == 503


@pytest.mark.parametrize(
    ("provider", "status", "words"),
    [
        ({"max_price": {"input": 1}}, 404, "max_price"),
        ({"only": ["Nobody"]}, 404, "allowed_providers"),
        ({"quantizations": ["int4"]}, 404, "quantization"),
        ({"order": []}, 400, "provider.order"),
        ({"sort": "speed"}, 400, "provider.sort"),
        ({"max_price": {"input": "-1"}}, 400, "provider.max_price.input"),
        ({"typo": True}, 400, "typo"),
    ],
)
def test_dead_ends_and_bad_preferences_are_told(
    client: OpenAI, provider: dict[str, object], status: int, words: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        served(client, provider)
    assert caught.value.status_code == status
    assert words in caught.value.message


def test_when_all_are_limited_the_client_reads_when_to_come_back(gateway: Gateway) -> None:
    refused = gateway.chat("acme/limited")
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) >= 1
    error = refused.json()["error"]
    assert error["availability"]["code"] == "capacity_exhausted"
    assert error["availability"]["retryable"] is True
    assert error["availability"]["docs_url"]


@pytest.mark.parametrize(("model", "tier"), [("acme/tiered", "flex"), ("acme/tiered:floor", None)])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_names_the_tier_that_served_where_its_provider_does_not(
    gateway: Gateway,
    model: str,
    tier: str | None,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    reply = gateway.chat(model, stream=stream, **({"service_tier": tier} if tier else {}))
    answer = reply.events()[0] if stream else reply.json()
    assert answer["service_tier"] == "flex"
    assert gateway.generation(reply)["service_tier"] == "flex"


# -- why --


def test_a_stream_may_show_what_each_provider_was_sent(gateway: Gateway) -> None:
    wanted: Any = {"provider": {"order": ["openai", "azure-west"]}, "debug": {"echo_upstream_body": True}}
    first, second, *rest, _ = gateway.chat("acme/broken", 'a "line"\nmore', stream=True, **wanted).events()
    assert [first["choices"], second["choices"]] == [[], []]
    assert [one["debug"]["echo_upstream_body"]["model"] for one in (first, second)] == ["fake/status-503", "fake/echo"]
    assert second["debug"]["echo_upstream_body"]["messages"][0]["content"] == 'a "line"\nmore'
    assert first["id"] == rest[0]["id"]
    assert not any("debug" in one for one in rest)
    assert "debug" not in gateway.chat("acme/broken", **wanted).json()
    tools = [{"type": "openrouter:datetime"}]
    rounds = gateway.chat("fake/tools", stream=True, tools=tools, debug=wanted["debug"]).events()[:-1]
    assert len([one for one in rounds if "debug" in one]) == 2  # what is sent with the tool's result, too


def told(gateway: Gateway, model: str, **fields: object) -> Any:  # noqa: ANN401 - JSON
    body = {"model": model, "messages": HELLO} | fields
    return gateway.request("POST", "/api/v1/chat/completions", body, headers=TOLD)


def test_metadata_come_only_when_they_are_asked_for(gateway: Gateway) -> None:
    body = {"model": "openai/gpt-5.4", "messages": HELLO}
    for headers in ({}, {"X-OpenRouter-Metadata": "disabled"}, {"X-OpenRouter-Metadata": "yes"}):
        answer = gateway.request("POST", "/api/v1/chat/completions", body, headers=headers)
        assert "openrouter_metadata" not in answer.json()
    for headers in ({"X-OpenRouter-Metadata": "ENABLED"}, {"X-OpenRouter-Experimental-Metadata": "enabled"}):
        answer = gateway.request("POST", "/api/v1/chat/completions", body, headers=headers)
        assert answer.json()["openrouter_metadata"]["attempt"] == 1


@pytest.mark.parametrize("path", ["chat/completions", "completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_metadata_tell_the_attempts_and_why_each_endpoint_stands_where_it_does(
    gateway: Gateway,
    path: str,
    stream: bool,  # noqa: FBT001 - a column
) -> None:
    body = {
        "model": "openai/gpt-5.4",
        "provider": {"sort": "price", "data_collection": "deny"},
        "stream": stream,
    }
    body |= {"messages": HELLO} if path.startswith("chat") else {"prompt": "Hello"}
    reply = gateway.request("POST", f"/api/v1/{path}", body, headers=TOLD)
    assert reply.status == 200
    answer = reply.events()[-2] if stream else reply.json()
    if stream:
        assert reply.events()[-1] == "[DONE]"
        assert sum("openrouter_metadata" in event for event in reply.events() if event != "[DONE]") == 1
    found = answer["openrouter_metadata"]
    if TEST_DATA.exists():
        check("OpenRouterMetadata", found)
    assert found["requested"] == "openai/gpt-5.4"
    assert found["endpoints"]["available"] == [{"provider": "Azure", "model": "openai/gpt-5.4", "selected": True}]
    assert found["endpoints"]["total"] == 3
    assert found["attempts"] == [{"provider": "Azure", "model": "openai/gpt-5.4", "status": 200}]
    rules = {one["provider"]: one["rule"] for one in found["turnout"]["endpoints"]}
    assert rules == {"Azure": None, "OpenAI": "data_policy:training", "DeepInfra": "data_policy:training"}


def test_metadata_tell_a_failed_attempt_before_the_good_one(gateway: Gateway) -> None:
    found = told(gateway, "acme/broken", provider={"order": ["OpenAI", "Azure"]}).json()["openrouter_metadata"]
    assert [(one["provider"], one["status"]) for one in found["attempts"]] == [("OpenAI", 503), ("Azure", 200)]
    assert found["attempt"] == 2


def test_metadata_stand_beside_an_error(gateway: Gateway) -> None:
    failed = told(gateway, "acme/down").json()
    assert failed["openrouter_metadata"]["attempts"] == [{"provider": "OpenAI", "model": "acme/down", "status": 500}]
    dead_end = told(gateway, "openai/gpt-5.4", provider={"max_price": {"prompt": 3.5}, "only": ["azure"]}).json()
    assert dead_end["error"]["code"] == 404
    found = dead_end["openrouter_metadata"]
    assert found["attempt"] == 0
    [azure] = [one for one in found["turnout"]["endpoints"] if one["provider"] == "Azure"]
    assert azure["rule"] == "max_price"
    assert azure["numbers"] == {"prompt": "4", "completion": "12", "blended": "24", "max_price": {"prompt": 3.5}}
    unknown = told(gateway, "no/such").json()["openrouter_metadata"]
    assert (unknown["requested"], unknown["attempt"], unknown["endpoints"]) == (
        "no/such",
        0,
        {"total": 0, "available": []},
    )


@pytest.mark.parametrize(("limited", "status"), [({"limit": 0}, 402), ({"requests_per_minute": 1}, 429)])
def test_metadata_stand_beside_a_refusal_for_money_or_haste(
    gateway: Gateway, limited: dict[str, int], status: int
) -> None:
    wanted = {"name": "limited"} | limited
    key = gateway.request("POST", "/api/v1/keys", wanted, key=gateway.management_key).json()["key"]
    body = {"model": "openai/gpt-5.4", "messages": HELLO}
    _, refused = (gateway.request("POST", "/api/v1/chat/completions", body, key=key, headers=TOLD) for _ in range(2))
    assert refused.status == status
    found = refused.json()["openrouter_metadata"]
    assert (found["requested"], found["attempt"], found["endpoints"]["total"]) == ("openai/gpt-5.4", 0, 3)


# -- explain --


def explained(gateway: Gateway, **fields: object) -> Any:  # noqa: ANN401 - JSON
    body = {"model": "openai/gpt-5.4", "messages": HELLO} | fields
    reply = gateway.request("POST", "/api/v1/explain", body)
    assert reply.status == 200
    return reply.json()["data"]


def test_a_plan_is_explained_without_being_sent(gateway: Gateway) -> None:
    found = explained(gateway, provider={"sort": "price", "ignore": ["azure"]})
    assert found["candidates"] == ["openai/gpt-5.4|openai|openai", "openai/gpt-5.4|deep-infra|deep-infra"]
    assert found["order"] == [{"model": "openai/gpt-5.4", "by": "price"}]
    assert found["dead_end"] is None
    assert [(one["verdict"], one["rule"]) for one in found["endpoints"]] == [
        ("tried", None),
        ("tried", None),
        ("excluded", "ignored_providers"),
    ]


def test_a_dead_end_is_explained(gateway: Gateway) -> None:
    found = explained(gateway, provider={"quantizations": ["int4"]})
    assert found["candidates"] == []
    assert found["dead_end"]["availability"]["excluded_by"] == ["quantization"]
    assert found["endpoints"][0]["numbers"] == {"quantization": None, "quantizations": ["int4"]}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"model": "no/such-model", "messages": HELLO}, 400, "no/such-model"),
        ({"model": "openai/gpt-5.4"}, 400, "messages"),
        ({"model": "openai/gpt-5.4", "messages": HELLO, "provider": {"sort": "x"}}, 400, "provider.sort"),
        (b"not json", 400, "JSON"),
    ],
)
def test_what_could_not_be_sent_is_not_explained(gateway: Gateway, body: object, status: int, words: str) -> None:
    reply = gateway.request("POST", "/api/v1/explain", body)
    assert reply.status == status
    assert words in reply.json()["error"]["message"]


def test_explain_wants_a_key_and_stands_under_both_mounts(gateway: Gateway) -> None:
    body = {"model": "openai/gpt-5.4", "messages": HELLO}
    assert gateway.request("POST", "/api/v1/explain", body, key=None).status == 401
    assert gateway.request("POST", "/v1/explain", body).status == 200
    assert gateway.request("GET", "/v1/explain").status == 405
