from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.query.embedder import DIMENSIONS, hashed_embedding


def cosine(one: str, other: str) -> float:
    pairs = zip(hashed_embedding(one), hashed_embedding(other), strict=True)
    return sum(a * b for a, b in pairs)


@given(st.text(max_size=300))
def test_a_vector_has_length_1_or_0(text: str) -> None:
    vector = hashed_embedding(text)
    assert len(vector) == DIMENSIONS
    length = sqrt(sum(one * one for one in vector))
    assert length == pytest.approx(1, abs=1e-5) or length == 0


def test_the_same_text_has_the_same_vector_everywhere() -> None:
    places = {place: round(one, 6) for place, one in enumerate(hashed_embedding("user: tax law")) if one}
    assert len(places) == 27
    assert [places[place] for place in sorted(places)[:4]] == GOLDEN


def test_texts_that_share_words_are_more_similar() -> None:
    tax, again, cook = "income tax of a company", "company pays tax on income", "bake the bread for an hour"
    assert cosine(tax, again) > 0.4
    assert cosine(tax, cook) < 0.2


def test_forms_of_a_word_are_similar() -> None:
    assert cosine("translation", "translations") > 0.4 > cosine("translation", "contracts")


def test_case_does_not_matter_and_a_text_is_most_similar_to_itself() -> None:
    assert cosine("Straße", "STRASSE") == pytest.approx(1, abs=1e-5)


def test_of_a_long_text_both_ends_count() -> None:
    filler = "word " * 20_000
    assert cosine("alpha " + filler, filler) == pytest.approx(cosine(filler + " alpha", filler), abs=0.05)
    assert hashed_embedding("alpha " + filler) != hashed_embedding("omega " + filler)


def test_a_text_without_words_has_no_direction() -> None:
    assert not any(hashed_embedding(" -- ?! "))


GOLDEN = [0.373848, -0.373848, -0.130847, 0.186924]
