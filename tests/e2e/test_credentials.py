"""Credentials that accounts bring, through the whole gateway."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, Reply, model_tables, provider_table
from listening import say_json
from patience import until

_PRICE = '{ prompt = "0.001", completion = "0.002" }'
_GOOD, _OTHER, _BAD = "sk-own-canary-good11", "sk-own-canary-other2", "sk-own-canary-wrong3"
_SHARED = "sk-upstream-secret"
_ANSWER = {
    "id": "up-1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip


class Provider:
    """A provider that remembers by which keys it was asked, and refuses one."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        outer = self

        class Desk(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._say(_ANSWER)

            def do_GET(self) -> None:
                self._say({"data": []})

            def _say(self, answer: object) -> None:
                key = (self.headers["Authorization"] or "").removeprefix("Bearer ")
                outer.keys.append(key)
                status = 401 if key == _BAD else 200
                say_json(self, status, {"error": {"message": f"bad {key}"}} if status == 401 else answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Gateway]:
    toml = "[catalog]\nbundled = false\n" + provider_table("acme", provider.base_url)
    toml += model_tables("acme/tiny", [("acme", "tiny", _PRICE)]) + model_tables("acme/big", [("acme", "big", _PRICE)])
    with Gateway(tmp_path_factory.mktemp("own"), toml) as one:
        yield one
        assert "mistake of ours" not in one.log()
        for text in (one.log(), *_files(one.data_dir)):
            assert "canary" not in text


@pytest.fixture(autouse=True)
def _clean(gateway: Gateway, provider: Provider) -> Iterator[None]:
    until(lambda: not is_own(gateway))  # what the test before has deleted is out of use
    provider.keys.clear()
    yield
    for one in manage(gateway, "GET", "/byok").json()["data"]:
        manage(gateway, "DELETE", f"/byok/{one['id']}")


def manage(gateway: Gateway, method: str, path: str, body: object = None) -> Reply:
    reply = gateway.request(method, f"/api/v1{path}", body, key=gateway.management_key)
    assert "canary" not in reply.body.decode()
    return reply


def bring(gateway: Gateway, key: str, **fields: object) -> str:
    reply = manage(gateway, "POST", "/byok", {"provider": "acme", "key": key} | fields)
    assert reply.status == 201, reply.body
    found: str = reply.json()["data"]["id"]
    return found


def ask(gateway: Gateway, model: str = "acme/tiny", key: str | None = None, **fields: object) -> Reply:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]} | fields
    return gateway.request("POST", "/api/v1/chat/completions", body, key=key or gateway.key)


def is_own(gateway: Gateway, **fields: Any) -> bool:  # noqa: ANN401 - any field of a request
    found: bool = ask(gateway, **fields).json()["usage"]["is_byok"]
    return found


def test_an_own_credential_is_used_first_and_costs_nothing_here(gateway: Gateway, provider: Provider) -> None:
    assert not is_own(gateway)
    credential = bring(gateway, _GOOD)
    until(lambda: is_own(gateway))
    fresh = a_key(gateway)
    provider.keys.clear()
    reply = ask(gateway, key=fresh)
    usage = reply.json()["usage"]
    assert provider.keys == [_GOOD]
    assert (usage["cost"], usage["is_byok"]) == (0, True)
    assert usage["cost_details"]["upstream_inference_cost"] == pytest.approx(0.007)
    record = gateway.generation(reply)
    assert (record["is_byok"], record["total_cost"]) == (True, 0)
    assert record["upstream_inference_cost"] == pytest.approx(0.007)
    assert [one["is_byok"] for one in record["provider_responses"]] == [True]
    until(lambda: own(gateway, fresh)["byok_usage"] > 0)
    after = own(gateway, fresh)
    assert [after[f"byok_usage{window}"] for window in ("", "_daily", "_weekly", "_monthly")] == [0.007] * 4
    assert after["usage"] == 0
    plan = gateway.request(
        "POST", "/api/v1/explain", {"model": "acme/tiny", "messages": [{"role": "user", "content": "x"}]}
    )
    assert plan.json()["data"]["endpoints"][0]["credential"] == credential


def test_what_voters_are_billed_for_directly_is_told_and_counted_of_their_definitions(gateway: Gateway) -> None:
    bring(gateway, _GOOD)
    until(lambda: is_own(gateway))
    body = {"messages": [{"role": "user", "content": "x"}], "model": {"llms": [{"model": "acme/tiny"}] * 2}}
    answer = gateway.request("POST", "/multichat/completions", body).json()
    for usage, times in ((answer["usage"], 2), (answer["choices"][0]["completion_metadata"]["usage"], 1)):
        assert (usage["cost"], usage["is_byok"]) == (0, True)
        assert usage["cost_details"]["upstream_inference_cost"] == pytest.approx(0.007 * times)
    for path in (f"models/{answer['model']}", f"llms/{answer['choices'][0]['model']}"):
        told = gateway.request("GET", f"/multichat/{path}?metadata=true").json()
        assert told["total_cost"] == pytest.approx(0.014)


def own(gateway: Gateway, key: str) -> Any:  # noqa: ANN401 - JSON
    """What a key reads of itself."""
    return gateway.request("GET", "/api/v1/key", key=key).json()["data"]


def a_key(gateway: Gateway, **fields: object) -> str:
    made = gateway.request("POST", "/api/v1/keys", {"name": "k"} | fields, key=gateway.management_key)
    found: str = made.json()["key"]
    return found


def test_one_that_is_refused_gives_way_to_the_next_and_harms_nobody(gateway: Gateway, provider: Provider) -> None:
    bring(gateway, _BAD)
    bring(gateway, _OTHER)
    until(lambda: is_own(gateway))
    provider.keys.clear()
    for _ in range(3):
        reply = ask(gateway)
        assert "canary" not in reply.body.decode()
        assert reply.json()["usage"]["is_byok"]
    assert provider.keys == [_BAD, _OTHER] * 3
    other = another_account(gateway)
    reply = gateway.request(
        "POST", "/api/v1/explain", {"model": "acme/tiny", "messages": [{"role": "user", "content": "x"}]}, key=other
    )
    [endpoint] = reply.json()["data"]["endpoints"]
    assert endpoint["rule"] is None  # the endpoint is as well as before


def test_a_fallback_is_used_after_the_gateways_own(gateway: Gateway, provider: Provider) -> None:
    bring(gateway, _GOOD, is_fallback=True)
    time.sleep(0.1)
    assert not is_own(gateway)
    assert provider.keys == [_SHARED]


def test_another_account_uses_nothing_of_it(gateway: Gateway, provider: Provider) -> None:
    bring(gateway, _GOOD)
    until(lambda: is_own(gateway))
    provider.keys.clear()
    assert not is_own(gateway, key=another_account(gateway))
    assert provider.keys == [_SHARED]


def another_account(gateway: Gateway) -> str:
    account = manage(gateway, "POST", "/accounts", {"name": "other"}).json()["data"]["id"]
    return a_key(gateway, account_id=account)


def test_one_may_be_kept_to_some_keys_and_models(gateway: Gateway) -> None:
    made = gateway.request("POST", "/api/v1/keys", {"name": "k"}, key=gateway.management_key).json()
    bring(gateway, _GOOD, allowed_models=["acme/big"], allowed_api_key_hashes=[made["data"]["hash"]])
    until(lambda: is_own(gateway, model="acme/big", key=made["key"]))
    assert not is_own(gateway, key=made["key"])
    assert not is_own(gateway, model="acme/big")


def test_limits_count_what_providers_bill_only_where_the_key_says_so(gateway: Gateway) -> None:
    bring(gateway, _GOOD)
    until(lambda: is_own(gateway))

    free, counted = a_key(gateway, limit=0.15), a_key(gateway, limit=0.15, include_byok_in_limit=True)
    statuses = {name: [ask(gateway, key=name, max_tokens=2).status for _ in range(25)] for name in (free, counted)}
    assert statuses[free] == [200] * 25
    assert statuses[counted][:2] == [200, 200]
    assert statuses[counted][-1] == 402
    done = statuses[counted].count(200)
    until(lambda: own(gateway, counted)["limit_remaining"] == pytest.approx(0.15 - done * 0.007))
    assert own(gateway, free)["limit_remaining"] == pytest.approx(0.15)


def test_a_guardrails_budget_counts_what_providers_bill_only_where_the_guardrail_says_so(gateway: Gateway) -> None:
    bring(gateway, _GOOD)
    until(lambda: is_own(gateway))
    limit = {"name": "g", "limit_usd": 0.15, "reset_interval": "daily"}
    guardrail = manage(gateway, "POST", "/guardrails", limit).json()["data"]["id"]
    made = gateway.request("POST", "/api/v1/keys", {"name": "k"}, key=gateway.management_key).json()
    key, whose = made["key"], {"key_hashes": [made["data"]["hash"]]}
    assert manage(gateway, "POST", f"/guardrails/{guardrail}/assignments/keys", whose).status == 200

    def budget() -> Any:  # noqa: ANN401 - JSON
        return own(gateway, key)["budgets"][0]

    until(lambda: own(gateway, key)["budgets"] != [])
    assert [ask(gateway, key=key, max_tokens=2).status for _ in range(25)] == [200] * 25
    assert (budget()["spend_usd"], budget()["include_byok"], budget()["guardrail_id"]) == (0, False, guardrail)

    manage(gateway, "PATCH", f"/guardrails/{guardrail}", {"include_byok_in_budgets": True})
    until(lambda: budget()["include_byok"])
    until(lambda: ask(gateway, key=key, max_tokens=2).status == 403)
    until(lambda: budget()["spend_usd"] > 0)
    assert (len(own(gateway, key)["budgets"]), budget()["guardrail_id"]) == (1, guardrail)
    manage(gateway, "POST", f"/guardrails/{guardrail}/assignments/keys/remove", whose)
    until(lambda: own(gateway, key)["budgets"] == [])
    until(lambda: ask(gateway, key=key, max_tokens=2).status == 200)


def test_a_credential_is_tested_by_an_endpoint_and_by_a_command(gateway: Gateway, provider: Provider) -> None:
    good, bad = bring(gateway, _GOOD, name="good"), bring(gateway, _BAD, name="bad")
    assert manage(gateway, "POST", f"/byok/{good}/test").json()["data"]["ok"] is True
    assert manage(gateway, "POST", f"/byok/{bad}/test").json()["data"]["ok"] is False
    assert provider.keys == [_GOOD, _BAD]
    done = turnout(gateway, "keys", "test", "good")
    assert done.returncode == 0, done.stderr
    assert "taken" in done.stdout
    done = turnout(gateway, "keys", "test")
    assert done.returncode == 1
    assert "refused" in done.stdout
    assert "canary" not in done.stdout + done.stderr


def turnout(gateway: Gateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "turnout", *arguments, "--config", str(gateway.config)]
    environment = {"TURNOUT_SERVER__DATA_DIR": str(gateway.data_dir), "COLUMNS": "200", **_inherited()}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=200)  # noqa: S603 - our own


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}


def test_rotation_of_the_master_key_and_of_a_secret_loses_no_request(gateway: Gateway, provider: Provider) -> None:
    credential = bring(gateway, _GOOD)
    until(lambda: is_own(gateway))
    provider.keys.clear()
    stop = threading.Event()

    def load() -> set[tuple[int, bool]]:
        seen = set()
        while not stop.is_set():
            reply = ask(gateway)
            seen.add((reply.status, reply.status == 200 and reply.json()["usage"]["is_byok"]))
        return seen

    key_file = gateway.data_dir / "master-keys"
    before = key_file.read_text()
    with ThreadPoolExecutor(4) as crowd:
        running = [crowd.submit(load) for _ in range(4)]
        try:
            done = turnout(gateway, "keys", "rotate-master")
            assert done.returncode == 0, done.stderr
            patched = manage(gateway, "PATCH", f"/byok/{credential}", {"key": _OTHER}).json()["data"]
            assert patched["label"] == "****her2"
            until(lambda: bool(provider.keys) and provider.keys[-1] == _OTHER)
        finally:
            stop.set()
        assert set().union(*(one.result() for one in running)) == {(200, True)}
    assert key_file.read_text().split()[1] == before.split()[0]
    assert set(provider.keys) == {_GOOD, _OTHER}


def test_without_its_master_key_a_store_says_so_and_the_rest_is_served(tmp_path: Path, provider: Provider) -> None:
    toml = "[catalog]\nbundled = false\n" + provider_table("acme", provider.base_url)
    with Gateway(tmp_path, toml + model_tables("acme/tiny", [("acme", "tiny", _PRICE)])) as gateway:
        credential = bring(gateway, _GOOD)
        until(lambda: is_own(gateway))
        gateway.stop()
        (gateway.data_dir / "master-keys").unlink()
        gateway.start()
        assert "1 of 1 stored credentials cannot be opened" in gateway.log()
        assert not is_own(gateway)
        [entry] = manage(gateway, "GET", "/byok").json()["data"]
        assert (entry["id"], entry["label"], entry["readable"]) == (credential, "****od11", False)
        reply = manage(gateway, "POST", "/byok", {"provider": "acme", "key": _OTHER})
        assert (reply.status, "no master key" in reply.json()["error"]["message"]) == (503, True)
        assert not (gateway.data_dir / "master-keys").exists()


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes().decode("latin-1")
