import time
from pathlib import Path

import pytest

from commands import turnout
from gateway import Gateway
from servers import PostgresServer, RedisServer
from turnout import config
from turnout.app.state import node_of


def test_a_store_that_cannot_be_reached_is_refused_in_one_line_and_never_replaced(tmp_path: Path) -> None:
    pytest.importorskip("asyncpg")
    (tmp_path / "turnout.toml").write_text('[store]\nurl = "postgresql://user:very-secret@127.0.0.1:1/db"\n')
    for command in ("serve", "doctor"):
        said = turnout(tmp_path, command)
        assert said.returncode == 1
        assert "cannot open the database 127.0.0.1:1/db: " in said.stdout + said.stderr
        assert "very-secret" not in said.stdout + said.stderr
        assert "Traceback" not in said.stderr
    assert not (tmp_path / "turnout-data" / "turnout.sqlite").exists()


def test_a_node_keeps_its_name_and_no_other_has_it(tmp_path: Path) -> None:
    places = [
        config.Settings(server=config.Settings().server.model_copy(update={"data_dir": tmp_path / name}))
        for name in "ab"
    ]
    names = [node_of(settings) for settings in places]
    assert len(set(names)) == 2
    assert [node_of(settings) for settings in places] == names
    assert "/" not in names[0]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["node"]


def test_two_nodes_on_one_store_serve_and_the_doctor_warns_that_they_do_not_hear_of_each_other(
    tmp_path: Path, database: str, postgres_server: PostgresServer
) -> None:
    assert postgres_server.port
    store = f'[store]\nurl = "{database}"\n'
    (tmp_path / "turnout.toml").write_text(store)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    environment = {"TURNOUT_SERVER__PORT": "0"}
    said = turnout(tmp_path, "doctor", environment=environment)
    assert "the next start makes the tables" in said.stdout
    with Gateway(tmp_path / "a", store) as first, Gateway(tmp_path / "b", store) as second:
        assert first.chat("fake/echo").status == 200
        reply = second.chat("fake/echo")
        assert reply.status == 200
        path = f"/api/v1/generation?id={reply.headers['x-generation-id']}"
        until = time.monotonic() + 10
        while first.request("GET", path).status != 200:  # its own node moves it into the store
            assert time.monotonic() < until
            time.sleep(0.05)
        said = turnout(tmp_path, "doctor", environment=environment)
        assert said.returncode == 0
        assert "warning: 2 other nodes used this store lately" in said.stdout


@pytest.mark.alone  # Redis must answer within a quarter of a second
def test_the_doctor_says_whether_redis_answers(tmp_path: Path, redis_url: str) -> None:
    environment = {"TURNOUT_SERVER__PORT": "0", "TURNOUT_STORE__SHARED": redis_url}
    said = turnout(tmp_path, "doctor", environment=environment)
    assert said.returncode == 0
    assert "shared state: Redis answers; for several nodes store.url must name PostgreSQL too" in said.stdout
    said = turnout(tmp_path, "doctor", environment=environment | {"TURNOUT_STORE__SHARED": "valkey://127.0.0.1:1"})
    assert said.returncode == 0
    assert "shared state: warning: Redis cannot be reached" in said.stdout


def test_nodes_serve_with_redis_and_go_on_without_it(tmp_path: Path, redis_server: RedisServer, redis_url: str) -> None:
    with Gateway(tmp_path, f'[store]\nshared = "{redis_url}"\n', workers=2) as gateway:
        assert gateway.chat("fake/echo").status == 200
        redis_server.stop()
        try:
            assert [gateway.chat("fake/echo").status for _ in range(5)] == [200] * 5
        finally:
            redis_server.start()
        assert gateway.chat("fake/echo").status == 200
    assert "Traceback" not in gateway.log()
