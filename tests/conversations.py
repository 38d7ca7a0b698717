"""Random conversations: with tools, images and long single messages, and needles to be found again."""

from __future__ import annotations

import json
from random import Random
from typing import Any, NamedTuple

__all__ = ["Conversation", "conversations", "needle", "whole_pairs"]

_WORDS = (
    "river stone morning coffee lovely museum engine harbour winter garden letter mountain window village story lamp "
    "copper thunder market bridge paper silver journey evening orchard candle feather compass island"
)
_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" * 300}}


class Conversation(NamedTuple):
    """Messages that are too many or too long for ``room`` tokens."""

    messages: list[dict[str, Any]]
    room: int


def needle(dice: Random) -> tuple[str, str, str]:
    """A fact, the question that it answers, and the part of the fact that must not get lost."""
    topic = dice.choice(["zephyr", "quokka", "obsidian", "marzipan", "tarantella", "petrichor"])
    code = str(dice.randint(10_000, 99_999))
    return f"Remember that the access code of project {topic} is {code}.", f"What is the access code of {topic}?", code


def conversations(dice: Random, count: int) -> list[Conversation]:
    """So many, each about two to twenty times as long as its room."""
    return [_conversation(dice, place) for place in range(count)]


def whole_pairs(messages: list[dict[str, Any]]) -> bool:
    """Whether each result of a tool follows its call, and each call has its results."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return False
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            return False
        waiting = {call["id"] for call in message.get("tool_calls") or ()}
    return not waiting


def _conversation(dice: Random, place: int) -> Conversation:
    room = dice.choice([600, 1_000, 2_000, 4_000, 6_000, 16_000])
    messages: list[dict[str, Any]] = []
    if dice.random() < 0.6:
        messages.append({"role": "system", "content": _prose(dice, dice.randint(5, 60))})
    size, wanted = 0, room * dice.choice([2, 3, 6, 12]) * 4
    kind = place % 4
    while size < wanted:
        turn = _turn(dice, kind, wanted)
        size += len(json.dumps(turn))
        messages += turn
    messages.append({"role": "user", "content": _prose(dice, dice.randint(3, 30))})
    return Conversation(messages, room)


def _turn(dice: Random, kind: int, wanted: int) -> list[dict[str, Any]]:
    words = wanted // 8 if kind == 3 and dice.random() < 0.5 else dice.randint(5, 200)
    asked: dict[str, Any] = {"role": "user", "content": _prose(dice, words)}
    if kind == 2 and dice.random() < 0.2:
        asked["content"] = [{"type": "text", "text": asked["content"]}, dict(_IMAGE)]
    turn = [asked]
    if kind == 1 and dice.random() < 0.6:
        calls = [
            {"id": f"call_{dice.random()}", "type": "function", "function": {"name": "look", "arguments": '{"at":"x"}'}}
            for _ in range(dice.randint(1, 3))
        ]
        turn.append({"role": "assistant", "content": None, "tool_calls": calls})
        turn += [{"role": "tool", "tool_call_id": one["id"], "content": _prose(dice, 40)} for one in calls]
    return [*turn, {"role": "assistant", "content": _prose(dice, dice.randint(5, 150))}]


def _prose(dice: Random, words: int) -> str:
    listed = _WORDS.split()
    text = [dice.choice(listed) for _ in range(words)]
    for place in range(8, words, 11):
        text[place] += "."
    return " ".join(text)
