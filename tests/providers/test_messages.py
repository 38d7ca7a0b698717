from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import a_request
from turnout.api.chat import ChatSurface
from turnout.base.errors import BadRequest
from turnout.domain.provider import Capabilities
from turnout.providers.messages import rewrite_messages

PLAIN = Capabilities()
THINKING = Capabilities(reasoning="thinking")
OPENROUTER = Capabilities(reasoning="object")


def rewritten(messages: list[Any], capabilities: Capabilities = PLAIN) -> Any:  # noqa: ANN401 - JSON
    request = a_request(messages=messages)
    return json.loads(bytes(rewrite_messages(request.fields["messages"], request.traits, capabilities)))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": TEXTS},
        optional={"name": TEXTS, "tool_call_id": TEXTS, "x": st.integers() | st.none()},
    ),
    min_size=1,
    max_size=4,
)


@given(MESSAGES, st.sampled_from([PLAIN, THINKING, OPENROUTER]))
def test_messages_that_every_provider_takes_are_not_touched(messages: list[Any], capabilities: Capabilities) -> None:
    request = a_request(messages=messages)
    given_messages = request.fields["messages"]
    assert rewrite_messages(given_messages, request.traits, capabilities) is given_messages


def test_a_developer_is_a_system_where_the_role_is_not_known() -> None:
    messages = [{"role": "developer", "content": "x"}, {"role": "user", "content": "developer"}]
    assert [one["role"] for one in rewritten(messages)] == ["system", "user"]
    assert [one["role"] for one in rewritten(messages, Capabilities(developer_role=True))] == ["developer", "user"]


def test_cache_marks_are_left_out_of_messages_and_their_parts() -> None:
    mark = {"type": "ephemeral"}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "a", "cache_control": mark}], "cache_control": mark},
        {"role": "user", "content": "cache_control"},
    ]
    assert rewritten(messages) == [
        {"role": "system", "content": [{"type": "text", "text": "a"}]},
        {"role": "user", "content": "cache_control"},
    ]


THOUGHT = {"role": "assistant", "content": "a", "reasoning": "hm", "reasoning_details": [{"type": "x", "text": "hm"}]}


def test_earlier_reasoning_goes_back_under_the_providers_name_or_not_at_all() -> None:
    assert rewritten([THOUGHT]) == [{"role": "assistant", "content": "a"}]
    assert rewritten([THOUGHT], THINKING) == [{"role": "assistant", "content": "a", "reasoning_content": "hm"}]
    assert rewritten([THOUGHT], OPENROUTER) == [THOUGHT]


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm", "reasoning_content": "hm"},
        {"reasoning_details": [{"text": "h"}, {"type": "reasoning.encrypted", "data": "?"}, {"text": "m"}]},
    ],
)
def test_no_spelling_of_reasoning_is_left_behind(fields: dict[str, object]) -> None:
    message = {"role": "assistant", "content": "a"}
    assert rewritten([message | fields]) == [message]
    assert rewritten([message | fields], THINKING) == [message | {"reasoning_content": "hm"}]


@pytest.mark.parametrize("number", ["1e400", "-1e999", "123456789012345678901234567890"])
def test_numbers_that_no_parser_holds_are_no_mistake_of_ours(number: str) -> None:
    """The body is the client's: it is refused with a reason or sent on, and never an internal error."""
    text = f'[{{"role":"developer","content":"x","n":{number}}}]'
    with suppress(BadRequest):
        request = ChatSurface().decode(f'{{"model":"a/b","messages":{text}}}'.encode())
        rewrite_messages(request.fields["messages"], request.traits, PLAIN)


def test_who_wrote_an_answer_is_for_the_router_and_no_provider() -> None:
    asked, answered = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    assert rewritten([asked, answered | {"model": "acme/tiny"}, asked]) == [asked, answered, asked]
