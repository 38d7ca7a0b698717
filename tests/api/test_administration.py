"""What admins see and do over HTTP, with two workers: whichever of them answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feeds import Feeds, models_dev
from gateway import FakeServer, Gateway, Reply, model_tables, provider_table, running
from patience import until

_PATHS = ("/settings", "/doctor", "/providers", "/catalog", "/catalog/unnamed", "/backups", "/backups/turnout-x.sqlite")


@pytest.fixture(scope="module")
def feeds() -> Iterator[Feeds]:
    with Feeds() as running_feeds:
        yield running_feeds


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, feeds: Feeds) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("administration")
    fake = FakeServer(directory)
    with running(fake):
        models = model_tables("acme/tiny", [("acme", "echo", '{ prompt = "0.000001", completion = "0.000002" }')])
        toml = feeds.toml(["models.dev"]) + provider_table("acme", fake.base_url) + models
        with Gateway(directory, toml, environment={"GROQ_API_KEY": "gsk_of_the_environment"}, workers=2) as one:
            yield one


def _admin(gateway: Gateway, method: str, path: str, body: object = None, key: str | None = None) -> Reply:
    return gateway.request(method, f"/api/v1/admin{path}", body, key=key or gateway.management_key)


def _told(gateway: Gateway, path: str) -> Any:  # noqa: ANN401 - tests look inside
    reply = _admin(gateway, "GET", path)
    assert reply.status == 200, reply.body
    return reply.json()["data"]


@pytest.mark.parametrize("path", _PATHS)
def test_only_management_keys_of_admins_come_in(gateway: Gateway, path: str) -> None:
    assert gateway.request("GET", f"/api/v1/admin{path}", key=None).status == 401
    assert _admin(gateway, "GET", path, key=gateway.key).status == 403
    made = gateway.request("POST", "/api/v1/accounts", {"name": "tenant"}, key=gateway.management_key).json()["data"]
    body = {"name": "boss", "management": True, "account_id": made["id"]}
    boss = gateway.request("POST", "/api/v1/keys", body, key=gateway.management_key).json()["key"]
    assert _admin(gateway, "GET", path, key=boss).status == 403


def test_settings_say_where_they_come_from_and_show_no_secret(gateway: Gateway) -> None:
    reply = _admin(gateway, "GET", "/settings")
    values = {one["key"]: one for one in reply.json()["data"]["values"]}
    assert (values["catalog.refresh"]["value"], values["catalog.refresh"]["origin"]) == ('"never"', "file")
    assert values["server.port"]["origin"] == "flag"
    assert values["server.cors"]["origin"] == "default"
    assert values["auth.management_key"]["variable"] == "TURNOUT_MANAGEMENT_KEY"
    assert "Address to listen on" in values["server.host"]["about"]
    assert b"sk-upstream-secret" not in reply.body
    assert gateway.management_key.encode() not in reply.body


def test_the_doctor_looks_at_everything_while_the_gateway_serves(gateway: Gateway) -> None:
    found = _told(gateway, "/doctor")
    assert {"configuration", "data directory", "store", "provider", "port"} <= {one["subject"] for one in found}
    assert all(one["well"] for one in found)


def test_providers_say_where_their_credential_comes_from_and_can_be_tested(gateway: Gateway) -> None:
    found = {one["slug"]: one for one in _told(gateway, "/providers")}
    assert found["acme"]["credential"] == {"origin": "file", "variable": ""}
    assert found["groq"]["credential"]["origin"] == "environment"
    assert found["openai"]["credential"] is None
    assert "OPENAI_API_KEY" in found["openai"]["variables"]
    verdict = _admin(gateway, "POST", "/providers/openai/test").json()["data"]
    assert verdict["ok"] is False
    assert _admin(gateway, "POST", "/providers/nobody/test").status == 404
    assert _admin(gateway, "POST", "/providers/acme/test").json()["data"]["ok"] is not False


def test_a_sync_tells_its_progress_and_a_leap_waits_for_a_word(gateway: Gateway, feeds: Feeds) -> None:
    feeds["/api.json"] = models_dev(groq={"gpt-9": (1, 2)})
    first = _admin(gateway, "POST", "/catalog/sync").events()
    assert any("progress" in one for one in first if one != "[DONE]")
    assert first[-2]["report"]["failed"] is False
    feeds["/api.json"] = models_dev(groq={"gpt-9": (20, 2)})
    report = _admin(gateway, "POST", "/catalog/sync").events()[-2]["report"]
    assert report["quarantined"] == 1
    [hold] = _told(gateway, "/catalog")["quarantined"]
    assert "prompt 1 $/M -> 20 $/M" in hold["text"]
    reply = _admin(gateway, "POST", f"/catalog/quarantine/{hold['id']}", {"approve": True})
    assert reply.json()["data"] == {"id": hold["id"], "approved": True, "text": hold["text"]}
    assert _admin(gateway, "POST", f"/catalog/quarantine/{hold['id']}", {"approve": True}).status == 404
    assert _admin(gateway, "POST", "/catalog/quarantine/x", {"approve": "yes"}).status == 400
    catalog = _told(gateway, "/catalog")
    assert catalog["quarantined"] == []
    assert catalog["sources"][0]["source"] == "models.dev"
    assert [one["kind"] for one in catalog["changes"]][:1] == ["price"]
    until(lambda: b"0.00002" in gateway.request("GET", "/api/v1/models?output_modalities=all").body)


def test_the_store_is_copied_downloaded_and_restored_while_requests_run(gateway: Gateway, tmp_path: Path) -> None:
    def new_key(name: str, **fields: object) -> str:
        body = {"name": name} | fields
        made: str = gateway.request("POST", "/api/v1/keys", body, key=gateway.management_key).json()["key"]
        return made

    def status(key: str) -> int:
        body = {"model": "acme/tiny", "messages": [{"role": "user", "content": "Hello"}]}
        return gateway.request("POST", "/api/v1/chat/completions", body, key=key).status

    kept = new_key("kept", limit=1)
    assert status(kept) == 200
    backup = _admin(gateway, "POST", "/backups")
    assert backup.status == 201
    name = backup.json()["data"]["name"]
    later = new_key("later")
    assert status(later) == 200
    file = tmp_path / "copy.sqlite"
    file.write_bytes(_admin(gateway, "GET", f"/backups/{name}").body)
    with sqlite3.connect(file) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM keys")}
    connection.close()
    assert "kept" in names
    assert "later" not in names

    restored = _admin(gateway, "POST", f"/backups/{name}/restore")
    assert restored.status == 200, restored.body
    until(lambda: status(later) == 401)
    until(lambda: status(kept) == 200)
    before = restored.json()["data"]["before"]["name"]
    assert [one["name"] for one in _told(gateway, "/backups")] == [before, name]
    assert _admin(gateway, "POST", f"/backups/{before}/restore").status == 200
    until(lambda: status(later) == 200)
    assert all(one["well"] for one in _told(gateway, "/doctor"))
    for path in (before, name):
        assert _admin(gateway, "DELETE", f"/backups/{path}").status == 200
    assert _admin(gateway, "DELETE", f"/backups/{name}").status == 404


@pytest.mark.parametrize("name", ["..%2Fturnout.sqlite", "turnout-..sqlite", "turnout.sqlite", "turnout-none.sqlite"])
def test_a_name_reaches_no_file_that_is_no_backup(gateway: Gateway, name: str) -> None:
    assert _admin(gateway, "GET", f"/backups/{name}").status == 404
    assert _admin(gateway, "DELETE", f"/backups/{name}").status == 404
    assert _admin(gateway, "POST", f"/backups/{name}/restore").status == 404


def test_the_master_key_is_rotated_and_credentials_stay_readable(gateway: Gateway) -> None:
    body = {"provider": "groq", "key": "gsk_0123456789abcdef"}
    gateway.request("POST", "/api/v1/byok", body, key=gateway.management_key)
    assert _admin(gateway, "POST", "/master-key/rotate").json()["data"]["resealed"] == 1
    [entry] = gateway.request("GET", "/api/v1/byok", key=gateway.management_key).json()["data"]
    assert entry["readable"] is True
