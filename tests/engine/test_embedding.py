"""Batches: nothing lost, nothing twice, nothing larger than allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from turnout.contracts.provider import Batch
from turnout.engine.embedding import parts_of

_INPUTS = st.one_of(
    st.lists(st.text(min_size=1), min_size=1), st.lists(st.lists(st.integers(0, 99), min_size=1), min_size=1)
)
_BATCHES = st.builds(Batch, st.integers(1, 9), st.none() | st.integers(1, 30))


@given(_INPUTS, _BATCHES)
def test_parts_are_the_inputs_in_their_order(inputs: list[str | list[int]], batch: Batch) -> None:
    parts = parts_of(inputs, batch)
    assert [one for part in parts for one in inputs[part]] == inputs
    assert parts[0].start == 0
    assert parts[-1].stop == len(inputs)
    assert all(1 <= part.stop - part.start <= batch.inputs for part in parts)


@given(st.lists(st.lists(st.integers(0, 99), min_size=1), min_size=1), _BATCHES)
def test_no_part_has_more_tokens_than_allowed_unless_a_single_input_has(inputs: list[list[int]], batch: Batch) -> None:
    for part in parts_of(inputs, batch):
        tokens = sum(len(one) for one in inputs[part])
        assert batch.tokens is None or tokens <= batch.tokens or part.stop - part.start == 1


def test_what_fits_is_not_split() -> None:
    assert parts_of(["a"] * 2048, Batch(2048, 300_000)) == [slice(0, 2048)]
    assert len(parts_of(["a"] * 2049, Batch(2048))) == 2


def test_a_text_counts_by_its_bytes() -> None:
    assert len(parts_of(["é" * 10, "é" * 10], Batch(10, 20))) == 2
    assert len(parts_of(["e" * 10, "e" * 10], Batch(10, 20))) == 1
