"""Word vectors of the owner's own."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from turnout.auto.decide import Brain, Prompt, Wishes, decide, make_slate
from turnout.auto.embedding import VECTORS, VOCABULARY, BadEmbedding, fits, load_embedding
from turnout.auto.experience import experience_of
from turnout.auto.features import features_of
from turnout.auto.fit import Lessons, fit_table
from turnout.auto.speed import crowd
from turnout.auto.table import Table, load_table, save_table
from turnout.auto.tasks import shared_tasks

SUMS = ["mavo", "mavi", "mavu", "mave"]
TONGUES = ["teko", "teki", "teku", "teke"]
FILLERS = [f"{first}o{second}a" for first in "bdfgl" for second in "nprsvz"]
"""All of one shape: by anything but their vectors and themselves they are alike."""


def a_folder(path: Path) -> Path:
    """Words of sums point one way, words of translations another, the others anywhere."""
    path.mkdir(exist_ok=True)
    dice = np.random.default_rng(0)
    vectors = dice.normal(0, 0.1, (len(SUMS) + len(TONGUES) + len(FILLERS), 40)).astype(np.float16)
    vectors[: len(SUMS), 0] += 3
    vectors[len(SUMS) : len(SUMS) + len(TONGUES), 1] += 3
    np.save(path / VECTORS, vectors)
    (path / VOCABULARY).write_text("\n".join([*SUMS, *TONGUES, *FILLERS]) + "\n", encoding="utf-8")
    return path


def trained(folder: Path | None) -> tuple[Table, Brain]:
    """A cheap model that is right at sums only, a dear one that is right at translations only."""
    embedding = None if folder is None else load_embedding(folder)
    read = features_of if embedding is None else embedding.features_of
    dice = Random(3)
    texts = [" ".join([*pair, *dice.sample(FILLERS, 3)]) for pair in (SUMS[:2], TONGUES[:2]) for _ in range(80)]
    scores = np.array([[1.0, 0.0]] * 80 + [[0.0, 1.0]] * 80, np.float32)
    names = tuple(one.id for one in crowd(2))
    lessons = Lessons(names, [read(text) for text in texts], scores, scores * 0 + 100, embedding)
    table = fit_table(lessons, made="2026-01-01", sources=())
    return table, Brain(table, shared_tasks(), experience_of(()), read)


def test_words_that_training_never_met_are_placed_by_their_vectors(tmp_path: Path) -> None:
    _, hashed = trained(None)
    _, placed = trained(a_folder(tmp_path / "words"))
    cheap, dear = (model.id for model in crowd(2))
    for text, best in (("mavu mave bona dopa gora", cheap), ("teku teke bona dopa gora", dear)):
        blind, found = (
            decide(Prompt(text), make_slate(crowd(2), brain, 1.8e9), brain, Wishes(tradeoff=0), Random(0))
            for brain in (hashed, placed)
        )
        assert found.ranking[0].model == best
        assert found.reason == "neighbours"
        assert found.nearest > blind.nearest + 0.1


@pytest.mark.parametrize("text", ["", "\0\ud800", "word " * 200_000, "x" * 1_000_000])
def test_no_prompt_breaks_it(text: str, tmp_path: Path) -> None:
    _, brain = trained(a_folder(tmp_path / "words"))
    assert decide(Prompt(text), make_slate(crowd(2), brain, 1.8e9), brain, Wishes(), Random(0)).ranking


def test_a_table_fits_the_vectors_that_it_was_trained_with_and_no_others(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "words")
    embedding = load_embedding(folder)
    table, _ = trained(folder)
    save_table(table, tmp_path / "own.npz")
    again = load_table(tmp_path / "own.npz")
    assert fits(again, embedding)
    assert np.allclose(again.directions, table.directions, atol=np.abs(table.directions).max() / 100)
    assert not fits(again, None)
    assert not fits(trained(None)[0], embedding)
    np.save(folder / VECTORS, embedding.vectors + 1)
    assert not fits(again, load_embedding(folder))


@pytest.mark.parametrize("how", ["no folder", "no vocabulary", "too few tokens", "no floats", "not finite", "pickled"])
def test_a_folder_that_makes_no_sense_is_refused_in_one_line(how: str, tmp_path: Path) -> None:
    folder = tmp_path / "words"
    if how != "no folder":
        a_folder(folder)
    if how == "no vocabulary":
        (folder / VOCABULARY).unlink()
    if how == "too few tokens":
        (folder / VOCABULARY).write_text("one\n", encoding="utf-8")
    count = len([*SUMS, *TONGUES, *FILLERS])
    broken = {"no floats": np.ones((count, 4), int), "not finite": np.full((count, 4), np.nan)}
    if how in broken:
        np.save(folder / VECTORS, broken[how])
    if how == "pickled":
        np.save(folder / VECTORS, np.array([{}] * count, object), allow_pickle=True)
    with pytest.raises(BadEmbedding) as refused:
        load_embedding(folder)
    assert "\n" not in refused.value.message
    assert str(folder) in refused.value.message
