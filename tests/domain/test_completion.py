from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.completion import FINISH_REASONS, normal_finish_reason


@pytest.mark.parametrize(
    ("native", "normal"),
    [
        (None, None),
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("tool_use", "tool_calls"),
        ("function_call", "tool_calls"),
        ("SAFETY", "content_filter"),
        ("network_error", "error"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("something new", "stop"),
    ],
)
def test_words_of_providers_become_ours(native: str | None, normal: str | None) -> None:
    assert normal_finish_reason(native) == normal


@given(st.text(max_size=30))
def test_every_word_has_a_meaning(native: str) -> None:
    assert normal_finish_reason(native) in FINISH_REASONS


@pytest.mark.parametrize("reason", sorted(FINISH_REASONS))
def test_our_own_words_in_other_case_keep_their_meaning(reason: str) -> None:
    assert normal_finish_reason(reason.upper()) == reason
