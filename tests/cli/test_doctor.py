import os
import socket
import sqlite3
from pathlib import Path

import pytest

from commands import turnout
from gateway import Gateway

_ANY_PORT = {"TURNOUT_SERVER__PORT": "0"}


def test_a_fresh_installation_is_sound_and_nothing_is_made(tmp_path: Path) -> None:
    said = turnout(tmp_path, "doctor", environment=_ANY_PORT)
    assert said.returncode == 0
    assert "BAD" not in said.stdout
    assert list(tmp_path.iterdir()) == []


def test_credentials_are_told_without_being_shown(tmp_path: Path) -> None:
    said = turnout(tmp_path, "doctor", environment={**_ANY_PORT, "GROQ_API_KEY": "gsk-very-secret"})
    assert "ok   provider: groq: a credential, at https://api.groq.com/" in said.stdout
    assert "very-secret" not in said.stdout + said.stderr


def test_a_running_server_is_recognised(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        environment = {"TURNOUT_SERVER__PORT": str(gateway.port), "TURNOUT_SERVER__DATA_DIR": str(gateway.data_dir)}
        said = turnout(tmp_path, "doctor", environment=environment)
    assert said.returncode == 0
    assert f"a Turnout serves on 127.0.0.1 port {gateway.port}" in said.stdout
    assert "opens and holds 2 keys" in said.stdout


def test_somebody_elses_port_is_a_bad_finding(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = turnout(tmp_path, "doctor", environment={"TURNOUT_SERVER__PORT": str(port)})
    assert said.returncode == 1
    assert f"BAD  port: 127.0.0.1 port {port}" in said.stdout
    assert said.stderr == "turnout: 1 of 5 findings are bad\n"


def test_a_damaged_store_is_a_bad_finding(tmp_path: Path) -> None:
    (tmp_path / "turnout-data").mkdir()
    (tmp_path / "turnout-data" / "turnout.sqlite").write_bytes(b"no database at all, but long enough to look at" * 9)
    said = turnout(tmp_path, "doctor", environment=_ANY_PORT)
    assert said.returncode == 1
    assert "BAD  store: " in said.stdout


def test_a_store_of_an_earlier_version_is_left_as_it_is(tmp_path: Path) -> None:
    turnout(tmp_path, "keys", "create", "ann")
    path = tmp_path / "turnout-data" / "turnout.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    said = turnout(tmp_path, "doctor", environment=_ANY_PORT)
    assert said.returncode == 0
    assert "earlier version" in said.stdout
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0000",)
    connection.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_a_bad_finding(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    said = turnout(tmp_path, "doctor", environment=_ANY_PORT)
    tmp_path.chmod(0o700)
    assert said.returncode == 1
    assert "BAD  data directory: " in said.stdout


def test_a_declared_provider_that_cannot_be_called_is_a_bad_finding(tmp_path: Path) -> None:
    (tmp_path / "turnout.toml").write_text("[providers.openai]\nname = 'Ours'\n")
    said = turnout(tmp_path, "doctor", environment=_ANY_PORT)
    assert said.returncode == 1
    assert "BAD  provider: openai: declared, but it cannot be called" in said.stdout
