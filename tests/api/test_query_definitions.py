"""Definitions over HTTP, on a real gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from definitions import QUERY, QUERY_CHANGES, SCORE, SCORE_CHANGES
from gateway import Gateway, Reply
from turnout.base.money import Pico
from turnout.domain.query import QueryLLM, ScoreLLM, UseOfDefinition
from turnout.stores.sqlite import SQLiteStore
from vectors import vectors

LLM = {"id": "openai/gpt-4o-mini", "mode": "generate", "weight": {"type": "static", "weight": 1}}
TAUGHT = {"type": "training_table", "base_weight": 1, "min_weight": 0.5, "max_weight": 2}
COUNTERS = {
    "requests": 0,
    "chat_completion_tokens": 0,
    "chat_prompt_tokens": 0,
    "chat_cost": 0,
    "embedding_completion_tokens": 0,
    "embedding_prompt_tokens": 0,
    "embedding_cost": 0,
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), "") as running:
        yield running


def refused(reply: Reply) -> Any:  # noqa: ANN401 - JSON
    assert reply.status == 400, reply.body
    error = reply.json()["error"]
    assert error["code"] == 400
    assert {"field", "rule", "value"} <= error["metadata"].keys()
    return error


@pytest.mark.parametrize("mount", ["", "/v1", "/api/v1"])
@pytest.mark.parametrize("key", [None, "own"])
def test_a_query_llm_is_registered_and_read_again_with_and_without_a_key(
    gateway: Gateway, mount: str, key: str | None
) -> None:
    keys: dict[str, Any] = {} if key else {"key": None}
    made = gateway.request("POST", f"{mount}/query_llms", LLM, **keys)
    assert made.status == 200
    body = made.json()
    assert body["name"] == body["query_llm_id"] == "3ILPmYwxjVJc3Ohdpk8JAy"
    assert body["id"] == "openai/gpt-4o-mini"
    assert "training_table_name" not in body
    assert "requests" not in body
    assert gateway.request("GET", f"{mount}/query_llms/{body['name']}", **keys).json() == body


def test_the_published_definitions_come_out_over_http(gateway: Gateway) -> None:
    groups = (("query_dialect", "/query_llms", "name"), ("score_dialect", "/score/llms", "id"))
    for group, path, name in groups:
        for vector in vectors()[group]:
            body = gateway.request("POST", path, vector["input"]).json()
            assert body[name] == vector["id"], vector["name"]
            assert vector["normalised"].items() <= body.items()
            table = body.get("training_table_name" if group == "query_dialect" else "training_table_id")
            assert table == vector.get("training_table_id")
            assert body.get("multichat_id") == vector.get("multichat_id")


def test_the_published_mistakes_are_refused_with_field_rule_and_value(gateway: Gateway) -> None:
    for vector in vectors()["errors"]:
        message = refused(gateway.request("POST", "/score/llms", vector["input"]))["message"]
        assert vector["error"].replace("`", "") in message.replace("`", ""), message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b"{",
        b'{"id":"a","id":"b"}',
        b'{"weight":{"type":"static","type":"static"}}',
        b"\xff",
        b"[" * 999,
    ],
)
def test_what_is_no_json_object_is_refused(gateway: Gateway, body: bytes) -> None:
    assert gateway.request("POST", "/query_llms", body).status == 400


def test_a_field_that_does_not_exist_is_refused_and_the_nearest_one_told(gateway: Gateway) -> None:
    error = refused(gateway.request("POST", "/query_llms", LLM | {"temprature": 0.5}))
    assert "did you mean `temperature`" in error["message"]
    assert error["metadata"]["field"] == "temprature"
    assert error["metadata"]["value"] == "0.5"


def test_a_model_is_registered_with_its_llms_in_the_order_of_their_ids(gateway: Gateway) -> None:
    other = LLM | {"temperature": 0.7}
    body = {"models": [other, LLM, LLM], "weight": {"type": "static"}}
    made = gateway.request("POST", "/query_models", body).json()
    again = gateway.request("POST", "/query_models", body | {"models": [LLM, other, LLM]}).json()
    assert made == again
    assert [llm["index"] for llm in made["models"]] == [0, 1, 2]
    names = [llm["name"] for llm in made["models"]]
    assert names == sorted(names)
    assert gateway.request("GET", f"/query_models/{made['name']}").json() == made
    assert gateway.request("GET", f"/query_llms/{names[-1]}").status == 200


def test_a_taught_model_tells_its_training_table_and_those_of_its_llms(gateway: Gateway) -> None:
    weight = {"type": "training_table", "embeddings_model": "openai/text-embedding-3-small", "top": 10}
    llms = [LLM | {"weight": TAUGHT}, LLM | {"weight": TAUGHT | {"max_weight": 3}}]
    made = gateway.request("POST", "/query_models", {"models": llms, "weight": weight}).json()
    assert {llm["training_table_name"] for llm in made["models"]} == {"3ILPmYwxjVJc3Ohdpk8JAy"}
    assert [llm["training_table_index"] for llm in made["models"]] == [0, 1]
    longer = gateway.request("POST", "/query_models", {"models": llms, "weight": weight | {"top": 20}}).json()
    assert longer["training_table_name"] == made["training_table_name"]
    assert longer["name"] != made["name"]
    mixed = {"models": [LLM, *llms], "weight": weight}
    assert refused(gateway.request("POST", "/query_models", mixed))["metadata"]["field"] == "models[0].weight.type"


def test_score_and_multichat_models_are_registered_and_read(gateway: Gateway) -> None:
    llms = [{"model": "openai/gpt-4o-mini", "top_logprobs": 20}, {"model": "a/b", "output_mode": "tool_call"}]
    made = gateway.request("POST", "/score/models", {"llms": llms}).json()
    assert made["weight"] == {"type": "static"}
    assert gateway.request("GET", f"/score/models/{made['id']}").json() == made
    chats = gateway.request("POST", "/multichat/models", {"llms": llms}).json()
    assert chats["id"] == made["multichat_id"]
    assert {llm["id"] for llm in chats["llms"]} == {llm["multichat_id"] for llm in made["llms"]}
    assert gateway.request("GET", f"/multichat/models/{chats['id']}").json() == chats
    chat = gateway.request("POST", "/multichat/llms", llms[1]).json()
    assert chat == {"model": "a/b", "id": chat["id"], "base_id": chat["id"]}
    assert gateway.request("GET", f"/multichat/llms/{chat['id']}").json() == chat


def test_the_score_dialect_and_answering_models_need_a_key(gateway: Gateway) -> None:
    for path in ("/score/llms", "/score/models", "/multichat/llms", "/multichat/models"):
        for method, below in (("POST", ""), ("GET", ""), ("GET", "/count"), ("GET", "/" + "0" * 22)):
            assert gateway.request(method, path + below, key=None).status == 401
    assert gateway.request("POST", "/query_llms", LLM, key="sk-to-v1-wrong").status == 401


def test_metadata_tells_of_use_that_has_not_been(gateway: Gateway) -> None:
    body = gateway.request("POST", "/query_llms?metadata=true", LLM | {"top_k": 1}).json()
    assert body["user_id"] != "anonymous"
    assert body["created"].endswith("Z")
    assert {name: body[name] for name in COUNTERS} == COUNTERS
    nobody = gateway.request("POST", "/query_llms?metadata=true", LLM | {"top_k": 2}, key=None).json()
    assert nobody["user_id"] == "anonymous"
    again = gateway.request("GET", f"/query_llms/{body['name']}?metadata=true&me=true&from=2020-01-01T00:00:00Z").json()
    assert again == body
    scored = gateway.request("POST", "/score/llms?metadata=true", {"model": "a/b"}).json()
    assert "user_id" not in scored
    assert scored["requests"] == scored["total_cost"] == scored["average_confidence"] == scored["conformity"] == 0


async def test_metadata_tells_of_use_that_has_been(gateway: Gateway) -> None:
    name = gateway.request("POST", "/query_llms", LLM | {"top_k": 99}).json()["name"]
    scored = gateway.request("POST", "/score/models", {"llms": [{"model": "a/b", "top_k": 99}]}).json()["id"]
    use = UseOfDefinition(
        kind="query_llm", definition_id=name, completion_id="one", account_id="other", created=1_700_000_000.0,
        requests=2, prompt_tokens=30, completion_tokens=4, cost=Pico(1_500_000_000), embedding_prompt_tokens=7,
        embedding_cost=Pico(500_000_000), ballots=2, confidence=1.5, contrast=1.0,
    )  # fmt: skip
    store = SQLiteStore(gateway.data_dir / "turnout.sqlite")
    await store.open()
    later = replace(use, completion_id="two", created=1_800_000_000.0)
    await store.add_uses([use, later, replace(use, kind="score_model", definition_id=scored)])
    await store.close()
    body = gateway.request("GET", f"/query_llms/{name}?metadata=true").json()
    assert {field: body[field] for field in COUNTERS} == {
        "requests": 4, "chat_completion_tokens": 8, "chat_prompt_tokens": 60, "chat_cost": 0.003,
        "embedding_completion_tokens": 0, "embedding_prompt_tokens": 14, "embedding_cost": 0.001,
    }  # fmt: skip
    windows = {
        "from=2023-11-14T22:13:20Z": 4, "from=2023-11-14T22:13:21Z": 2, "to=2027-01-15T08:00:00Z": 2,
        "from=2023-11-14T22:13:20Z&to=2023-11-14T23:13:21+01:00": 2, "me=true": 0,
    }  # fmt: skip
    for window, requests in windows.items():
        path = f"/query_llms/{name}?metadata=true&{window}"
        assert gateway.request("GET", path).json()["requests"] == requests, window
    model = gateway.request("GET", f"/score/models/{scored}?metadata=true").json()
    assert (model["requests"], model["total_cost"], model["prompt_tokens"]) == (2, 0.002, 37)
    assert (model["average_winner_confidence"], model["decisiveness"]) == (0.75, 0.5)
    assert gateway.request("GET", "/query_llms?sort=requests&count=1").json() == {"data": [name]}


def test_the_other_parameters_are_not_read_without_metadata(gateway: Gateway) -> None:
    name = gateway.request("POST", "/query_llms?me=true&from=never", LLM, key=None).json()["name"]
    assert gateway.request("GET", f"/query_llms/{name}?me=true&to=x&metadata=false", key=None).status == 200
    assert gateway.request("GET", f"/query_llms/{name}?me=true&metadata=true", key=None).status == 401


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("metadata=maybe", "metadata"),
        ("metadata=true&from=2025-10-03", "from"),
        ("metadata=true&to=2025-13-03T00:00:00Z", "to"),
        ("metadata=true&from=2025-10-04T00:00:00Z&to=2025-10-03T00:00:00Z", "from"),
    ],
)
def test_wrong_parameters_are_refused(gateway: Gateway, query: str, field: str) -> None:
    assert refused(gateway.request("POST", f"/query_llms?{query}", LLM))["metadata"]["field"] == field


def test_unknown_ids_are_not_found_and_malformed_ones_refused(gateway: Gateway) -> None:
    for path in ("/query_llms", "/query_models", "/score/llms", "/score/models"):
        for unknown in ("0" * 22, "z" * 22):
            assert gateway.request("GET", f"{path}/{unknown}").status == 404
        for wrong in ("x", "0" * 21, "0" * 23, "0" * 21 + "-", quote("é" * 22)):
            assert gateway.request("GET", f"{path}/{wrong}").status == 400


def test_definitions_are_listed_and_counted(gateway: Gateway) -> None:
    before = gateway.request("GET", "/query_models/count").json()["count"]
    made = gateway.request(
        "POST", "/query_models", {"models": [LLM | {"top_k": 77}], "weight": {"type": "static"}}
    ).json()
    assert gateway.request("GET", "/query_models/count").json() == {"count": before + 1}
    newest = gateway.request("GET", "/api/v1/query_models?count=1").json()
    assert newest == {"data": [made["name"]]}
    assert len(gateway.request("GET", "/query_models?offset=1").json()["data"]) == before
    assert made["name"] in gateway.request("GET", "/query_models?me=true&sort=cost").json()["data"]
    assert gateway.request("GET", "/query_models?me=true", key=None).status == 401
    for wrong in ("sort=price", "count=0", "count=1001", "offset=-1", "offset=x", "from=1"):
        assert gateway.request("GET", f"/query_models?{wrong}").status == 400


def test_a_second_account_sees_no_messages_of_the_first(gateway: Gateway) -> None:
    persona = {"model": "a/b", "prefix_messages": [{"role": "system", "content": "secret"}]}
    name = gateway.request("POST", "/score/llms", persona).json()["id"]
    made = gateway.request("POST", "/api/v1/accounts", {"name": "other"}, key=gateway.management_key).json()["data"]
    key = {"name": "other", "account_id": made["id"]}
    other = gateway.request("POST", "/api/v1/keys", key, key=gateway.management_key).json()["key"]
    assert name in gateway.request("GET", "/score/llms").json()["data"]
    assert gateway.request("GET", "/score/llms", key=other).json() == {"data": []}
    assert gateway.request("GET", "/score/llms/count", key=other).json() == {"count": 0}
    assert gateway.request("POST", "/score/llms", persona, key=other).json()["id"] == name
    assert gateway.request("GET", "/score/llms", key=other).json() == {"data": [name]}


def test_anonymous_bodies_have_a_cap(gateway: Gateway) -> None:
    long = json.dumps(LLM | {"stop": "x" * 65_000}).encode() + b" " * 1000
    assert gateway.request("POST", "/query_llms", long, key=None).status == 413
    assert gateway.request("POST", "/query_llms", long).status == 200


def test_what_is_hashed_can_be_read(gateway: Gateway) -> None:
    body = gateway.request("POST", "/query_llms?canonical=true", LLM | {"temperature": 1e-7}).json()
    assert body["canonical"] == (
        '{"id":"openai/gpt-4o-mini","mode":"generate","temperature":1e-7,"weight":{"type":"static","weight":1.0}}'
    )


def test_definitions_survive_a_restart_and_addresses_are_limited(tmp_path: Path) -> None:
    with Gateway(tmp_path, "") as gateway:
        made = gateway.request("POST", "/query_llms", LLM, key=None).json()
        gateway.stop()
        gateway.start()
        assert gateway.request("GET", f"/query_llms/{made['name']}", key=None).json() == made
        assert {gateway.request("GET", "/query_llms/count", key=None).status for _ in range(200)} == {200}
        more = (gateway.request("GET", "/query_llms/count", key=None) for _ in range(1_000))
        refused = next(reply for reply in more if reply.status != 200)
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert gateway.request("GET", "/query_llms/count").status == 200


@pytest.mark.parametrize(
    ("path", "llm", "changes"), [("query_llms", QUERY, QUERY_CHANGES), ("score/llms", SCORE, SCORE_CHANGES)]
)
def test_the_document_tells_what_a_definition_may_say(
    gateway: Gateway, path: str, llm: dict[str, Any], changes: Mapping[str, tuple[object, ...]]
) -> None:
    document = gateway.request("GET", "/openapi.json").json()
    schema = document["paths"][f"/api/v1/{path}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    fields = (QueryLLM if path == "query_llms" else ScoreLLM).__struct_fields__
    assert set(schema["properties"]) == set(fields)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(llm)
    for field, values in changes.items():
        for value in values:
            assert validator.is_valid(llm | {field: value}), (field, value)
    for wrong in ({"temperature": 2.1}, {"top_k": -1}, {"stop": ["a", "a"]}, {"logit_bias": {"01": 1}}, {"x": 1}):
        assert not validator.is_valid(llm | wrong), wrong
