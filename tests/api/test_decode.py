from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.api.chat import ChatSurface
from turnout.api.completions import CompletionsSurface
from turnout.base.errors import BadRequest
from turnout.domain.chat import ChatParameters, ChatRequest

USER = {"role": "user", "content": "Hello"}


def chat(**fields: object) -> ChatRequest:
    return ChatSurface().decode(json.dumps({"model": "acme/tiny", "messages": [USER]} | fields).encode())


def refusal(surface: ChatSurface | CompletionsSurface, body: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        surface.decode(body)
    return caught.value.message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 5), ("model", ""), ("model", "x" * 257), ("models", "acme/tiny"), ("models", [5]),
        ("models", ["a/b"] * 33), ("stream", "yes"), ("stream", 1), ("max_tokens", 0), ("max_tokens", -1),
        ("max_tokens", 10**12), ("max_tokens", 1.5), ("max_tokens", True), ("max_tokens", "5"),
        ("max_completion_tokens", 0), ("temperature", 2.1), ("temperature", -0.1), ("temperature", "hot"),
        ("top_p", 1.1), ("top_k", -1), ("min_p", 2), ("frequency_penalty", 3), ("presence_penalty", -3),
        ("repetition_penalty", -1), ("seed", 2**64), ("seed", 1.5), ("n", 0), ("stop", ["a"] * 5), ("stop", 5),
        ("logprobs", "yes"), ("top_logprobs", 21), ("logit_bias", {"1": 101}), ("logit_bias", []), ("tools", {}),
        ("response_format", {"type": "yaml"}), ("response_format", "json"), ("reasoning", {"effort": "huge"}),
        ("reasoning", {"max_tokens": -1}), ("reasoning_effort", "huge"), ("verbosity", "chatty"),
        ("modalities", ["smell"]), ("user", 5), ("session_id", "x" * 257), ("metadata", {"k": 5}),
        ("metadata", {f"k{n}": "v" for n in range(17)}), ("provider", []), ("provider", {"order": "acme"}),
        ("provider", {"sort": "beauty"}), ("provider", {"quantizations": ["fp1"]}),
        ("provider", {"max_price": {"prompt": -1}}), ("provider", {"data_collection": "maybe"}),
        ("plugins", [{}]), ("plugins", {}), ("route", "scenic"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    body = json.dumps({"model": "acme/tiny", "messages": [USER]} | {field: value}).encode()
    assert field in refusal(ChatSurface(), body)


@pytest.mark.parametrize("key", ["orders", "max_price_", "Order"])
def test_an_unknown_key_inside_provider_is_refused_by_its_name(key: str) -> None:
    body = json.dumps({"model": "acme/tiny", "messages": [USER], "provider": {key: 1}}).encode()
    assert key in refusal(ChatSurface(), body)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (..., "missing"),
        (None, "messages"),
        ([], "empty"),
        ("Hello", "messages"),
        ({}, "messages"),
        ([5], "messages"),
        ([{"content": "x"}], "role"),
        ([{"role": 5}], "role"),
    ],
)
def test_messages_must_be_a_list_of_messages(messages: object, words: str) -> None:
    body: dict[str, object] = {"model": "acme/tiny"} | ({} if messages is ... else {"messages": messages})
    message = refusal(ChatSurface(), json.dumps(body).encode())
    assert "`messages" in message
    assert words in message


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"model":"a/b"', b"\xff", b'{"model":"a","model":"b"}', b"[" * 100_000],
)
def test_a_body_that_is_no_strict_object_is_refused(body: bytes) -> None:
    assert "JSON" in refusal(ChatSurface(), body)


@pytest.mark.parametrize("field", ["provider", "reasoning", "response_format"])
def test_a_key_that_stands_twice_is_refused_also_inside_what_is_judged(field: str) -> None:
    body = b'{"model":"a/b","messages":[{"role":"user","content":"x"}],"%b":{"k":1,"k":1}}' % field.encode()
    assert refusal(ChatSurface(), body)


def test_two_efforts_that_differ_are_refused_and_equal_ones_are_not() -> None:
    body = {"messages": [USER], "reasoning": {"effort": "low"}, "reasoning_effort": "high"}
    assert "reasoning_effort" in refusal(ChatSurface(), json.dumps(body).encode())
    assert chat(reasoning={"effort": "low"}, reasoning_effort="low").parameters.reasoning_effort == "low"


def test_nulls_mean_not_sent() -> None:
    nothing = dict.fromkeys(ChatParameters.__struct_fields__)
    assert chat(**(nothing | {"model": "a/b"})).parameters == ChatParameters(model="a/b")


def test_unknown_fields_are_kept() -> None:
    assert bytes(chat(safe_prompt=True).fields["safe_prompt"]) == b"true"


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
    ],
)
def test_the_output_limit_has_two_names(fields: dict[str, object], limit: int | None) -> None:
    assert chat(**fields).max_tokens == limit


def test_a_prompt_counts_as_a_message_of_the_user() -> None:
    request = ChatSurface().decode(b'{"model":"a/b","prompt":"Hello"}')
    assert json.loads(bytes(request.fields["messages"])) == [USER]


def completions(**fields: object) -> ChatRequest:
    return CompletionsSurface().decode(json.dumps({"model": "acme/tiny", "prompt": "Hello"} | fields).encode())


@pytest.mark.parametrize("prompt", ["Hello", ["Hello"]])
def test_a_legacy_prompt_may_be_a_text_or_a_list_of_one(prompt: object) -> None:
    request = completions(prompt=prompt)
    assert json.loads(bytes(request.fields["messages"])) == [USER]
    assert "prompt" not in request.fields


@pytest.mark.parametrize("prompt", [["a", "b"], [], [1, 2], [[1, 2]], 5, {}, None])
def test_other_legacy_prompts_are_refused(prompt: object) -> None:
    assert "`prompt`" in refusal(CompletionsSurface(), json.dumps({"model": "a/b", "prompt": prompt}).encode())


def test_a_legacy_request_without_a_prompt_is_refused() -> None:
    assert "`prompt`" in refusal(CompletionsSurface(), b'{"model":"a/b"}')


@pytest.mark.parametrize(("name", "value"), [("suffix", "x"), ("echo", True), ("best_of", 2)])
def test_what_only_a_text_model_could_do_is_refused(name: str, value: object) -> None:
    body = json.dumps({"model": "a/b", "prompt": "x", name: value}).encode()
    assert f"`{name}`" in refusal(CompletionsSurface(), body)


@pytest.mark.parametrize(("name", "value"), [("suffix", None), ("echo", False), ("best_of", 1)])
def test_their_defaults_are_accepted_and_not_sent_on(name: str, value: object) -> None:
    assert name not in completions(**{name: value}).fields


@pytest.mark.parametrize(("sent", "logprobs", "top"), [(3, True, 3), (0, True, 0), (None, None, None)])
def test_legacy_logprobs_are_a_number(sent: object, logprobs: object, top: object) -> None:
    parameters = completions(logprobs=sent).parameters
    assert (parameters.logprobs, parameters.top_logprobs) == (logprobs, top)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from([*ChatParameters.__struct_fields__, "messages", "prompt", "x"]), ANYTHING, max_size=4
    )
)
def test_any_object_is_a_request_or_a_bad_request(fields: dict[str, Any]) -> None:
    for surface in (ChatSurface(), CompletionsSurface()):
        for body in ({"messages": [USER], "prompt": "x"} | fields, fields):
            try:
                surface.decode(json.dumps(body).encode())
            except BadRequest as error:
                assert error.message  # noqa: PT017 - the property of the other way out
