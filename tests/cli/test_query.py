from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import turnout
from gateway import API_KEY, Gateway
from topics import KNOWING, questions, taught_model

QUESTIONS = questions(60, 31)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("query")) as running:
        yield running


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "dataset.jsonl"
    lines = [json.dumps({"prompt": one.prompt, "choices": one.choices, "truth": one.truth}) for one in QUESTIONS]
    path.write_text("\n".join(lines))
    return path


def run(gateway: Gateway, directory: Path, *arguments: str) -> Any:  # noqa: ANN401 - a finished process
    return turnout(directory, "query", *arguments, "--url", gateway.url, "--key", API_KEY)


def voters(*names: str) -> list[str]:
    return [part for name in names for part in ("--voter", name)]


def test_one_question_is_voted_on_with_who_voted_what(gateway: Gateway, tmp_path: Path) -> None:
    choices = ("--choice", "one", "--choice", "two", "--choice", "three")
    said = run(gateway, tmp_path, "vote", "Which?", *choices, *voters("fake/vote-1", "fake/status-500"))
    assert said.returncode == 0, said.stderr
    lines = [line.split("\t") for line in said.stdout.splitlines()]
    assert lines[0] == ["answer", "confidence", "voters"]
    assert lines[1] == ["two", "100.0%", "fake/vote-1"]
    people = {line[0]: line[1:] for line in lines[6:]}
    assert people == {"fake/vote-1": ["1", "two"], "fake/status-500": ["1", "failed"]}
    assert said.stderr.startswith("decided: confidence 100.0%")


def test_without_choices_voters_answer_themselves(gateway: Gateway, tmp_path: Path) -> None:
    said = run(gateway, tmp_path, "vote", "Say this", *voters("fake/echo", "fake/echo", "fake/lorem-2"))
    assert said.stdout.splitlines()[1] == "Say this\t66.7%\tfake/echo, fake/echo"


def test_a_data_set_is_evaluated(gateway: Gateway, tmp_path: Path, dataset: Path) -> None:
    said = run(gateway, tmp_path, "eval", str(dataset), *voters("fake/vote-1", "fake/vote-0.3"), "--json")
    told = json.loads(said.stdout)
    assert told["cases"] == 60
    assert {one["model"]: one["votes"] for one in told["voters"]} == {"fake/vote-1": 60, "fake/vote-0.3": 60}
    rates = {one["model"]: one["winner_rate"] for one in told["voters"]}
    assert rates["fake/vote-1"] == 1 > rates["fake/vote-0.3"]
    assert told["fitted"]["held_out"] == 1 > told["fitted"]["equal"]
    assert (told["failures"], said.returncode) == ([], 0)


def test_a_prompt_is_judged_by_what_was_learned_of_others(gateway: Gateway, tmp_path: Path, dataset: Path) -> None:
    model, picture = tmp_path / "model.json", tmp_path / "reliability.svg"
    model.write_text(json.dumps(taught_model(top=20)))
    first = run(gateway, tmp_path, "eval", str(dataset), "--model", str(model), "--mark", "--json")
    before = json.loads(first.stdout)
    table = gateway.request("GET", f"/score/models/{before['model']}").json()["training_table_id"]
    assert gateway.request("GET", f"/training_tables/{table}").json()["rows"] == 60
    second = run(gateway, tmp_path, "eval", str(dataset), "--model", before["model"], "--json", "--svg", str(picture))
    after = json.loads(second.stdout)
    assert [one["weight"] for one in before["voters"]] == [1, 1]
    left_out = gateway.request("GET", f"/training_tables/{table}").json()["quality"]
    assert after["quality"]["mean_confidence"] == pytest.approx(left_out["mean_confidence"], abs=0.05)
    assert after["winner_accuracy"] < 1  # with itself in the table each prompt would be weighed by its own truth
    assert picture.read_text().startswith("<svg")
    assert {one["model"] for one in after["voters"]} == set(KNOWING)


def test_a_table_for_readers_has_a_line_for_each_voter(gateway: Gateway, tmp_path: Path, dataset: Path) -> None:
    said = run(gateway, tmp_path, "eval", str(dataset), *voters("fake/vote-1", "fake/hang-0"), "--limit", "3")
    assert said.returncode in {0, 1}
    said = run(gateway, tmp_path, "eval", str(dataset), *voters("fake/vote-1", "fake/vote-1"), "--limit", "3")
    assert "winner accuracy\t100.0% ± 0.0%" in said.stdout
    assert said.stdout.splitlines()[-1].split("\t")[:3] == ["1", "fake/vote-1", "1"]


def refused(reply: Any) -> str:  # noqa: ANN401 - a finished process
    assert reply.returncode == 1
    return str(reply.stderr)


def test_what_cannot_be_asked_is_told_in_one_line(gateway: Gateway, tmp_path: Path, dataset: Path) -> None:
    assert "--voter" in refused(run(gateway, tmp_path, "vote", "Which?"))
    assert "no" in refused(run(gateway, tmp_path, "eval", str(dataset), "--model", "0" * 22))
    dataset.write_text("{}")
    assert "line 1.prompt" in refused(run(gateway, tmp_path, "eval", str(dataset), *voters("fake/vote-1")))
