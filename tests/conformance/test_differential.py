"""What we send and read, against two foreign translators: each disagreement stands in the tables, with its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from conformance.hearing import hear_whole
from conformance.kit import KITS, adapter_of, endpoint_of
from conformance.test_answers import CASES as SAID
from conformance.test_requests import PNG, SCHEMA, TOOLS
from examples import a_request

pytest.importorskip("linguafranca", reason="the oracles are not installed")
pytest.importorskip("llm_rosetta", reason="the oracles are not installed")
from conformance.oracles import ANSWERS, REQUESTS, differences, normal

_CALLS = [
    {"id": name, "type": "function", "function": {"name": "weather", "arguments": f'{{"city": "{city}"}}'}}
    for name, city in (("c1", "Oslo"), ("c2", "Rome"))
]
_IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
_CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "system": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]},
    "turns": {"messages": [{"role": who, "content": who} for who in ("user", "assistant", "user")]},
    "image": {"messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, _IMAGE]}]},
    "tools": {"tools": TOOLS},
    "choice auto": {"tools": TOOLS, "tool_choice": "auto"},
    "choice none": {"tools": TOOLS, "tool_choice": "none"},
    "choice required": {"tools": TOOLS, "tool_choice": "required"},
    "choice named": {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "now"}}},
    "one call at a time": {"tools": TOOLS, "parallel_tool_calls": False},
    "one result": {
        "tools": TOOLS,
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "I look.", "tool_calls": _CALLS[:1]},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        ],
    },
    "two results": {
        "tools": TOOLS,
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": _CALLS},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
            {"role": "tool", "tool_call_id": "c2", "content": "sun"},
            {"role": "user", "content": "So?"},
        ],
    },
    "sampling": {"temperature": 0.5, "max_tokens": 300, "stop": ["END"]},
    "nucleus": {"top_p": 0.9, "max_tokens": 300},
    "one stop": {"stop": "END", "max_tokens": 300},
    "stream": {"stream": True, "max_tokens": 300},
    "effort": {"reasoning_effort": "low", "max_tokens": 9000},
    "schema": {"response_format": SCHEMA},
    "user": {"user": "u1"},
}

EXPLAINED: Mapping[tuple[str, str, str], str] = {
    ("anthropic", ".*", r"max_tokens"): "required there: without a wish of the client's everyone has a default",
    ("anthropic", "linguafranca", r"cache_control\.type"): "it turns caching on unasked, which costs a quarter more",
    ("anthropic", "rosetta", r".*\.cache_control\.type"): "it turns caching on unasked, which costs a quarter more",
    ("anthropic", ".*", r"tools\[1\]\.input_schema\.properties"): "a function without parameters: either is valid",
    ("anthropic", "rosetta", r"tools\[1\]\.description"): "it describes with an empty text what has no description",
    ("anthropic", "rosetta", r"messages\[1\]\.content\[\d\]\.caller\.type"): "it says the default",
    ("anthropic", "rosetta", r"messages\[[2-4]\].*"): "results of parallel calls belong into one turn; it makes two",
    ("anthropic", "linguafranca", r"tool_choice\..*"): "it forgets `parallel_tool_calls` without a `tool_choice`",
    ("anthropic", "linguafranca", r"stop_sequences\[0\]"): "it forgets `stop`",
    ("anthropic", ".*", r"metadata\.user_id"): "both forget `user`",
    ("anthropic", ".*", r"(thinking|output_config)\.(type|display|budget_tokens|effort)"): (
        "they ask in the words of later models; this one has a budget"
    ),
    ("anthropic", "rosetta", r"output_config\.format\..*"): "it forgets the schema",
    (
        "google",
        "rosetta",
        r"model|generationConfig(\.stream)?",
    ): "arguments of a Python call; REST has them in the path",
    ("google", "rosetta", r"systemInstruction\.role"): "it says a role, which is ignored there",
    ("google", "rosetta", r"tools\[0\]\.functionDeclarations\[1\]\.description"): (
        "it describes with an empty text what has no description"
    ),
    ("google", "rosetta", r"contents\[[2-4]\].*"): "results of parallel calls belong into one turn; it makes two",
    (
        "google",
        "rosetta",
        r"generationConfig\.thinkingConfig\..*",
    ): "levels belong to later models; this one has a budget",
    (
        "google",
        "rosetta",
        r"generationConfig\.responseJsonSchema\..*",
    ): "it sends the wrapper of the schema as the schema",
    ("openai-responses", ".*", r"include\[0\]"): "sealed thoughts are asked for, so that they can come back",
    ("openai-responses", ".*", r"store"): "the provider's default is to keep every answer",
    (
        "openai-responses",
        "linguafranca",
        r"input\[0\]\.content\[1\]\.detail",
    ): "we say the default, which its schema asks for",
    ("openai-responses", "linguafranca", r"tools\[\d\]\.strict"): "left out it means strict there, and not in a chat",
    ("openai-responses", ".*", r"tools\[1\]\.parameters(\.(type|properties))?"): (
        "a function without parameters: either is valid"
    ),
    ("openai-responses", "rosetta", r"tools\[1\]\.description"): (
        "it describes with an empty text what has no description"
    ),
    ("openai-responses", ".*", r"temperature|top_p"): "models that think refuse it",
    ("openai-responses", ".*", r"user"): "both forget `user`",
    ("openai-responses", "linguafranca", r"metadata\.user"): "it says the user in the metadata",
    ("openai-responses", "rosetta", r"input\[\d\]\.(status|id)"): "names and states of items that nobody has stored",
    ("openai-responses", "rosetta", r"text\..*"): "it forgets that the schema stands in `format` there",
}
"""Disagreements about requests: dialect, oracle and path (patterns) to the reason why ours is as it is."""

EXPLAINED_ANSWERS: Mapping[tuple[str, str, str], str] = {
    ("anthropic", "rosetta", "all: prompt"): "tokens from the cache are part of a chat answer's prompt",
    ("google", "rosetta", "(thoughts|all): completion"): "thoughts are part of a chat answer's completion",
    ("google", "rosetta", "(a call.*|all): finish"): "Gemini says STOP after a call, a chat answer `tool_calls`",
    (
        "openai-responses",
        "rosetta",
        "(a call.*|all): finish",
    ): "a response with calls is completed, a chat `tool_calls`",
}
"""Disagreements about answers: dialect, oracle and "case: what" (patterns)."""


def disagreements() -> list[tuple[str, str, str, str]]:
    """Dialect, oracle, path and the rest in words."""
    found = []
    for (dialect, oracle), translate in REQUESTS.items():
        for name, fields in _CASES.items():
            model = endpoint_of(dialect).upstream_model
            chat = {"model": model, "messages": [{"role": "user", "content": "Hello"}]} | fields
            sent = json.loads(adapter_of(dialect).outgoing(a_request(**fields), endpoint_of(dialect)).body)
            theirs = translate(json.loads(json.dumps(chat)))
            for path, ours, other in differences(
                normal(dialect, sent), normal(dialect, json.loads(json.dumps(theirs)))
            ):
                found.append((dialect, oracle, path, f"{name}: {ours!r:.60} or {other!r:.60}"))
    return found


def answer_disagreements() -> list[tuple[str, str, str, str]]:
    found = []
    for (dialect, oracle), translate in ANSWERS.items():
        for name, said in SAID.items():
            body = KITS[dialect].whole(said)
            heard = hear_whole(adapter_of(dialect), body)
            theirs = json.loads(json.dumps(translate(json.loads(body))))
            choice, usage = theirs["choices"][0], theirs["usage"]
            message = choice["message"]
            calls = [
                (one["id"], one["function"]["name"], json.loads(one["function"]["arguments"] or "{}"))
                for one in message.get("tool_calls") or []
            ]
            assert heard.usage is not None
            pairs = {
                "text": (heard.text, message.get("content") or ""),
                "calls": ([(name, *call) for name, call in heard.calls.items()], calls),
                "finish": (heard.finish, choice["finish_reason"]),
                "prompt": (heard.usage.prompt_tokens, usage["prompt_tokens"]),
                "completion": (heard.usage.completion_tokens, usage["completion_tokens"]),
            }
            found += [
                (dialect, oracle, f"{name}: {what}", f"{ours!r:.60} or {other!r:.60}")
                for what, (ours, other) in pairs.items()
                if ours != other
            ]
    return found


def compare(found: list[tuple[str, str, str, str]], explained: Mapping[tuple[str, str, str], str]) -> None:
    used = set()
    unexplained = []
    for dialect, oracle, path, words in found:
        reasons = {key for key in explained if all(map(re.fullmatch, key, (dialect, oracle, path)))}
        used |= reasons
        if not reasons:
            unexplained.append(f"{dialect}, {oracle}: {path} ({words})")
    assert unexplained == []
    assert [key for key in explained if key not in used] == [], "these are agreed upon by now"


def test_every_disagreement_about_a_request_is_explained() -> None:
    compare(disagreements(), EXPLAINED)


def test_every_disagreement_about_an_answer_is_explained() -> None:
    compare(answer_disagreements(), EXPLAINED_ANSWERS)
