"""What is kept of what people say, for whom, for how long, and that nothing else is: through the whole gateway."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from commands import turnout
from conservation import settled
from gateway import Gateway, Reply, model_tables
from openrouter_schema import check
from patience import until

_TOML = "[catalog]\nbundled = false\n" + model_tables(
    "acme/paid", [("fake", "echo", '{ prompt = "0.000001", completion = "0.000002" }')]
)
_SAID = "canary-said-by-someone"
_HEARD = "canary-kept-for-someone"


class House(NamedTuple):
    """The gateway, and keys of its first account: one that wants things kept, and one that does not."""

    gateway: Gateway
    keeping: str
    other: str

    def manage(self, method: str, path: str, body: object = None, key: str | None = None) -> Reply:
        return self.gateway.request(method, f"/api/v1{path}", body, key=key or self.gateway.management_key)

    def key(self, **fields: object) -> str:
        reply = self.manage("POST", "/keys", {"name": "k"} | fields)
        assert reply.status == 201, reply.body
        made: str = reply.json()["key"]
        return made

    def content(self, reply: Reply, key: str | None = None) -> Reply:
        path = f"/generation/content?id={reply.headers['x-generation-id']}"
        return self.manage("GET", path, key=key or self.keeping)

    def ask(self, text: str, key: str, path: str = "/chat/completions", **fields: object) -> Reply:
        body = {"model": "acme/paid", "messages": [{"role": "user", "content": text}]} | fields
        reply = self.gateway.request("POST", f"/api/v1{path}", body, key=key)
        assert reply.status == 200, reply.body
        return reply


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Gateway(tmp_path_factory.mktemp("privacy"), _TOML) as gateway:
        bare = House(gateway, "", "")
        yield bare._replace(keeping=bare.key(store_content=True), other=bare.key())
        assert "mistake of ours" not in gateway.log()
        assert_clear_of(gateway, _SAID, _HEARD)


def assert_clear_of(gateway: Gateway, *canaries: str) -> None:
    """None of *canaries* stands in a file or in the log."""
    folder = gateway.data_dir.parent
    for path in (one for one in folder.rglob("*") if one.is_file()):
        found = [one for one in canaries if one.encode() in path.read_bytes()]
        assert found == [], path


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_said_is_kept_for_a_key_that_wants_it_and_read_by_it_and_its_managers(
    house: House,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    reply = house.ask(_HEARD, house.keeping, stream=stream)
    for key in (house.keeping, house.gateway.management_key):
        found = house.content(reply, key)
        assert found.status == 200, found.body
        check("GenerationContentResponse", found.json())
        data = found.json()["data"]
        assert data["input"] == {"messages": [{"role": "user", "content": _HEARD}]}
        assert data["output"] == {"completion": _HEARD, "reasoning": None}
        assert data["error"] is None
    assert house.content(reply, house.other).status == 404


def test_other_families_reasoning_and_failures_are_kept_too(house: House) -> None:
    legacy = house.ask("", house.keeping, "/completions", prompt=_HEARD)
    assert house.content(legacy).json()["data"]["input"] == {"prompt": _HEARD}
    message = house.ask(_HEARD, house.keeping, "/messages", max_tokens=50)
    assert house.content(message).json()["data"]["output"]["completion"] == _HEARD
    thought = house.ask(_HEARD, house.keeping, model="fake/reason")
    assert house.content(thought).json()["data"]["output"]["reasoning"]
    for stream in (False, True):
        body = {"model": "fake/status-500", "messages": [{"role": "user", "content": _HEARD}], "stream": stream}
        failed = house.gateway.request("POST", "/api/v1/chat/completions", body, key=house.keeping)
        data = house.content(failed).json()["data"]
        check("GenerationContentResponse", {"data": data})
        assert data["output"]["completion"] is None
        assert (data["error"]["status"], data["error"]["provider_name"]) == (500, "Fake")
    broken = house.ask(_HEARD, house.keeping, model="fake/error-in-stream", stream=True)
    data = house.content(broken).json()["data"]
    assert data["error"]["message"]
    assert data["output"]["completion"]


def test_nothing_is_kept_for_anybody_else_and_the_choice_may_change(house: House) -> None:
    reply = house.ask(_SAID, house.other)
    assert house.content(reply, house.other).status == 404
    assert house.content(reply, house.gateway.management_key).status == 404
    assert house.manage("GET", "/generation/content?id=gen-1-x", key=house.other).status == 404
    assert house.manage("GET", "/generation/content", key=house.other).status == 400
    made = house.manage("POST", "/keys", {"name": "undecided", "store_content": True}).json()
    assert made["data"]["store_content"] is True
    changed = house.manage("PATCH", f"/keys/{made['data']['hash']}", {"store_content": False}).json()
    assert changed["data"]["store_content"] is False
    reply = house.ask(_SAID, made["key"])
    assert house.content(reply, made["key"]).status == 404


def test_a_new_master_key_opens_what_was_kept_and_after_two_the_old_one_is_gone(house: House) -> None:
    reply = house.ask(_HEARD, house.keeping)
    assert house.content(reply).status == 200
    for _ in range(2):
        data_dir = {"TURNOUT_SERVER__DATA_DIR": str(house.gateway.data_dir)}
        config = str(house.gateway.config)
        done = turnout(house.gateway.data_dir, "keys", "rotate-master", "--config", config, environment=data_dir)
        assert done.returncode == 0, done.stderr
    assert house.content(reply).json()["data"]["output"]["completion"] == _HEARD


def test_an_account_takes_along_what_is_its_own_and_goes_with_it(house: House) -> None:
    account = house.manage("POST", "/accounts", {"name": "leaving"}).json()["data"]["id"]
    boss = house.key(account_id=account, management=True)
    worker = house.key(account_id=account, store_content=True)
    assert house.manage("POST", "/presets/mine", {"config": {"model": "acme/paid"}}, boss).status < 500
    bring = house.manage("POST", "/byok", {"provider": "acme", "key": "sk-own-canary-of-the-leaving"}, boss)
    assert bring.status in {201, 400}
    house.manage("POST", "/guardrails", {"name": "gentle"}, boss)
    house.manage("PUT", "/budgets", {"scope": "user", "subject": "ann", "window": "daily", "limit": 5}, boss)
    reply = house.ask(_HEARD, worker, user="ann")
    assert house.content(reply, worker).status == 200
    lines = house.manage("GET", "/export", key=boss)
    assert lines.headers["content-type"].startswith("application/jsonl")
    told: dict[str, list[Any]] = {}
    for line in lines.body.splitlines():
        one = json.loads(line)
        told.setdefault(one["kind"], []).append(one["data"])
    assert told.keys() >= {"account", "key", "budget", "guardrail", "generation", "activity", "content"}
    assert [one["id"] for one in told["generation"]] == [reply.headers["x-generation-id"]]
    assert told["content"][0]["said"]["completion"] == _HEARD
    assert not [secret for secret in (boss, worker, "canary-of-the-leaving") if secret.encode() in lines.body]
    assert house.manage("GET", f"/export?account_id={account}").status == 200
    assert house.manage("GET", "/export?account_id=default", key=boss).status == 403
    assert house.manage("GET", "/export", key=worker).status == 403

    assert house.manage("DELETE", f"/accounts/{account}").status == 200
    until(lambda: house.manage("GET", "/key", key=worker).status == 401)
    for path in (f"/accounts/{account}", f"/export?account_id={account}"):
        assert house.manage("GET", path).status == 404
    there = settled(house.gateway, len(_all(house)))
    assert account not in {one.account_id for one in there}
    with_sums = house.gateway.data_dir / "turnout.sqlite"
    for text in (b"ann", reply.headers["x-generation-id"].encode()):
        assert not _rows_with(with_sums, text)


def _all(house: House) -> list[str]:
    """The generations of the first account, once their journal has been read."""
    time.sleep(1.0)
    found = house.manage("GET", "/generations?limit=200").json()["data"]
    return [one["id"] for one in found]


def _rows_with(path: Path, text: bytes) -> list[str]:
    """Tables of the store in which a text stands as a value of its own."""
    found = []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - a name of our own
            if any(text.decode() in str(value).split("|") for row in rows for value in row):
                found.append(table)
    return found
