from __future__ import annotations

from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import CHANGES, DEFAULTS, QUERY, SCORE, query_llms, score_llms
from turnout.query.identity import (
    base_id_of,
    canonical_llm,
    canonical_model_weight,
    llm_id,
    multichat_id_of,
    roster_of,
    training_table_id_of,
)
from turnout.query.normalise import query_llm_of, query_model_of, score_llm_of, score_model_of
from vectors import vectors

LOGPROBS = "select_non_thinking_logprobs"
TAUGHT = {"type": "training_table", "base_weight": 1, "min_weight": 0.5, "max_weight": 2}


def name_of(value: object) -> str:
    return llm_id(query_llm_of(value))


def id_of(value: object) -> str:
    return llm_id(score_llm_of(value))


def test_published_llms_have_their_published_ids() -> None:
    for group, read in (("query_dialect", query_llm_of), ("score_dialect", score_llm_of)):
        for vector in vectors()[group]:
            llm: Any = read(vector["input"])
            assert canonical_llm(llm) == vector["canonical"]
            assert llm_id(llm) == vector["id"]
            assert training_table_id_of(llm) == vector.get("training_table_id")
            if "multichat_id" in vector:
                assert multichat_id_of(llm) == vector["multichat_id"]


def test_published_models_have_their_published_ids() -> None:
    queries = {vector["name"][:3]: vector["input"] for vector in vectors()["query_dialect"]}
    for vector in vectors()["query_model_dialect"]:
        llms = [queries[name] for name in vector["llms"]]
        roster = roster_of(query_model_of({"models": llms, "weight": {"type": "static"}}))
        assert (roster.id, canonical_model_weight(roster.model)) == (vector["id"], vector["weight_canonical"])
    scores = {vector["id"]: vector["input"] for vector in vectors()["score_dialect"]}
    for vector in vectors()["score_models"]:
        if set(vector["llm_ids"]) <= scores.keys():
            roster = roster_of(score_model_of({"llms": [scores[name] for name in vector["llm_ids"]]}))
            assert roster.id == vector["id"]


def test_the_published_taught_model_has_its_published_ids() -> None:
    vector = next(one for one in vectors()["score_models"] if "training_table_id" in one)
    llm = {"model": "openai/gpt-4o-mini", "top_logprobs": 20}
    weights = [TAUGHT, {"type": "training_table", "base_weight": 3, "min_weight": 1, "max_weight": 10}]
    embeddings = {"model": "openai/text-embedding-3-small", "max_tokens": 8192}
    model = {
        "llms": [llm | {"weight": weight} for weight in weights],
        "weight": {"type": "training_table", "embeddings": embeddings, "top": 10},
    }
    roster = roster_of(score_model_of(model))
    assert sorted(voter.id for voter in roster.voters) == vector["llm_ids"]
    assert roster.id == vector["id"]
    assert roster.training_table_id == vector["training_table_id"]
    assert roster.multichat_id == vector["multichat_id"]


@given(query_llms, st.randoms(use_true_random=False))
def test_the_order_of_keys_makes_no_difference(value: dict[str, Any], dice: Any) -> None:  # noqa: ANN401 - a Random
    entries = list(value.items())
    dice.shuffle(entries)
    inner = {name: dict(sorted(one.items(), reverse=True)) if isinstance(one, dict) else one for name, one in entries}
    assert name_of(inner) == name_of(value)


@given(query_llms)
def test_defaults_spelled_out_make_no_difference_to_a_query_llm(value: dict[str, Any]) -> None:
    logprobs = {"select_top_logprobs": 20 if value["mode"].endswith("_logprobs") else 0}
    spelled = {name: values[0] for name, values in DEFAULTS.items()} | {"reasoning_effort": None} | logprobs
    assert name_of(spelled | value) == name_of(value)


@given(score_llms)
def test_defaults_spelled_out_make_no_difference_to_a_score_llm(value: dict[str, Any]) -> None:
    spelled = {name: values[0] for name, values in DEFAULTS.items()} | {
        "weight": {"type": "static", "weight": 1}, "output_mode": "instruction", "synthetic_reasoning": False,
        "top_logprobs": 0, "prefix_messages": [], "suffix_messages": [],
    }  # fmt: skip
    assert id_of(spelled | value) == id_of(value)


@pytest.mark.parametrize("field", sorted(DEFAULTS))
def test_every_way_to_say_nothing_is_the_same(field: str) -> None:
    assert {name_of(QUERY | {field: value}) for value in DEFAULTS[field]} == {name_of(QUERY)}
    assert {id_of(SCORE | {field: value}) for value in DEFAULTS[field]} == {id_of(SCORE)}


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_every_other_value_of_every_field_is_another_llm(field: str) -> None:
    queries = [name_of(QUERY), *(name_of(QUERY | {field: value}) for value in CHANGES[field])]
    scores = [id_of(SCORE), *(id_of(SCORE | {field: value}) for value in CHANGES[field])]
    assert len({*queries, *scores}) == len(queries) + len(scores)


@pytest.mark.parametrize(
    "changes",
    [
        ({"id": "b/c"}, {"mode": "select_thinking"}, {"mode": LOGPROBS}, {"reasoning_effort": "low"}),
        ({"mode": LOGPROBS, "select_top_logprobs": 0}, {"mode": LOGPROBS}, {"select_top_logprobs": 20}),
        ({"weight": {"type": "static", "weight": 2}}, {"weight": TAUGHT}, {"weight": TAUGHT | {"base_weight": 2}}),
        ({"weight": TAUGHT | {"min_weight": 1}}, {"weight": TAUGHT | {"max_weight": 3}}),
        ({"reasoning": {"enabled": False}}, {"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
    ],
)
def test_fields_of_the_query_dialect_change_the_id(changes: tuple[dict[str, Any], ...]) -> None:
    assert len({name_of(QUERY), *(name_of(QUERY | change) for change in changes)}) == len(changes) + 1


def test_fields_of_the_score_dialect_change_the_id() -> None:
    message = {"role": "system", "content": "A"}
    changes: list[dict[str, Any]] = [
        {"output_mode": "json_schema"}, {"output_mode": "tool_call"}, {"top_logprobs": 1}, {"top_logprobs": 20},
        {"output_mode": "json_schema", "synthetic_reasoning": True}, {"prefix_messages": [message]},
        {"suffix_messages": [message]}, {"prefix_messages": [message, message]},
        {"prefix_messages": [message | {"name": "n"}]}, {"prefix_messages": [message | {"role": "user"}]},
        {"prefix_messages": [message | {"content": [{"type": "text", "text": "A"}]}]},
        {"reasoning": {"enabled": True}}, {"weight": {"type": "static", "weight": 2}}, {"weight": TAUGHT},
    ]  # fmt: skip
    assert len({id_of(SCORE), *(id_of(SCORE | change) for change in changes)}) == len(changes) + 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stop", ["b", "é", "a"]),
        ("provider", {"only": ["c", "a", "b"]}),
        ("provider", {"ignore": ["c", "a", "b"]}),
        ("provider", {"quantizations": ["fp8", "bf16", "int4"]}),
    ],
)
def test_the_order_of_sets_makes_no_difference(field: str, value: Any) -> None:  # noqa: ANN401 - JSON
    def ordered(items: Any) -> Any:  # noqa: ANN401 - JSON
        return list(items) if isinstance(value, list) else {next(iter(value)): list(items)}

    items = value if isinstance(value, list) else next(iter(value.values()))
    assert len({name_of(QUERY | {field: ordered(order)}) for order in permutations(items)}) == 1


def test_the_order_of_biases_makes_no_difference_and_numbers_sort_as_numbers() -> None:
    biases = {"10": 1, "9": 2, "100": 3, "7": 0}
    shuffled = dict(reversed(biases.items()))
    assert name_of(QUERY | {"logit_bias": biases}) == name_of(QUERY | {"logit_bias": shuffled})
    assert '"logit_bias":{"9":2,"10":1,"100":3}' in canonical_llm(query_llm_of(QUERY | {"logit_bias": biases}))


@given(st.lists(query_llms, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_voters_makes_no_difference_to_a_model(llms: list[dict[str, Any]], dice: Any) -> None:  # noqa: ANN401 - a Random
    static = [llm | {"weight": {"type": "static", "weight": 3}} for llm in llms]
    roster = roster_of(query_model_of({"models": static, "weight": {"type": "static"}}))
    dice.shuffle(static)
    again = roster_of(query_model_of({"models": static, "weight": {"type": "static"}}))
    assert (roster.id, roster.voters) == (again.id, again.voters)
    assert [voter.index for voter in roster.voters] == list(range(len(llms)))
    assert all(one.id <= other.id for one, other in pairwise(roster.voters))


def test_a_voter_more_another_weight_or_another_look_is_another_model() -> None:
    taught = QUERY | {"weight": TAUGHT}
    weight: dict[str, Any] = {"type": "training_table", "embeddings_model": "a/b", "top": 5}
    models: list[dict[str, Any]] = [
        {"models": [QUERY], "weight": {"type": "static"}},
        {"models": [QUERY, QUERY], "weight": {"type": "static"}},
        {"models": [QUERY], "weight": {"type": "static"}, "select_generated_reasoning": True},
        {"models": [taught], "weight": weight},
        {"models": [taught], "weight": weight | {"top": 6}},
        {"models": [taught], "weight": weight | {"embeddings_model": "a/c"}},
    ]
    rosters = [roster_of(query_model_of(model)) for model in models]
    assert len({roster.id for roster in rosters}) == len(models)
    assert rosters[3].training_table_id == rosters[4].training_table_id != rosters[5].training_table_id
    assert rosters[0].training_table_id is None
    off = roster_of(query_model_of(models[0] | {"select_generated_reasoning": False}))
    assert off.id == rosters[0].id


@given(query_llms)
def test_weights_share_one_base_and_one_training_table(value: dict[str, Any]) -> None:
    weights: list[dict[str, Any]] = [TAUGHT, TAUGHT | {"max_weight": 9}, {"type": "static", "weight": 7}]
    llms = [query_llm_of(value | {"weight": weight}) for weight in weights]
    plain = name_of(value | {"weight": {"type": "static", "weight": 1}})
    assert [base_id_of(llm) for llm in llms] == [plain] * 3
    assert [training_table_id_of(llm) for llm in llms] == [plain, plain, None]
