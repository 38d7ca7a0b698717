"""Messages as text, chunks as answers, response formats without our marks, votes that are kept."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from turnout.domain.completion import Chunk, ChunkChoice
from turnout.query.cache import KeptVote, VoteCache
from turnout.query.generation import without_marks
from turnout.query.merge import Merge
from turnout.query.texts import answer_text, content_text, prompt_text


def test_an_answer_is_shown_as_reasoning_content_refusal_and_calls() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    message: dict[str, Any] = {"reasoning": "hm", "content": "yes", "refusal": "no", "tool_calls": [call]}
    shown = answer_text(message)
    assert shown.startswith("hm\n\nyes\n\nno\n\n{")
    assert msgspec.json.decode(shown.rpartition("\n\n")[2]) == {"name": "f", "arguments": {"a": 1}}
    assert answer_text(message, reasoning=False).startswith("yes")


def test_only_text_counts_of_a_content() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}, {"type": "text"}]
    assert content_text(parts) == "a"
    assert content_text(None) == ""


def test_a_prompt_is_a_line_for_each_message() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "name": "ann", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]
    assert prompt_text(messages) == (
        'user (ann): hi\nassistant: <tool_calls>[{"id": "c1"}]</tool_calls>\ntool (c1): 42'
    )


def test_chunks_come_together_to_the_answer() -> None:
    deltas = [
        b'{"role":"assistant","content":"Hel","reasoning":"a"}',
        b'{"content":"lo","reasoning":"b"}',
        b'{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]}',
        b'{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}',
    ]
    merge = Merge()
    for delta in deltas:
        merge.take(Chunk([ChunkChoice(Raw(delta), logprobs=Raw(b'{"content":[{"token":"x","logprob":0}]}'))]))
    merge.take(Chunk([ChunkChoice(finish_reason="stop")]))
    [choice] = merge.completion().choices
    message = {name: msgspec.json.decode(value) for name, value in choice.message.items()}
    assert (message["content"], message["reasoning"], choice.finish_reason) == ("Hello", "ab", "stop")
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert len(msgspec.json.decode(choice.logprobs)["content"]) == 4


def test_marks_are_left_out_of_what_providers_get_and_properties_of_that_name_are_not() -> None:
    schema = {"properties": {"_confidence": {"type": "string", "_confidence": False}}, "_preserveOrder": True}
    assert without_marks({"schema": schema}) == {"schema": {"properties": {"_confidence": {"type": "string"}}}}


def test_the_oldest_kept_vote_makes_room() -> None:
    cache = VoteCache(most=2)
    keys = [VoteCache.key("account", "voter", [b"%d" % number]) for number in range(3)]
    for key in keys:
        cache.put(key, [KeptVote((1.0,), 0.0, "hard")])
    assert cache.get(keys[0]) is None
    assert cache.get(keys[2]) is not None
    assert len({*keys, VoteCache.key("other", "voter", [b"1"]), VoteCache.key("account", "voter", [b"1", b""])}) == 5
