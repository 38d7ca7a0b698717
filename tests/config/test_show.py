"""The configuration in effect: readable again, origins told, secrets masked."""

import logging
import tomllib
from pathlib import Path

import pytest

from turnout.config import Loaded, Settings, load, schema, show

_CANARY = "canary-77d2"

_FILE = f"""
[server]
data_dir = "./there"
[store]
url = "postgresql://me:{_CANARY}@db/turnout?password={_CANARY}"
shared = "redis://:{_CANARY}@cache:6379/0"
[auth]
api_key = "{_CANARY}"
management_key = "env:MANAGEMENT"
[providers.acme]
base_url = "http://127.0.0.1:9001/v1"
api_key = "{_CANARY}"
access_key_id = "{_CANARY}"
secret_access_key = "{_CANARY}"
session_token = "{_CANARY}"
headers = {{ "X-Team.Key" = "{_CANARY}" }}
capabilities = {{ drop = ["logit_bias"] }}
[providers."a.b"]
zdr = true
[[models]]
id = "acme/tiny"
name = "Ti\\"ny"
description = "two\\nlines"
created = 2026-01-31
benchmarks = {{ intelligence_index = 31.5 }}
[[models.endpoints]]
provider = "acme"
supported_parameters = []
pricing = {{ prompt = "0.000001", completion = "2e-6" }}
[[models.endpoints]]
provider = "fake"
[[models]]
id = "acme/big"
"""


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.chdir(tmp_path)
    path = Path("turnout.toml")
    path.write_text(_FILE)
    environment = {"MANAGEMENT": _CANARY, "TURNOUT_LOGGING__LEVEL": "debug", "TURNOUT_PROVIDERS__A_B__API_KEY": _CANARY}
    return load(path, environment, {"server": {"port": 0}})


def test_each_value_is_shown_with_its_origin(loaded: Loaded) -> None:
    lines = show(loaded).splitlines()
    assert lines[0] == "# turnout.toml"
    for line in (
        'host = "127.0.0.1"  # default',
        "port = 0  # flag",
        'data_dir = "there"  # file',
        'level = "debug"  # environment',
        'management_key = "********"  # file, $MANAGEMENT',
        'url = "postgresql://me:********@db/turnout?********"  # file',
        'shared = "redis://:********@cache:6379/0"  # file',
        '[providers."a.b"]',
        'api_key = "********"  # environment',
        '"X-Team.Key" = "********"  # file',
        "[[models]]  # file",
    ):
        assert line in lines


def test_what_is_shown_is_a_configuration_that_means_the_same(loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "shown.toml"
    path.write_text(show(loaded), encoding="utf-8")
    shown = load(path, {}, {}).settings
    for table in ("server", "logging", "limits", "catalog", "metrics", "models"):
        assert getattr(shown, table) == getattr(loaded.settings, table)
    assert shown.providers["acme"].capabilities == loaded.settings.providers["acme"].capabilities


def test_without_a_file_the_defaults_are_shown() -> None:
    text = show(Loaded(settings=Settings(), path=None, warnings=(), set_by={}, variables={}))
    assert text.startswith("# no file\n")
    assert tomllib.loads(text)["server"]["port"] == 8000
    assert tomllib.loads(text)["auth"] == {"public_pages": True}


def test_warnings_are_shown_as_comments(tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text('auth.api_key = "env:NONE"')
    assert "# warning: " in show(load(path, {}, {}))


def test_no_secret_in_repr_str_show_or_schema(loaded: Loaded) -> None:
    settings = loaded.settings
    for text in (repr(loaded), str(loaded), repr(settings), str(settings), show(loaded), repr(schema())):
        assert _CANARY not in text
    for part in (settings.store, settings.auth, *settings.providers.values()):
        assert _CANARY not in f"{part!r} {part}"


def test_no_secret_in_the_debug_log_of_the_settings_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "turnout.toml"
    path.write_text(_FILE)
    load(path, {"MANAGEMENT": _CANARY}, {})
    assert _CANARY not in caplog.text
