"""Claims about conversations that are made to fit."""

import json
import math
import sys
import time
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from conversations import Conversation, conversations, needle, whole_pairs
from turnout.base.tokens import at_most, exact
from turnout.plugins.compression import Settings
from turnout.plugins.compression.squeeze import Squeezed, squeeze
from turnout.plugins.compression.texts import question_words, shortened, weigher

_ALL = conversations(Random(21), 300)


def _squeezed(conversation: Conversation, **options: Any) -> tuple[Squeezed, list[dict[str, Any]]]:  # noqa: ANN401 - options of squeeze
    found = squeeze(Raw(json.dumps(conversation.messages).encode()), conversation.room, at_most, **options)
    return found, json.loads(bytes(found.messages))


def _size(messages: list[dict[str, Any]]) -> int:
    """Tokens by a count of its own: four bytes each, images as so many."""
    text = json.dumps(messages)
    images = text.count('"image_url": {')
    return len(json.dumps([m if isinstance(m["content"], str | None) else m["content"][0] for m in messages])) // 4 + (
        images * 1000
    )


@pytest.mark.parametrize("relevance", [False, True])
def test_the_result_always_fits_and_pairs_stay_whole(relevance: bool) -> None:  # noqa: FBT001 - a parameter of the test
    for conversation in _ALL:
        found, messages = _squeezed(conversation, relevance=relevance)
        assert found.changed
        assert found.after <= conversation.room
        assert _size(messages) <= conversation.room
        assert whole_pairs(messages)
        assert [m for m in messages if m["role"] == "system"] == [] or conversation.messages[0]["role"] == "system"


@pytest.mark.parametrize("relevance", [False, True])
def test_a_needle_at_the_start_or_the_end_survives(relevance: bool) -> None:  # noqa: FBT001 - as above
    dice = Random(22)
    for conversation in _ALL:
        fact, _, code = needle(dice)
        messages = [dict(message) for message in conversation.messages]
        at_start = dice.random() < 0.5
        place = next(i for i, m in enumerate(messages) if m["role"] == "user") if at_start else -1
        _add(messages[place], fact, before=at_start)
        _, kept = _squeezed(conversation._replace(messages=messages), relevance=relevance)
        assert code in json.dumps(kept), (at_start, conversation.room)


def test_relevance_keeps_a_needle_in_the_middle_that_middle_out_loses() -> None:
    dice = Random(23)
    lost = found = 0
    for conversation in _ALL:
        fact, question, code = needle(dice)
        messages = [dict(message) for message in conversation.messages]
        place = dice.randint(len(messages) // 4, 3 * len(messages) // 4)
        users = [i for i, m in enumerate(messages[:-1]) if m["role"] in {"user", "assistant"} and m["content"]]
        place = min(users, key=lambda one: abs(one - place))
        _add(messages[place], fact, before=None)
        messages[-1] = {"role": "user", "content": question}
        spoken = conversation._replace(messages=messages)
        if code not in json.dumps(_squeezed(spoken)[1]):
            lost += 1
            found += code in json.dumps(_squeezed(spoken, relevance=True)[1])
    assert lost > 100
    assert found >= 0.8 * lost


def _megabyte(messages: int) -> list[dict[str, Any]]:
    """A megabyte in so many messages, and a question."""
    dice = Random(24)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 10))) for _ in range(3_000)]
    length = 1_000_000 // messages
    texts = [" ".join(dice.choices(words, k=length // 7)) + "." for _ in range(messages)]
    question = {"role": "user", "content": f"Where do {' '.join(dice.sample(words, 12))} hide?"}
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)] + [
        question
    ]


def _mixed_megabyte() -> list[dict[str, Any]]:
    dice = Random(24)
    messages: list[dict[str, Any]] = []
    while sum(len(str(message["content"])) for message in messages) < 1_000_000:
        messages += conversations(dice, 1)[0].messages
    return messages


@pytest.mark.alone
@pytest.mark.parametrize("relevance", [False, True])
@pytest.mark.parametrize("kind", ["mixed", "1", "2", "1000"])
def test_a_megabyte_takes_less_than_thirty_milliseconds(kind: str, relevance: bool) -> None:  # noqa: FBT001 - a parameter of the test
    raw = Raw(json.dumps(_mixed_megabyte() if kind == "mixed" else _megabyte(int(kind))).encode())
    took = []
    for _ in range(7):
        began = time.process_time()
        squeeze(raw, 8_000, at_most, relevance=relevance)
        took.append(time.process_time() - began)
    assert min(took) < 0.06  # thirty milliseconds on a machine that does nothing else


def test_what_fits_is_left_as_it_is() -> None:
    raw = Raw(b'[ {"role": "user", "content": "Hi"} ]')
    assert squeeze(raw, 1_000, at_most).messages is raw


def test_of_too_many_messages_half_are_kept_from_each_end() -> None:
    messages = [{"role": ("user", "assistant")[place % 2], "content": str(place)} for place in range(1_501)]
    found = squeeze(Raw(json.dumps(messages).encode()), 10**9, at_most, most=1_000)
    kept = [int(message["content"]) for message in json.loads(bytes(found.messages))]
    assert len(kept) == 1_000
    assert found.removed == 501
    assert kept[:499] == list(range(499))
    assert kept[-499:] == list(range(1_501 - 499, 1_501))


def test_the_whole_last_turn_stays_with_its_tools() -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "word " * 3_000} for _ in range(3)]
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages += [
        {"role": "user", "content": "Now look"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "result " * 3_000},
    ]
    _, kept = _squeezed(Conversation(messages, 2_000))
    assert [message["role"] for message in kept[-3:]] == ["user", "assistant", "tool"]
    assert kept[-1]["content"].startswith("result")


def test_a_text_is_shortened_in_its_middle() -> None:
    text = "".join(f"<{number}>" for number in range(1_000))
    made = shortened(text, 200)
    assert len(made) <= 200
    assert made.startswith("<0><1>")
    assert made.endswith("<998><999>")


def test_a_text_is_shortened_where_it_has_nothing_to_do_with_the_question() -> None:
    filler = "The weather was fine and nobody said a word. " * 200
    text = f"{filler}The quokka hides under the third step. {filler}"
    made = shortened(text, 2_000, weigher(question_words("Where do quokkas hide?")))
    assert "third step" in made
    assert len(made) <= 2_100


def test_an_exact_count_is_refused_where_it_is_not_installed_and_else_is_ready_when_the_settings_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def get_encoding(name: str) -> SimpleNamespace:
        asked.append(name)
        return SimpleNamespace(encode_ordinary=list)

    package: Any = ModuleType("bpe_openai")
    package.get_encoding = get_encoding
    exact.cache_clear()
    monkeypatch.setitem(sys.modules, "bpe_openai", package)
    msgspec.convert({"tokens": "exact"}, Settings)
    assert len(asked) == 1
    exact.cache_clear()
    monkeypatch.setitem(sys.modules, "bpe_openai", None)
    with pytest.raises(msgspec.ValidationError, match=r"turnout\[tokens\]"):
        msgspec.convert({"tokens": "exact"}, Settings)


@given(
    st.lists(st.text("ab\u0130\u00df \u672c", max_size=30), max_size=8),
    st.lists(st.text("abi\u672c", min_size=1, max_size=3), unique=True),
)
def test_a_word_that_few_texts_hold_counts_for_more(texts: list[str], words: list[str]) -> None:
    lowered = [text.lower() for text in texts]
    expected = [0.0] * len(texts)
    for word in words:
        held = [word in text for text in lowered]
        for place in range(len(texts)):
            expected[place] += held[place] and math.log(1 + len(texts) / sum(held))
    assert weigher(words)(texts) == pytest.approx(expected)


def _add(message: dict[str, Any], fact: str, *, before: bool | None) -> None:
    parts = message["content"]
    text = parts if isinstance(parts, str) else parts[0]["text"]
    if before is None:
        middle = text.find(" ", len(text) // 2)
        text = f"{text[:middle]} {fact} {text[middle:]}"
    else:
        text = f"{fact} {text}" if before else f"{text} {fact}"
    message["content"] = text if isinstance(parts, str) else [{"type": "text", "text": text}, *parts[1:]]
