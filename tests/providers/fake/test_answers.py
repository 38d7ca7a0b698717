import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_wire import body_of
from turnout.providers.fake.answers import Answer, answer, embeddings
from turnout.providers.fake.asked import read_request
from turnout.providers.fake.words import parse_words

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
KEYS = {
    "type": "object",
    "properties": {"_think": {"type": "string"}, "response_key": {"type": "string", "enum": ["`A`", "`B`"]}},
    "required": ["_think", "response_key"],
}
BALLOT = 'Select:\n{\n  "`A`": "tea",\n  "`B`": "coffee"\n}'


def answered(model: str, text: str = "one two three", **more: Any) -> Answer:  # noqa: ANN401  # any field of a request
    return answer(read_request(body_of(model, text, **more)), parse_words(model))


def usage_of(model: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # the same
    usage = answered(model, **more).usage
    assert usage is not None
    return usage


@given(st.text())
def test_echo_repeats_the_text_exactly_and_counts_its_words(text: str) -> None:
    choice = answered("echo", text).choices[0]
    assert choice.text == text
    assert choice.token_count == len(text.split())


def test_prompt_tokens_are_a_quarter_of_the_characters() -> None:
    assert usage_of("echo", text="12345")["prompt_tokens"] == 2
    assert usage_of("echo", text="")["prompt_tokens"] == 1


def test_echo_reads_the_text_parts_of_the_last_user_message() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "look"}, image]},
        {"role": "assistant", "content": None},
    ]
    assert answered("echo", messages=messages).choices[0].text == "look"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_token_limits_cut_the_answer(name: str) -> None:
    limit: dict[str, Any] = {name: 7}
    choice = answered("lorem-50", **limit).choices[0]
    assert (choice.token_count, choice.finish) == (7, "length")
    assert answered("lorem-7", **limit).choices[0].finish == "stop"


def test_the_limit_counts_reasoning_first() -> None:
    choice = answered("reason-lorem-50", max_tokens=3).choices[0]
    assert (len(choice.reasoning), choice.tokens, choice.finish) == (3, (), "length")


def test_stop_strings_end_the_answer_before_them() -> None:
    assert answered("echo", "go on STOP never", stop=["STOP"]).choices[0].text == "go on "


def test_json_fits_the_schema_and_is_an_object_without_one() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 2}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(answered("json", response_format=form).choices[0].text) == {"n": 2}
    assert json.loads(answered("json", 'a "b"').choices[0].text) == {"answer": 'a "b"'}


def test_tools_calls_the_first_or_the_named_tool_with_fitting_arguments() -> None:
    other = {"type": "function", "function": {"name": "other"}}
    call = answered("tools", tools=[TOOL, other]).choices[0].tool_call
    assert call is not None
    assert (call.name, json.loads("".join(call.fragments))) == ("weather", {"city": "text"})
    named = {"type": "function", "function": {"name": "other"}}
    call = answered("tools", tools=[TOOL, other], tool_choice=named).choices[0].tool_call
    assert call is not None
    assert call.name == "other"


def test_tools_answers_with_text_after_a_tool_message_without_tools_and_when_forbidden() -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "tool", "content": "rain", "tool_call_id": "x"}]
    assert answered("tools", tools=[TOOL], messages=messages).choices[0].text == "The tool answered: rain"
    assert answered("tools").choices[0].text == "one two three"
    assert answered("tools", tools=[TOOL], tool_choice="none").choices[0].tool_call is None


def test_reasoning_is_part_of_the_completion_tokens() -> None:
    usage = usage_of("reason")
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert reasoning > 0
    assert usage["completion_tokens"] == reasoning + 3


def test_vote_answers_in_the_form_that_was_asked_for() -> None:
    plain = answered("vote-1", BALLOT, seed=1).choices[0].text
    assert plain in {"`A`", "`B`"}
    form = {"type": "json_schema", "json_schema": {"name": "response_key", "schema": KEYS}}
    assert json.loads(answered("vote-1", BALLOT, seed=1, response_format=form).choices[0].text) == {
        "_think": "text",
        "response_key": plain,
    }
    tool = {"type": "function", "function": {"name": "response_key", "parameters": KEYS}}
    forced = {"type": "function", "function": {"name": "response_key"}}
    call = answered("vote-1", BALLOT, seed=1, tools=[tool], tool_choice=forced).choices[0].tool_call
    assert call is not None
    assert json.loads("".join(call.fragments))["response_key"] == plain


def test_vote_has_its_skill_only_where_the_word_is() -> None:
    def share(text: str) -> float:
        best = answered("vote-1", text, seed=0).choices[0].text
        return sum(answered("vote-1@alpha-0.3", text, seed=seed).choices[0].text == best for seed in range(300)) / 300

    assert share("about alpha\nA) tea\nB) coffee") == 1
    assert abs(share("about beta\nA) tea\nB) coffee") - 0.3) < 0.1


def test_vote_without_letters_says_so() -> None:
    assert answered("vote-0.8", "hello").choices[0].text == "No letters were offered."


def test_the_same_seed_gives_the_same_answer_and_other_bodies_other_dice() -> None:
    texts = {answered("vote-0.5", BALLOT, seed=5, user=str(n)).choices[0].text for n in range(40)}
    assert len(texts) == 1
    assert len({answered("vote-0.5", BALLOT, user=str(n)).choices[0].text for n in range(40)}) == 2


def test_empty_says_nothing_and_counts_nothing() -> None:
    made = answered("empty")
    assert (made.choices[0].text, made.choices[0].finish) == ("", "stop")
    assert usage_of("empty")["completion_tokens"] == 0


def test_usage_words_change_the_report() -> None:
    assert answered("echo-no-usage").usage is None
    assert usage_of("tokens-5-6-cached-4")["total_tokens"] == 11
    assert usage_of("tokens-5-6-cached-4")["prompt_tokens_details"] == {"cached_tokens": 4}
    assert usage_of("usage-negative")["completion_tokens"] < 0
    assert usage_of("usage-huge")["prompt_tokens"] == 10**30
    assert isinstance(usage_of("usage-float")["total_tokens"], float)
    assert math.isnan(usage_of("usage-nan")["prompt_tokens"])


def test_finish_words_change_the_finish_reason() -> None:
    assert answered("finish-content_filter").choices[0].finish == "content_filter"
    assert answered("no-finish").choices[0].finish is None


def test_big_has_exactly_the_size_asked_for_and_ignores_the_limit() -> None:
    assert len(answered("big-5000", max_tokens=1).choices[0].text) == 5000


def test_several_choices_are_answered_and_counted() -> None:
    made = answered("echo", n=3)
    assert [choice.text for choice in made.choices] == ["one two three"] * 3
    assert made.usage is not None
    assert made.usage["completion_tokens"] == 9


def test_embeddings_are_unit_vectors_and_near_for_texts_that_share_words() -> None:
    request = b'{"model":"embed","input":["red fox runs","red fox sleeps","quarterly tax report"],"dimensions":256}'
    vectors, usage = embeddings(read_request(request), parse_words("embed"))
    assert all(math.isclose(math.hypot(*vector), 1) for vector in vectors)
    near, far = (sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:])
    assert near > 0.4 > far
    assert usage == {"prompt_tokens": 12, "total_tokens": 12}


def test_token_arrays_are_embedded_as_one_or_many_inputs() -> None:
    one, _ = embeddings(read_request(b'{"model":"embed-8","input":[1,2]}'), parse_words("embed-8"))
    two, _ = embeddings(read_request(b'{"model":"embed-8","input":[[1,2],[3]]}'), parse_words("embed-8"))
    assert (len(one), len(two), len(one[0])) == (1, 2, 8)
    assert one[0] == two[0]
