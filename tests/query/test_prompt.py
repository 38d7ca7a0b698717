"""What voters are asked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.errors import BadRequest
from turnout.domain.chat import ChatRequest
from turnout.domain.query import Voter
from turnout.query.kinds import defined_by
from turnout.query.prompt import Conversation
from turnout.query.selection import Options
from turnout.query.tree import build_tree, voter_dice

_ASKED: list[dict[str, object]] = [{"role": "user", "content": "Which?"}]


def _voters(*llms: dict[str, Any]) -> tuple[Voter, ...]:
    roster = defined_by("score_model", {"llms": list(llms)}).roster
    assert roster is not None
    return roster.voters


def _read(request: ChatRequest) -> dict[str, Any]:
    return {name: msgspec.json.decode(value) for name, value in request.fields.items()}


def _conversation(**common: object) -> Conversation:
    return Conversation(_ASKED, (), common, stream=False)


def test_the_fields_of_a_definition_go_with_each_request_and_its_weight_does_not() -> None:
    [voter] = _voters({"model": "a/b", "temperature": 0.5, "models": ["c/d"], "top_logprobs": 5})
    fields = _read(_conversation().to_select(voter, build_tree(2, 5), ['"x"', '"y"'], "f"))
    assert (fields["model"], fields["temperature"], fields["models"]) == ("a/b", 0.5, ["c/d"])
    assert (fields["logprobs"], fields["top_logprobs"]) == (True, 5)
    assert not {"weight", "output_mode"} & fields.keys()


def test_messages_of_a_definition_stand_around_the_conversation() -> None:
    before, after = {"role": "system", "content": "before"}, {"role": "user", "content": "after"}
    [voter] = _voters({"model": "a/b", "prefix_messages": [before], "suffix_messages": [after]})
    messages = _read(_conversation().to_select(voter, build_tree(2, 20), ['"x"', '"y"'], "f"))["messages"]
    assert messages[:3] == [before, *_ASKED, after]
    assert [message["role"] for message in messages[3:]] == ["system", "user"]


def test_tools_are_shown_and_not_called() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    conversation = Conversation(_ASKED, [tool], {}, stream=False)
    plain, calling = _voters({"model": "a/b"}, {"model": "a/b", "output_mode": "tool_call"})
    if plain.llm.output_mode != "instruction":  # type: ignore[union-attr]  # both are of the Score dialect
        plain, calling = calling, plain
    fields = _read(conversation.to_select(plain, build_tree(2, 20), ['"x"', '"y"'], "f"))
    assert (fields["tools"], fields["tool_choice"]) == ([tool], "none")
    fields = _read(conversation.to_select(calling, build_tree(2, 20), ['"x"', '"y"'], "f"))
    assert [one["function"]["name"] for one in fields["tools"]] == ["f", "response_key"]
    assert fields["tool_choice"]["function"]["name"] == "response_key"


def test_voters_that_are_alike_get_seeds_that_differ() -> None:
    voters = _voters({"model": "a/b"}, {"model": "a/b"}, {"model": "c/d"})
    conversation = _conversation(seed=7)
    conversation.tell_apart(voters)
    seeds = {voter.index: _read(conversation.to_answer(voter, {}))["seed"] for voter in voters}
    alike = [voter.index for voter in voters if voter.llm.slug == "a/b"]
    assert sorted(seeds[index] for index in alike) == [7, 8]
    again = _read(conversation.to_answer(voters[0], {}, 1))["seed"]
    assert again not in seeds.values()


def test_a_value_that_no_request_can_have_is_refused() -> None:
    [voter] = _voters({"model": "a/b", "stop": ["1", "2", "3", "4", "5"]})
    with pytest.raises(BadRequest, match="stop"):
        _conversation().to_answer(voter, {})


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=2, max_size=40), st.integers(0, 2**53))
def test_every_option_stands_once_behind_the_fence_whatever_it_says(texts: list[str], seed: int) -> None:
    [voter] = _voters({"model": "a/b"})
    options = Options(texts, seed, allow_abstain=False)
    tree = build_tree(len(texts), 20, voter_dice(seed, 0))
    message = _read(_conversation().to_select(voter, tree, options.texts, options.fence))["messages"][-1]["content"]
    head, inside, tail = message.split(options.fence)
    offered = msgspec.json.decode(inside[inside.index("{") : inside.rindex("}") + 1])
    assert {tree.keys[place]: text for place, text in enumerate(texts)} == offered
    assert head.strip() == "responses"
    assert all(f"- {key}" in tail for key in tree.keys)


def test_what_messages_hold_is_known_of_questions_too() -> None:
    """Files are read for voters as for anybody, and results of tools are put into words for providers without them."""
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,"}}
    result = {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "x"}], "is_error": True}
    [voter] = _voters({"model": "a/b", "prefix_messages": [{"role": "developer", "content": "x"}]})
    conversation = Conversation([{"role": "user", "content": [file]}, result], (), {}, stream=False)
    traits = conversation.to_answer(voter, {}).traits
    assert (traits.developer, traits.files, traits.rich_results, traits.reasoning) == (True, True, True, False)
