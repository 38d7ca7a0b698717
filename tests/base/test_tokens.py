"""Claims about counting tokens."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.tokens import at_most, exact

_TEXTS = {
    "English": "The committee met on Tuesday, and nobody could say why the harbour had been closed for so long. ",
    "German": "Die Versammlung hat am Dienstag über die Änderungen beraten, die niemand erwartet hatte. ",
    "Russian": "Это обычный русский текст для проверки оценки числа токенов в сообщении. ",
    "Chinese": "我们今天去公园散步。看见很多人在那里放风筝。天气非常好。",
    "Japanese": "これは日本語のテキストです。トークン数を見積もるために使います。",
    "Hindi": "यह संदेश में टोकन की संख्या का अनुमान लगाने के लिए एक पाठ है। ",
    "emoji": "😀🎉🚀🔥💡👍🏽",
    "JSON": '{"id": 17, "name": "x17", "price": 23.29, "tags": ["a", "b"]}, ',
    "code": "def cost(usage: Usage, pricing: Pricing) -> int:\n    return usage.fresh * pricing.prompt\n\n",
    "table": "2024-01-17,0.3841,ACME-93\n",
    "hexadecimal": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}


@pytest.mark.parametrize("kind", _TEXTS)
def test_the_estimate_is_rather_too_high(kind: str) -> None:
    pytest.importorskip("bpe_openai")
    text = (_TEXTS[kind] * 40).encode()
    assert 0.95 * exact()(text) <= at_most(text) <= 5 * exact()(text)


@given(st.binary(max_size=500), st.binary(max_size=500))
def test_more_text_is_never_fewer_tokens(text: bytes, more: bytes) -> None:
    assert 0 <= at_most(text) <= len(text) + 1
    assert at_most(b" ".join((text, text))) >= at_most(text)
    assert at_most(more) == 0 or more


@pytest.mark.alone
def test_a_megabyte_is_estimated_in_a_moment() -> None:
    text = (_TEXTS["English"] * 11_000).encode()
    began = time.process_time()
    at_most(text)
    assert time.process_time() - began < 0.02
