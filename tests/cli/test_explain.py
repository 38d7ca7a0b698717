from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import turnout
from gateway import API_KEY, Gateway, model_tables

_PRICE = '{ prompt = "0.000001", completion = "0.000002" }'
_TOML = "[catalog]\nbundled = false\n" + model_tables("acme/two", [("fake", "echo", _PRICE), ("groq", "big", _PRICE)])


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("explain"), _TOML) as running:
        yield running


def _asked(directory: Path, **fields: object) -> str:
    body = {"model": "acme/two", "messages": [{"role": "user", "content": "hi"}]} | fields
    path = directory / "request.json"
    path.write_text(json.dumps(body))
    return str(path)


def _offline(directory: Path, *arguments: str, stdin: str = "") -> Any:  # noqa: ANN401 - a finished process
    (directory / "turnout.toml").write_text("[server]\nport = 1\n" + _TOML)
    return turnout(directory, "explain", *arguments, stdin=stdin)


def test_a_running_server_is_asked(gateway: Gateway, tmp_path: Path) -> None:
    said = turnout(tmp_path, "explain", _asked(tmp_path), "--url", gateway.url, "--key", API_KEY)
    assert (said.returncode, said.stderr) == (0, "")
    header, first, second = (line.split("\t") for line in said.stdout.splitlines())
    assert header == ["place", "endpoint", "why", "numbers"]
    assert first[:3] == ["1", "acme/two|fake|fake", "by balanced"]
    assert second[:2] == ["-", "acme/two|groq|groq"]
    assert "no_credential" in second[2]


def test_without_a_server_the_plan_is_made_from_the_configuration(tmp_path: Path) -> None:
    said = _offline(tmp_path, _asked(tmp_path), "--json")
    assert said.returncode == 0
    assert "without health" in said.stderr
    assert json.loads(said.stdout)["candidates"] == ["acme/two|fake|fake"]


def test_the_request_may_come_from_standard_input(tmp_path: Path) -> None:
    body = json.dumps({"model": "acme/two", "messages": [{"role": "user", "content": "hi"}]})
    assert "acme/two|fake|fake" in _offline(tmp_path, "-", stdin=body).stdout


def test_a_dead_end_is_shown_and_is_a_failure(tmp_path: Path) -> None:
    said = _offline(tmp_path, _asked(tmp_path, provider={"only": ["groq"]}))
    assert said.returncode == 1
    assert "no_credential" in said.stdout
    assert "turnout: " in said.stderr


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"model": "no/such-model"}, "no/such-model"), ({"provider": {"order": []}}, "provider.order")],
)
def test_a_wrong_request_is_told_in_one_line_with_a_server_or_without(
    gateway: Gateway, tmp_path: Path, fields: dict[str, object], words: str
) -> None:
    for said in (
        _offline(tmp_path, _asked(tmp_path, **fields)),
        turnout(tmp_path, "explain", _asked(tmp_path, **fields), "--url", gateway.url, "--key", API_KEY),
    ):
        assert said.returncode == 1
        assert words in said.stderr
        assert len(said.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    said = _offline(tmp_path, "nowhere.json")
    assert said.returncode == 1
    assert "nowhere.json" in said.stderr
