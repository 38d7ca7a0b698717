"""Claims about taking what was found out of texts, in one piece or in many."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.guardrails.cases import NEGATIVE, POSITIVE
from turnout.domain.guardrail import BUILTINS, Action, BuiltinFilter, ContentFilter, Screening
from turnout.plugins.guardrails.screen import MOST_HELD, Blocked, Screen, Stretch

OWN = (ContentFilter(r"\bsk-[a-z0-9]{6,}\b", "redact", "[KEY]"), ContentFilter(r"(?i)project\s+\w+", "redact"))
ALL = Screen(
    Screening(("one",), OWN, tuple(BuiltinFilter(one, "redact") for one in BUILTINS if one != "regex-prompt-injection"))
)
TEXTS = sorted(
    {*(text for texts in POSITIVE.values() for text in texts[:12]), *NEGATIVE["phone"][:20], "sk-abc123x", "Project X"}
)


def screen(pattern: str, action: Action = "redact") -> Screen:
    return Screen(Screening(("one",), (ContentFilter(pattern, action, "[X]"),), ()))


def whole(screened: Screen, text: str, *, arguments: bool = False) -> str:
    return Stretch(screened, screened.answers, {}, arguments=arguments).take(text, "answer", last=True)


def in_pieces(screened: Screen, pieces: list[str], *, arguments: bool = False) -> list[str]:
    stretch = Stretch(screened, screened.answers, {}, arguments=arguments)
    return [*(stretch.take(one, "answer") for one in pieces), stretch.take("", "answer", last=True)]


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_a_stream_is_redacted_as_the_whole_text_is_wherever_its_chunks_end(texts: list[str], sizes: list[int]) -> None:
    text = " ".join(texts)
    pieces: list[str] = []
    place = 0
    while place < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[place : place + size])
        place += size
    assert "".join(in_pieces(ALL, pieces)) == whole(ALL, text)


@given(st.text("ab-x ", max_size=40), st.integers(1, 5))
def test_the_same_holds_for_overlapping_beginnings(text: str, size: int) -> None:
    greedy = screen("(?:ab)+-?a|a+b?x")
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    assert "".join(in_pieces(greedy, pieces)) == whole(greedy, text)


def test_only_what_may_still_become_a_match_is_held_back() -> None:
    assert in_pieces(screen("secret-[0-9]+"), ["the se", "al and the secret", "-4", "2 is", " out"]) == [
        "the ", "seal and the ", "", "[X] i", "s out", "",
    ]  # fmt: skip


def test_what_is_held_back_is_bounded() -> None:
    stretch = Stretch(hungry := screen("<[^>]*>"), hungry.answers, {})
    passed = [stretch.take("<" + "a" * 1_000, "answer"), *(stretch.take("a" * 1_000, "answer") for _ in range(9))]
    assert sum(map(len, passed)) >= 10_000 - MOST_HELD


def test_a_blocking_filter_names_what_it_found_and_does_not_quote_it() -> None:
    with pytest.raises(Blocked, match="guardrail") as caught:
        whole(screen("hush[0-9]", "block"), "say hush7 now")
    assert caught.value.metadata == {"patterns": ["[X]"], "guardrail_ids": ["one"]}
    assert "hush7" not in caught.value.message


def test_of_a_stream_nothing_of_what_is_blocked_gets_out() -> None:
    stretch = Stretch(strict := screen("hush[0-9]", "block"), strict.answers, {})
    assert [stretch.take(one, "answer") for one in ("say hu", "sh")] == ["say ", ""]
    with pytest.raises(Blocked):
        stretch.take("7 now", "answer")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    "arguments",
    [
        {"to": "bob@example.com", "text": 'line\nJohn Smith\tsays "hi" \\ é'},
        {"card": 4111111111111111, "n": 3},
        {"quoted": "\u201cbob@example.com\u201d", "to": "jos\u00e9.garc\u00eda@correo.es"},
        {"list": ["a@b.io", {"deep": "+49 30 1234567"}], "empty": ""},
    ],
)
def test_redacted_arguments_of_tools_are_still_json(arguments: dict[str, object], size: int) -> None:
    text = json.dumps(arguments)
    passed = "".join(in_pieces(ALL, [text[at : at + size] for at in range(0, len(text), size)], arguments=True))
    assert passed == whole(ALL, text, arguments=True)
    assert passed != text
    read = json.loads(passed)
    assert read.keys() == arguments.keys()
    assert not any(one in passed for one in ("bob@", "John Smith", "4111", "a@b.io", "1234567", "correo"))


def test_a_flag_leaves_the_text_and_counts() -> None:
    findings: dict[Action, dict[str, int]] = {}
    flagging = screen("x+", "flag")
    assert Stretch(flagging, flagging.answers, findings).take("axxbx", "answer", last=True) == "axxbx"
    assert findings == {"flag": {"[X]": 2}}
