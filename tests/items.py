"""The Responses API as a client reads it: a response put together from its events, which come in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from answers import Answer, Said, Tokens, ToolCall

__all__ = ["collected", "said_in"]

_PARTS = {
    "response.content_part": ("content", "content_index"),
    "response.reasoning_summary_part": ("summary", "summary_index"),
}
_PIECES = {
    "response.output_text": ("content", "content_index", "text"),
    "response.refusal": ("content", "content_index", "refusal"),
    "response.reasoning_text": ("content", "content_index", "text"),
    "response.reasoning_summary_text": ("summary", "summary_index", "text"),
}
_WHOLES = {
    "response.function_call_arguments": ("function_call", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "input"),
}
_ENDS = {"response.completed", "response.incomplete", "response.failed"}


def collected(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The response at the end of *events*, which number themselves and tell every item piece by piece."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    created, begun, *middle, last = events
    assert (created["type"], begun["type"]) == ("response.created", "response.in_progress")
    assert last["type"] in _ENDS
    assert created["response"]["status"] == "in_progress"
    assert created["response"]["output"] == []
    opened: dict[int, dict[str, Any]] = {}
    grown: dict[tuple[int, str, int], str] = {}
    done: dict[int, dict[str, Any]] = {}
    for event in middle:
        kind, place = event["type"], event["output_index"]
        if kind == "response.output_item.added":
            assert place == len(opened) + len(done)
            opened[place] = event["item"]
        elif kind == "response.output_item.done":
            item = opened.pop(place)
            assert event["item"]["id"] == item["id"]
            done[place] = event["item"]
        else:
            assert event["item_id"] == opened[place]["id"]
            _take(event, kind, opened[place], grown)
    response: dict[str, Any] = last["response"]
    assert not opened
    assert response["output"] == [done[place] for place in sorted(done)]
    for (place, name, number), text in grown.items():
        held = done[place][name] if number < 0 else done[place][name][number]
        assert text == (held if isinstance(held, str) else held.get("text") or held.get("refusal"))
    return response


def _take(event: Mapping[str, Any], kind: str, item: Mapping[str, Any], grown: dict[tuple[int, str, int], str]) -> None:
    """One event amid an item: each part begins, grows and ends, and its end says all that has been said."""
    stem, _, verb = kind.rpartition(".")
    place = event["output_index"]
    if stem in _PARTS:
        name, number = _PARTS[stem]
        key = (place, name, event[number])
        if verb == "added":
            assert key not in grown
            grown[key] = ""
        else:
            part = event["part"]
            assert grown[key] == (part["refusal"] if part["type"] == "refusal" else part["text"])
    elif stem in _PIECES:
        name, number, said = _PIECES[stem]
        key = (place, name, event[number])
        if verb == "delta":
            grown[key] += event["delta"]
        else:
            assert grown[key] == event[said]
    elif stem in _WHOLES:
        wanted, name = _WHOLES[stem]
        assert item["type"] == wanted
        if verb == "delta":
            grown[place, name, -1] = grown.get((place, name, -1), "") + event["delta"]
        else:
            assert grown.get((place, name, -1), "") == event[name]
    else:
        assert kind == "response.output_text.annotation.added"
        assert (place, "content", event["content_index"]) in grown


def said_in(response: Mapping[str, Any]) -> Answer:
    """What a response says, in the words in which answers of all families are compared."""
    reason = (response["incomplete_details"] or {}).get("reason")
    said = Said(native=response["status"], finish=reason or response["status"])
    for item in response["output"]:
        kind = item["type"]
        if kind == "message":
            said.text += "".join(part["text"] for part in item["content"] if part["type"] == "output_text")
            said.refusal += "".join(part["refusal"] for part in item["content"] if part["type"] == "refusal")
        elif kind == "reasoning":
            said.reasoning += "".join(part["text"] for part in (*item["summary"], *item.get("content", [])))
        elif kind == "function_call":
            said.tool_calls.append(ToolCall(item["call_id"], item["name"], item["arguments"]))
        elif kind == "custom_tool_call":
            said.tool_calls.append(ToolCall(item["call_id"], item["name"], json.dumps({"input": item["input"]})))
    usage = response["usage"]
    tokens = Tokens(
        usage["input_tokens"],
        usage["output_tokens"],
        usage["output_tokens_details"]["reasoning_tokens"],
        usage["input_tokens_details"]["cached_tokens"],
    )
    return Answer({0: said}, tokens)
