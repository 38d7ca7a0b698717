from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from commands import turnout
from gateway import Gateway, model_tables

_TOML = "[catalog]\nbundled = false\n" + model_tables(
    "acme/two",
    [
        ("fake", "echo", '{ prompt = "0.000001", completion = "0.000002" }'),
        ("fake", "lorem-5", '{ prompt = "0.000005", completion = "0.000009" }'),
    ],
).replace('upstream_model = "lorem-5"', 'upstream_model = "lorem-5"\ntag = "fake/dear"')


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server that has answered ten requests."""
    directory = tmp_path_factory.mktemp("replay")
    with Gateway(directory, _TOML) as gateway:
        for _ in range(10):
            assert gateway.chat("acme/two", provider={"sort": "price"}).status == 200
    return directory / "data"


@pytest.fixture
def place(past: Path, tmp_path: Path) -> Path:
    shutil.copytree(past, tmp_path / "turnout-data")
    (tmp_path / "turnout.toml").write_text(_TOML)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "since"),
    [
        ("policy.toml", 'only = ["fake/dear"]\n', "1h"),
        ("policy.toml", '[provider]\nonly = ["fake/dear"]\n', "2001-01-01"),
        ("policy.json", '{"provider": {"only": ["fake/dear"]}}', "1000000000"),
    ],
)
def test_the_past_is_estimated_under_another_policy(place: Path, name: str, text: str, since: str) -> None:
    (place / name).write_text(text)
    said = turnout(place, "replay", "--since", since, "--policy", name, "--json")
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["recorded"]["requests"] == 10
    assert found["recorded"]["endpoints"] == {"acme/two|fake|fake": 1.0}
    assert found["estimated"]["endpoints"] == {"acme/two|fake|fake/dear": 1.0}
    assert found["estimated"]["cost"] > found["recorded"]["cost"] > 0
    assert found["without_record"] == 1.0


def test_a_table_says_that_it_is_an_estimate(place: Path) -> None:
    (place / "policy.toml").write_text('sort = "price"\n')
    said = turnout(place, "replay", "--since", "1h", "--policy", "policy.toml")
    assert said.returncode == 0
    rows = [line.split("\t") for line in said.stdout.splitlines()]
    assert rows[0] == ["", "recorded", "estimated"]
    assert ["requests", "10", "10"] in rows
    assert "estimate" in said.stderr


@pytest.mark.parametrize(
    ("name", "text", "since", "words"),
    [
        ("policy.toml", "only = 3\n", "1h", "only"),
        ("policy.toml", "typo = true\n", "1h", "typo"),
        ("policy.toml", "= broken", "1h", "policy.toml"),
        ("policy.json", "{", "1h", "policy.json"),
        ("policy.toml", 'sort = "price"', "yesterday", "yesterday"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(place: Path, name: str, text: str, since: str, words: str) -> None:
    (place / name).write_text(text)
    said = turnout(place, "replay", "--since", since, "--policy", name)
    assert said.returncode == (2 if since == "yesterday" else 1)
    assert words in said.stderr
    assert len(said.stderr.splitlines()) == 1
