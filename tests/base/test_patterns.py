"""Claims about regular expressions of other people's making."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.patterns import BadPattern, begun_by, read_pattern


@pytest.mark.parametrize(
    "source",
    [
        "(a+)+$", "(a*)*b", "(?:a|b+)*c", r"(\w+\s?)*x", "(.*)*", "((a+)+)+", "(?=x)a", "(?!x)a", "(?<=x)a", r"(a)\1",
        "(?P<n>a)(?P=n)", "a*", "", "x|", r"\b", "(((", "[a-z", "a{1000}{1000}", "(?:(?:a{0,99}){0,99}){0,99}b",
        r"\Qa\E", "a(?i)b", "(" * 60 + "a" + ")" * 60, "x" * 1_001, "*a", r"\C", "(?#note)a",
    ],
)  # fmt: skip
def test_hostile_and_senseless_expressions_are_refused(source: str) -> None:
    with pytest.raises(BadPattern):
        read_pattern(source)


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        (r"\b(sk-[a-zA-Z0-9]{4})\b", "my sk-aB3d key", "sk-aB3d"),
        ("(?i)geheim", "Das ist GEHEIM.", "GEHEIM"),
        (r"(?:[a-z]+\.)+com", "see www.my.com", "www.my.com"),
        (r"[^\]a]{2}\]", "xx]", "xx]"),
        (r"x{2}y{,3}", "xxy{,3}", "xxy{,3}"),
        (r"\p{Lu}\p{Ll}+", "dem Ärger", "Ärger"),
        ("(?P<word>ab|cd)+?e", "xabcde", "abcde"),
        ("[[:digit:]]{3}", "a123", "123"),
        ("a.c", "a\u00e9c", "a\u00e9c"),
    ],
)
def test_expressions_in_use_are_taken(source: str, text: str, found: str) -> None:
    pattern, encoded = read_pattern(source), text.encode()
    assert [encoded[start:end].decode() for start, end in pattern.spans(encoded)] == [found]


def test_time_is_linear_in_the_text() -> None:
    pattern = read_pattern("(?:a?){30}a{30}b")
    began = time.thread_time()
    assert not pattern.occurs(b"a" * 200_000)
    assert time.thread_time() - began < 2.0


PATTERNS = ("ab{1,2}c", "(?:ab|ba)+c", "a(?:b|cc)?a", r"\bab?\b", "[ab]{2,3}-", "a*b-c?")


@given(st.sampled_from(PATTERNS), st.text("abc- ", max_size=12), st.text("abc- ", max_size=6))
def test_whatever_comes_no_match_begins_before_what_has_begun(source: str, text: str, more: str) -> None:
    pattern = read_pattern(source)
    begun = begun_by((pattern,))(text.encode(), 0)
    across = [start for start in range(len(text)) if _reaches(source, text, start, more)]
    assert all(start >= begun for start in across)


def _reaches(source: str, text: str, start: int, more: str) -> bool:
    """Whether a match that begins at *start* needs something of *more*, by another engine."""
    compiled = re.compile(source)
    both = text + more
    return any(compiled.fullmatch(both, start, end) for end in range(len(text) + 1, len(both) + 1))
