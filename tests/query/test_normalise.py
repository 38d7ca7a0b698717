from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import QUERY, SCORE, query_llms, score_llms
from turnout.base.errors import BadRequest
from turnout.query.identity import canonical_llm, plain
from turnout.query.normalise import query_llm_of, query_model_of, score_llm_of, score_model_of
from vectors import vectors

TAUGHT = {"type": "training_table", "base_weight": 1, "min_weight": 0.5, "max_weight": 2}
LEARNED = {"type": "training_table", "top": 1, "embeddings_model": "a"}
MODEL: dict[str, Any] = {"models": [QUERY], "weight": {"type": "static"}}


def as_json(definition: object) -> Any:  # noqa: ANN401 - JSON
    return json.loads(json.dumps(plain(definition)))


def message_of(value: object, *, score: bool = False) -> str:
    with pytest.raises(BadRequest) as caught:
        (score_llm_of if score else query_llm_of)(value)
    assert {"field", "rule", "value"} <= caught.value.metadata.keys()
    assert len(caught.value.message) < 600
    return caught.value.message


def test_published_definitions_are_normalised_as_published() -> None:
    for group, read in (("query_dialect", query_llm_of), ("score_dialect", score_llm_of)):
        for vector in vectors()[group]:
            assert as_json(read(vector["input"])) == vector["normalised"], vector["name"]


@given(query_llms)
def test_a_normalised_query_llm_is_normal(value: object) -> None:
    once = query_llm_of(value)
    assert query_llm_of(as_json(once)) == once


@given(score_llms)
def test_a_normalised_score_llm_is_normal(value: object) -> None:
    once = score_llm_of(value)
    assert score_llm_of(as_json(once)) == once


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "`id` cannot be empty"),
        ({"id": None}, "`id` is required"),
        ({"mode": None}, "`mode` is required"),
        ({"weight": None}, "`weight` is required"),
        ({"mode": "vote"}, "`mode` must be one of `generate`"),
        ({"temperature": 2.1}, "`temperature` must be between 0 and 2: `temperature`=2.1"),
        ({"temperature": "hot"}, '`temperature` must be a number: `temperature`="hot"'),
        ({"temperature": True}, "`temperature` must be a number: `temperature`=true"),
        ({"frequency_penalty": -2.5}, "`frequency_penalty` must be between -2 and 2: `frequency_penalty`=-2.5"),
        ({"top_p": 10**400}, "`top_p` must be between 0 and 1"),
        ({"top_k": 2**31}, "`top_k` must be between 0 and 2147483647: `top_k`=2147483648"),
        ({"top_k": 1.5}, "`top_k` must be a whole number: `top_k`=1.5"),
        ({"select_top_logprobs": 21}, "`select_top_logprobs` must be between 0 and 20: `select_top_logprobs`=21"),
        ({"logit_bias": {"": 1}}, "`logit_bias` keys cannot be empty"),
        ({"logit_bias": {"a": 1}}, '`logit_bias` keys must be digits: `logit_bias`="a"'),
        ({"logit_bias": {"²": 1}}, "`logit_bias` keys must be digits"),
        ({"logit_bias": {"007": 1}}, '`logit_bias` keys cannot have leading zeroes: `logit_bias`="007"'),
        ({"logit_bias": {"7": 101}}, "`logit_bias` values must be between -100 and 100: `logit_bias.7`=101"),
        ({"logit_bias": {"7": 1.5}}, "`logit_bias` values must be whole numbers"),
        ({"logit_bias": [1]}, "`logit_bias` must be an object"),
        ({"stop": ""}, "`stop` cannot contain empty strings"),
        ({"stop": ["a", "a"]}, '`stop` cannot contain duplicate strings: `stop`="a"'),
        ({"stop": [1]}, "`stop` must be a string"),
        ({"stop": {}}, "`stop` must be a list of strings"),
        ({"models": ["acme/tiny"]}, "`models` cannot contain duplicate strings"),
        ({"models": ["b/c", "b/c"]}, "`models` cannot contain duplicate strings"),
        ({"models": [""]}, "`models` cannot contain empty strings"),
        ({"provider": []}, "`provider` must be an object"),
        ({"provider": {"sort": ""}}, "`provider.sort` cannot be empty"),
        ({"provider": {"only": ["a", "a"]}}, "`provider.only` cannot contain duplicate strings"),
        ({"provider": {"order": [""]}}, "`provider.order` cannot contain empty strings"),
        ({"provider": {"data_collection": "maybe"}}, "`provider.data_collection` must be one of `allow`, `deny`"),
        ({"provider": {"onyl": ["a"]}}, "`provider.onyl` is not a field (did you mean `only`?)"),
        ({"reasoning": {"effort": "low", "max_tokens": 1}}, "`reasoning.max_tokens` and `reasoning.effort`"),
        ({"reasoning": {"enabled": False, "max_tokens": 1}}, "`reasoning.enabled` cannot be false when"),
        ({"reasoning": {"enabled": 1}}, "`reasoning.enabled` must be true or false"),
        ({"reasoning": {"effort": "extreme"}}, "`reasoning.effort` must be one of"),
        ({"weight": {"type": "static"}}, "`weight.weight` is required"),
        ({"weight": {"weight": 1}}, "`weight.type` is required"),
        ({"weight": {"type": "static", "weight": 0}}, "`weight` must be positive: `weight.weight`=0"),
        ({"weight": {"type": "static", "weight": -1}}, "`weight` must be positive"),
        ({"weight": {"type": "static", "weight": 1e-30}}, "`weight` must be positive"),
        ({"weight": {"type": "static", "weight": 10**400}}, "`weight` must be at most"),
        ({"weight": {"type": "static", "weight": 1, "base_weight": 1}}, "`weight.base_weight` is not a field"),
        ({"weight": TAUGHT | {"base_weight": 5}}, "min <= base <= max"),
        ({"weight": TAUGHT | {"min_weight": 0}}, "must be positive"),
        ({"name": "x"}, "`name` is not a field"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused_with_field_rule_and_value(change: dict[str, Any], message: str) -> None:
    assert message in message_of(QUERY | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"synthetic_reasoning": True}, "`synthetic_reasoning` cannot be combined with `output_mode` instruction"),
        ({"mode": "generate"}, "`mode` is not a field"),
        ({"reasoning_effort": "low"}, "`reasoning_effort` is not a field"),
        ({"prefix_messages": {}}, "`prefix_messages` must be a list of messages"),
        ({"prefix_messages": [{"role": "god", "content": ""}]}, "`prefix_messages[0].role` must be one of"),
        ({"prefix_messages": [{"role": "user"}]}, "`prefix_messages[0].content` is required"),
        ({"prefix_messages": [{"role": "user", "content": "", "x": 1}]}, "`prefix_messages[0].x` is not a field"),
        ({"suffix_messages": [{"role": "user", "content": [{"type": "text"}]}]}, ".content[0].text` is required"),
        ({"suffix_messages": [{"role": "user", "content": 1}]}, "`suffix_messages[0].content` must be a string or"),
        ({"output_mode": "xml"}, "`output_mode` must be one of"),
    ],
)  # fmt: skip
def test_rules_of_the_score_dialect(change: dict[str, Any], message: str) -> None:
    assert message in message_of(SCORE | change, score=True)


def test_published_mistakes_are_refused_in_their_words() -> None:
    for vector in vectors()["errors"]:
        assert vector["error"].replace("`", "") in message_of(vector["input"], score=True).replace("`", "")


@pytest.mark.parametrize("value", [None, [], "x", 1, {}])
def test_what_is_no_definition_is_refused(value: object) -> None:
    for read in (query_llm_of, score_llm_of, query_model_of, score_model_of):
        with pytest.raises(BadRequest):
            read(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (MODEL | {"models": []}, "`models` must have between 1 and 128 entries: `len(models)`=0"),
        (MODEL | {"models": [QUERY] * 129}, "`len(models)`=129"),
        (MODEL | {"models": [QUERY, QUERY | {"top_p": 2}]}, "`models[1].top_p` must be between 0 and 1"),
        (MODEL | {"models": QUERY}, "`models` must be a list"),
        (MODEL | {"weight": None}, "`weight` is required"),
        (MODEL | {"weight": {"type": "dynamic"}}, "`weight.type` must be one of"),
        (MODEL | {"weight": {"type": "static", "top": 1}}, "`weight.top` is not a field"),
        (MODEL | {"weight": LEARNED | {"top": 0}}, "`weight.top` must be between"),
        (MODEL | {"weight": {"type": "training_table", "top": 1}}, "`weight.embeddings_model` is required"),
        (MODEL | {"weight": LEARNED}, "`models[0].weight.type` must"),
        (MODEL | {"llms": []}, "`llms` is not a field"),
    ],
)  # fmt: skip
def test_rules_of_models(value: object, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        query_model_of(value)
    assert message in caught.value.message


def test_embeddings_of_a_score_model_are_judged_too() -> None:
    taught = SCORE | {"weight": {"type": "training_table", "base_weight": 1, "min_weight": 1, "max_weight": 1}}
    weight = {"type": "training_table", "embeddings": {"model": "", "max_tokens": 5}, "top": 3}
    with pytest.raises(BadRequest, match=r"embeddings\.model` cannot be empty"):
        score_model_of({"llms": [taught], "weight": weight})
    spelled = score_model_of({"llms": [SCORE], "weight": {"type": "static"}})
    assert score_model_of({"llms": [SCORE]}) == spelled


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(sorted({*QUERY, "stop", "provider", "reasoning", "models", "logit_bias", "top_p"})), JUNK
    )
)
def test_whatever_is_sent_is_a_definition_or_a_bad_request(value: dict[str, Any]) -> None:
    for one in (value, QUERY | value):
        try:
            query_llm_of(one)
        except BadRequest as error:
            assert error.metadata["rule"]  # noqa: PT017 - most are refused, and each of them so


@pytest.mark.parametrize(("weight", "text"), [(1e16, "1e16"), (1e17, "1e17"), (1.5e28, "1.5e28")])
def test_a_weight_may_be_as_large_as_a_decimal_of_96_bits_holds(weight: float, text: str) -> None:
    heavy = query_llm_of(QUERY | {"weight": {"type": "static", "weight": weight}})
    assert f'"weight":{{"type":"static","weight":{text}}}' in canonical_llm(heavy)
