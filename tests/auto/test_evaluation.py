import csv
import gzip
import json
import os
from pathlib import Path
from random import Random

import numpy as np
import pytest
from typer.testing import CliRunner

from turnout.auto.corpus import chosen, family, groups_of, read_corpus
from turnout.auto.embedding import VECTORS, VOCABULARY
from turnout.auto.evaluation import evaluate
from turnout.auto.measure import (
    apgr,
    calibration_error,
    calls_needed,
    frontier,
    gap_closed,
    interval,
    recovered,
    saved_at,
)
from turnout.auto.report import Goal, curves_svg, goals_of
from turnout.auto.table import load_table
from turnout.base.errors import BadRequest, TurnoutError
from turnout.cli.main import application

RUN = CliRunner()


def routerdata(folder: Path) -> Path:
    """A folder of our format: a weak model that is right at even sums only, a strong one, a middling one."""
    dice = Random(5)
    prompts, scores = [], []
    for place in range(240):
        kind = ("sums", "rhymes")[place % 2]
        text = (
            f"What is {dice.randrange(999)} plus {dice.randrange(999)} minus {dice.randrange(999)}?" if kind == "sums"
            else f"Which word rhymes with {dice.choice(['house', 'mouse', 'tree', 'sea'])} and {dice.randrange(999)}?"
        )  # fmt: skip
        prompts.append({"prompt_id": f"p{place}", "dataset": f"made-{kind}", "category": kind, "prompt": text})
        for model, score in (("weak-7b", kind == "rhymes"), ("middle-30b", dice.random() < 0.6), ("strong-70b", 1)):
            scores.append((f"p{place}", model, float(score), 20, 10, ""))
    with gzip.open(folder / "prompts.jsonl.gz", "wt", encoding="utf-8") as out:
        out.write("\n".join(json.dumps(row) for row in prompts))
    with gzip.open(folder / "scores.csv.gz", "wt", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("prompt_id", "model", "score", "input_tokens", "output_tokens", "cost_usd"))
        writer.writerows(scores)
    return folder


def test_a_perfect_order_recovers_the_gap_first_and_a_random_one_evenly() -> None:
    dice = np.random.default_rng(0)
    strong, weak = np.ones(1000), (np.arange(1000) >= 300).astype(float)
    perfect = recovered(-weak, strong, weak, dice)
    assert calls_needed(perfect, 1.0) == pytest.approx(0.3)
    assert calls_needed(perfect, 0.5) == pytest.approx(0.15)
    assert apgr(perfect) > 0.84
    assert apgr(recovered(np.zeros(1000), strong, weak, dice)) == pytest.approx(0.5, abs=0.05)


def test_the_frontier_is_the_hull_that_never_falls() -> None:
    cost, quality = frontier(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.2, 0.3, 0.8, 0.7]))
    assert cost.tolist() == [1.0, 3.0]
    assert quality.tolist() == [0.2, 0.8]
    assert saved_at((cost, quality), 0.8, 3.0, 0.5) == pytest.approx(1 - (1 + 2 / 3) / 3)
    assert np.isnan(saved_at((cost, quality), 0.9, 3.0, 1.0))


def test_the_oracle_closes_the_whole_gap_and_ignoring_the_prompt_none() -> None:
    blind, oracle = (np.array([1.0, 4.0]), np.array([0.2, 0.8])), (np.array([1.0, 2.0]), np.array([0.5, 0.9]))
    assert gap_closed(oracle, blind, oracle, (1.0, 4.0)) == pytest.approx(1)
    assert gap_closed(blind, blind, oracle, (1.0, 4.0)) == 0


def test_calibration_error_is_the_distance_of_what_was_said_from_what_was() -> None:
    assert calibration_error(np.array([0.7, 0.7]), np.array([1.0, np.nan])) == pytest.approx(0.3)
    assert calibration_error(np.array([0.52, 0.56]), np.array([0.0, 1.0])) == pytest.approx(0.04)
    assert interval(0.5, np.linspace(0, 1, 1001)).low == pytest.approx(0.025)


def test_data_sets_of_one_family_are_left_out_together() -> None:
    assert family("routellm-mmlu") == family("mmlu-pro") == family("llmrouter-mmlu")
    assert family("llmrouter-human_eval") == family("routerdc-humaneval")
    assert family("search-qa") != family("arc_challenge") == family("llmrouter-arc")
    assert family("zeroeval-crux") != family("zeroeval-gsm")


def test_near_duplicates_stand_in_one_group() -> None:
    story = "A farmer has twelve sheep and sells four of them on Monday morning at the market"
    groups = groups_of(
        [story, story + ". How many are left?", "Something else altogether is asked here, is it not so?"]
    )
    assert groups[0] == groups[1] != groups[2]


def test_csv_files_of_truths_are_read_with_the_data_set_from_their_names(tmp_path: Path) -> None:
    (tmp_path / "mmlu_anatomy.csv").write_text(
        "prompt,strong/model,weak\nWhere is the heart?,True,False\nThe knee?,True,True\n"
    )
    found = read_corpus(tmp_path)
    assert found.models == ("strong/model", "weak")
    assert found.datasets.tolist() == ["mmlu", "mmlu"]
    assert found.scores.tolist() == [[1, 0], [1, 1]]


def test_files_may_be_plain_columns_in_any_order_and_scores_missing(tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text(
        '{"prompt_id": "a", "prompt": "Why?"}\n{"prompt_id": "b", "prompt": "How?"}'
    )
    (tmp_path / "scores.csv").write_text("model,score,prompt_id\none,1,a\none,,b\ntwo,0.5,b\n")
    found = read_corpus(tmp_path)
    assert found.datasets.tolist() == ["own", "own"]
    assert found.scores[found.texts.index("Why?")].tolist()[0] == 1
    assert np.isnan(found.scores).sum() == 2


def test_columns_of_truths_that_are_no_model_s_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "gsm8k_responses.csv").write_text(
        "ground_truth,prompt,weak,strong,strong_response\n1,2+2?,False,True,4\n"
    )
    assert read_corpus(tmp_path).models == ("weak", "strong")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "there are no scored prompts"),
        ({"prompts.jsonl": '{"prompt_id": "a", "prompt": "Why?"}'}, "there is no scores.csv"),
        ({"scores.csv": "prompt_id,model,score\na,one,1\n"}, "there is no prompts.jsonl"),
        ({"prompts.jsonl": "", "scores.csv": "prompt_id,model,score\na,one,1\n"}, "a prompt that is not there: a"),
        ({"prompts.jsonl": '{"prompt_id": "a"}', "scores.csv": "prompt_id,model,score\na,one,1\n"}, "lacks 'prompt'"),
        ({"prompts.jsonl": "", "scores.csv": "", "models.csv": "name\none\n"}, "lacks 'model'"),
    ],
)
def test_a_folder_that_lacks_something_is_told_what(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(BadRequest, match=message):
        read_corpus(tmp_path)


def test_models_that_were_asked_half_of_the_prompts_are_compared_and_nothing_comparable_is_said(tmp_path: Path) -> None:
    dice = Random(1)
    rows = [
        {"prompt": f"{place * 37} and {place}?", "model": model, "score": dice.random()}
        for place in range(60)
        for model in ("one-7b", "two-8b", "three-9b")
        if dice.random() < 0.8
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = evaluate(read_corpus(path), resamples=20, progress=lambda *_: None)
    assert {row.models for row in found.pools} == {3}
    path.write_text("\n".join(json.dumps(row | {"model": "only"}) for row in rows))
    with pytest.raises(BadRequest, match="nothing to compare"):
        evaluate(read_corpus(path), resamples=20, progress=lambda *_: None)


def test_two_models_of_csv_files_are_compared_without_prices(tmp_path: Path) -> None:
    rows = [
        f"{'Add' if place % 2 else 'Rhyme'} {place % 9} and {place % 7},True,{bool(place % 2)}" for place in range(200)
    ]
    (tmp_path / "gsm8k_answers.csv").write_text("prompt,openai/strong,maker/weak\n" + "\n".join(rows) + "\n")
    found = evaluate(read_corpus(tmp_path), resamples=20, progress=lambda *_: None)
    ours = {row.router: row.apgr.value for row in found.pairs if row.dataset == "gsm8k"}
    assert set(ours) == {"this router", "random", "length", "oracle"}
    assert ours["this router"] > 0.6 > ours["random"]


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"prompt": "x"}', '{"prompt": "x", "model": "m", "score": 7}', ""])
def test_rows_that_are_none_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "rows.jsonl").write_text(line + "\n")
    with pytest.raises(BadRequest):
        read_corpus(tmp_path / "rows.jsonl")


def test_an_evaluation_finds_that_a_cheap_model_is_good_at_rhymes(tmp_path: Path) -> None:
    corpus = read_corpus(routerdata(tmp_path))
    assert chosen(corpus, ["made-s"]).datasets.tolist() == ["made-sums"] * 120
    found = evaluate(corpus, resamples=20, progress=lambda *_: None)
    inside = next(row for row in found.pools if not row.unseen)
    assert inside.gap.value > 0.5
    assert inside.saved > inside.saved_blind
    assert found.calibration < 0.2
    assert {row.suite for row in found.pools if row.unseen} == {"made-sums", "made-rhymes"}
    assert curves_svg(inside).startswith("<svg")
    assert all(isinstance(goal, Goal) for goal in goals_of(found))


@pytest.mark.parametrize("embedded", [False, True])
def test_commands_train_a_table_and_evaluate(tmp_path: Path, embedded: bool) -> None:  # noqa: FBT001 - a parameter of the test
    folder = routerdata(tmp_path)
    out = tmp_path / "t.npz"
    (settings := tmp_path / "turnout.toml").write_text(f"[auto]\nembeddings = '{tmp_path}'\n" if embedded else "")
    np.save(tmp_path / VECTORS, np.random.default_rng(0).normal(size=(8, 5)))
    (tmp_path / VOCABULARY).write_text("what\nis\nplus\nminus\nwhich\nword\nrhymes\nwith")
    config = ["--config", str(settings)]
    trained = RUN.invoke(
        application, ["auto", "train", str(folder), "--out", str(out), "--made", "2026-01-01", *config]
    )
    assert trained.exit_code == 0
    assert bool(load_table(out).embedding) is embedded
    assert out.stat().st_size < 2_000_000
    figures = tmp_path / "figures.json"
    options = ["--no-latency", "--resamples", "20", "--json", str(figures), "--svg", str(tmp_path / "svg")]
    judged = RUN.invoke(application, ["auto", "eval", str(folder), *options, *config])
    told = json.loads(figures.read_text())
    missed = [goal for goal in told["goals"] if not goal["met"]]
    assert isinstance(judged.exception, TurnoutError) if missed else judged.exit_code == 0
    assert (tmp_path / "svg" / "made.svg").exists()
    [pool] = (row for row in told["pools"] if not row["unseen"])
    assert list(pool["curves"]) == ["router", "blind", "oracle"]
    assert all(cost > 0 and 0 <= quality <= 1 for curve in pool["curves"].values() for cost, quality in curve)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_goals_are_met_on_the_data_folder() -> None:
    data = os.environ.get("TURNOUT_TEST_DATA")
    if not data:
        pytest.skip("TURNOUT_TEST_DATA names no folder with router-data")
    found = evaluate(read_corpus(Path(data) / "router-data"), resamples=20, progress=lambda *_: None)
    assert [goal.name for goal in goals_of(found) if not goal.met] == []
    assert {row.router for row in found.pairs} == {"this router", "random", "length", "oracle"}
