"""What Gemini said goes back to it part by part, whole or streamed, whatever the parts."""

from __future__ import annotations

from itertools import chain
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gemini import answered, chunks_of, deltas_of, message_of, stream_of, turns_for

_SIGNATURE = st.one_of(st.none(), st.text("AZaz09+/-_=", min_size=1, max_size=8))
_WORDS = st.text(min_size=1, max_size=6)
_ARGUMENTS = st.dictionaries(st.text(max_size=3), st.one_of(st.integers(), st.text(max_size=3)), max_size=2)


def _signed(part: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(part, _SIGNATURE).map(lambda pair: pair[0] | ({"thoughtSignature": pair[1]} if pair[1] else {}))


_TEXT = _signed(_WORDS.map(lambda text: {"text": text}))
_CALL = _signed(_ARGUMENTS.map(lambda given: {"functionCall": {"name": "f", "args": given}}))
_IMAGE = _signed(st.just({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}))
_SERVED = _signed(
    st.sampled_from([
        {"executableCode": {"language": "PYTHON", "code": "print('ü')"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
        {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t", "args": {"queries": ["x"]}}},
        {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t", "response": {"a": 1.0}}},
    ])
)  # fmt: skip
_THOUGHT = _signed(_WORDS.map(lambda text: {"text": text, "thought": True}))
_PARTS = st.lists(st.one_of(_TEXT, _CALL, _IMAGE, _SERVED, _THOUGHT), min_size=1, max_size=8)


def _in_order(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Parts as a message keeps them: thoughts, then texts and tools of Google's, then pictures, then calls."""
    kinds: tuple[list[dict[str, Any]], ...] = ([], [], [], [])
    for part in parts:
        last = next((i for i, name in ((2, "inlineData"), (3, "functionCall")) if name in part), 1)
        kinds[0 if part.get("thought") else last].append(part)
    told: list[dict[str, Any]] = []
    for part in chain(*kinds):
        before = told[-1] if told else {}
        if part.keys() == before.keys() == {"text"}:
            told[-1] = {"text": before["text"] + part["text"]}
        else:
            told.append(part)
    return told


def _thoughts_joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Thoughts in a row are one until they are signed: pieces of a stream cannot be told from parts."""
    told: list[dict[str, Any]] = []
    for part in parts:
        before = told[-1] if told else {}
        if part.get("thought") and before.get("thought") and "thoughtSignature" not in before:
            told[-1] = part | {"text": before["text"] + part["text"]}
        else:
            told.append(part)
    return told


def _sent_back(message: dict[str, Any]) -> list[dict[str, Any]]:
    message.pop("annotations", None)
    parts: list[dict[str, Any]] = turns_for({"role": "assistant"} | message)[0]["parts"]
    for part in parts:
        part.get("functionCall", {}).pop("id", None)
    return _thoughts_joined(parts)


@given(_PARTS)
def test_a_whole_answer_goes_back_part_by_part(parts: list[dict[str, Any]]) -> None:
    assert _sent_back(message_of(answered(*parts))) == _thoughts_joined(_in_order(parts))


@given(_PARTS)
def test_a_streamed_answer_goes_back_part_by_part(parts: list[dict[str, Any]]) -> None:
    events = [answered(part, finishReason=None) for part in parts]
    message: dict[str, Any] = {"content": ""}
    for delta in deltas_of(chunks_of(stream_of(*events, answered()))):
        message["content"] += delta.get("content", "")
        for name in ("reasoning_details", "tool_calls", "images"):
            if name in delta:
                message.setdefault(name, []).extend(delta[name])
    assert _sent_back(message) == _thoughts_joined(_in_order(parts))
