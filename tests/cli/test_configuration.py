import json
import tomllib
from pathlib import Path

from commands import turnout


def test_check_says_fine_and_which_file(tmp_path: Path) -> None:
    (tmp_path / "turnout.toml").write_text("[server]\nport = 9\n")
    said = turnout(tmp_path, "config", "check")
    assert (said.returncode, said.stdout, said.stderr) == (0, "turnout.toml: fine\n", "")


def test_check_warns_of_an_unset_variable(tmp_path: Path) -> None:
    (tmp_path / "turnout.toml").write_text('[auth]\napi_key = "env:NOT_SET"\n')
    said = turnout(tmp_path, "config", "check")
    assert said.returncode == 0
    assert said.stderr.startswith("warning: ")
    assert "NOT_SET" in said.stderr


def test_show_is_toml_with_origins_and_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "turnout.toml").write_text('[auth]\napi_key = "sk-very-secret"\n')
    said = turnout(tmp_path, "config", "show", environment={"TURNOUT_SERVER__PORT": "9000"})
    assert tomllib.loads(said.stdout)["server"]["port"] == 9000
    assert "port = 9000  # environment" in said.stdout
    assert "very-secret" not in said.stdout


def test_schema_is_json(tmp_path: Path) -> None:
    said = turnout(tmp_path, "config", "schema")
    assert json.loads(said.stdout)["properties"].keys() >= {"server", "providers", "models"}
