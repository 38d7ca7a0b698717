import json
from pathlib import Path

from commands import turnout
from gateway import Gateway
from patience import until
from turnout.base.ids import digest_of_key, well_formed_key


def _listed(directory: Path, *arguments: str) -> list[list[str]]:
    said = turnout(directory, "keys", "list", *arguments)
    assert said.returncode == 0
    return [line.split("\t") for line in said.stdout.splitlines()[1:]]


def test_a_key_is_printed_once_and_listed_without_its_secret(tmp_path: Path) -> None:
    made = turnout(tmp_path, "keys", "create", "ann")
    secret = made.stdout.strip()
    assert made.returncode == 0
    assert well_formed_key(secret)
    listing = turnout(tmp_path, "keys", "list").stdout
    assert secret not in listing
    assert digest_of_key(secret)[:12] in listing
    assert [row[0] for row in _listed(tmp_path)] == ["ann"]


def test_a_key_may_manage_and_may_expire(tmp_path: Path) -> None:
    turnout(tmp_path, "keys", "create", "boss", "--management")
    turnout(tmp_path, "keys", "create", "guest", "--days", "2")
    by_name = {row[0]: row for row in _listed(tmp_path)}
    assert by_name["boss"][3:5] == ["management", "active"]
    assert by_name["guest"][3] == "ordinary"
    assert by_name["guest"][4].startswith("active, expires 2")


def test_a_key_is_switched_off_and_on_and_deleted_by_any_of_its_names(tmp_path: Path) -> None:
    secret = turnout(tmp_path, "keys", "create", "ann").stdout.strip()
    for name, command, state in (
        ("ann", "disable", "disabled"),
        (digest_of_key(secret)[:8], "enable", "active"),
        (secret, "disable", "disabled"),
    ):
        said = turnout(tmp_path, "keys", command, name)
        assert said.returncode == 0
        assert secret not in said.stdout
        assert _listed(tmp_path)[0][4] == state
    assert turnout(tmp_path, "keys", "delete", "ann").returncode == 0
    assert _listed(tmp_path) == []


def test_an_unknown_key_and_an_ambiguous_name_are_status_1(tmp_path: Path) -> None:
    turnout(tmp_path, "keys", "create", "twin")
    turnout(tmp_path, "keys", "create", "twin")
    unknown = turnout(tmp_path, "keys", "delete", "nobody")
    ambiguous = turnout(tmp_path, "keys", "delete", "twin")
    assert (unknown.returncode, unknown.stderr) == (1, "turnout: There is no such key\n")
    assert ambiguous.returncode == 1
    assert "by its hash" in ambiguous.stderr
    assert len(_listed(tmp_path)) == 2


def test_a_running_server_takes_a_new_key_and_refuses_a_disabled_one(tmp_path: Path) -> None:
    with Gateway(tmp_path, "") as gateway:
        at = {"TURNOUT_SERVER__DATA_DIR": str(gateway.data_dir)}
        secret = turnout(tmp_path, "keys", "create", "ann", environment=at).stdout.strip()

        def status() -> int:
            body = json.dumps({"model": "fake/echo", "messages": [{"role": "user", "content": "x"}]}).encode()
            return gateway.request("POST", "/api/v1/chat/completions", body, key=secret).status

        assert status() == 200
        assert turnout(tmp_path, "keys", "disable", "ann", environment=at).returncode == 0
        until(lambda: status() == 401)
        assert turnout(tmp_path, "keys", "list", environment=at).returncode == 0
