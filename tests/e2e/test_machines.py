"""Several machines with one PostgreSQL and one Redis: what one finds out the others know."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import FakeServer, Gateway, model_tables, provider_table, running
from patience import until

pytest.importorskip("asyncpg")
pytest.importorskip("redis")

from redis import Redis

pytestmark = pytest.mark.alone  # Redis must answer within a quarter of a second, or each goes on by itself

CHEAP = '{ prompt = "0.000001", completion = "0.000001" }'
DEAR = '{ prompt = "0.00001", completion = "0.00001" }'


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer(tmp_path) as server:
        yield server


def machines(directory: Path, fake: FakeServer, database: str, redis: str) -> list[Gateway]:
    toml = f'[store]\nurl = "{database}"\nshared = "{redis}"\n'
    toml += provider_table("bad", fake.base_url) + provider_table("good", fake.base_url)
    toml += model_tables("acme/failing", [("bad", "status-503", CHEAP), ("good", "echo", DEAR)])
    toml += model_tables("acme/twice", [("bad", "echo", CHEAP), ("good", "echo", CHEAP)])
    for name in "ab":
        (directory / name).mkdir()
    return [Gateway(directory / name, toml, workers=2 if name == "b" else 1) for name in "ab"]


def asked(fake: FakeServer, model: str) -> int:
    return sum(1 for entry in fake.journal() if entry["t"] == "request" and entry["model"] == model)


def test_an_outage_that_one_machine_has_found_is_not_found_again_by_the_others(
    tmp_path: Path, fake: FakeServer, database: str, redis_url: str
) -> None:
    nodes = machines(tmp_path, fake, database, redis_url)
    with running(*nodes):
        assert [nodes[0].chat("acme/failing").status for _ in range(6)] == [200] * 6
        found = asked(fake, "status-503")
        assert found >= 2
        time.sleep(5)
        assert [nodes[1].chat("acme/failing").status for _ in range(20)] == [200] * 20
        assert asked(fake, "status-503") == found


def test_a_conversation_stays_with_its_endpoint_whichever_machine_answers(
    tmp_path: Path, fake: FakeServer, database: str, redis_url: str
) -> None:
    nodes = machines(tmp_path, fake, database, redis_url)
    with running(*nodes):
        with Redis.from_url(redis_url) as client:
            until(lambda: client.pubsub_numsub("turnout:bulletin:sticky")[0][1] == 3)
        for number in range(4):
            first = nodes[0].chat("acme/twice", session_id=f"s{number}").json()["provider"]
            time.sleep(0.5)
            stays = [nodes[turn % 2].chat("acme/twice", session_id=f"s{number}") for turn in range(8)]
            assert [reply.json()["provider"] for reply in stays] == [first] * 8, number


def test_a_key_that_is_switched_off_stops_at_once_on_all_machines(
    tmp_path: Path, fake: FakeServer, database: str, redis_url: str
) -> None:
    nodes = machines(tmp_path, fake, database, redis_url)
    with running(*nodes):
        made = nodes[0].request("POST", "/api/v1/keys", {"name": "k"}, key=nodes[0].management_key).json()
        for node in nodes:
            for _ in range(4):
                assert node.request("GET", "/api/v1/key", key=made["key"]).status == 200
        path = f"/api/v1/keys/{made['data']['hash']}"
        assert nodes[0].request("PATCH", path, {"disabled": True}, key=nodes[0].management_key).status == 200
        began = time.monotonic()
        until(lambda: all(n.request("GET", "/api/v1/key", key=made["key"]).status == 401 for n in nodes * 3), 2.0)
        print(f"{(time.monotonic() - began) * 1000:.0f} ms until six looks were refused")  # noqa: T201 - a measurement
