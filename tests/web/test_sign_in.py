"""Sessions of browsers: what a cookie may do, what it may not, and how it ends."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway import Gateway, Reply
from patience import until
from turnout.web.gate import csrf_of, secret_of

_CHAT = {"model": "fake/echo", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("door"), "[catalog]\nbundled = false\n") as running:
        yield running


class Browser(NamedTuple):
    """A browser that is signed in."""

    gateway: Gateway
    cookie: str
    csrf: str

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """One request with the cookie, and with the token unless *headers* say otherwise."""
        sent = {
            "Cookie": self.cookie,
            "X-CSRF-Token": self.csrf,
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        return self.gateway.request(method, path, body, headers=sent, key=None)


def _enter(gateway: Gateway, key: str) -> Browser:
    reply = gateway.request("POST", "/session", {"key": key}, key=None)
    assert reply.status == 201, reply.body
    return Browser(gateway, reply.headers["set-cookie"].partition(";")[0], reply.json()["data"]["csrf"])


def _manage(gateway: Gateway, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    return gateway.request(method, f"/api/v1{path}", body, key=gateway.management_key).json()


def test_the_cookie_is_for_the_gate_alone_and_out_of_reach_of_scripts(gateway: Gateway) -> None:
    reply = gateway.request("POST", "/session", {"key": gateway.management_key}, key=None)
    cookie = reply.headers["set-cookie"]
    assert {part.strip().lower() for part in cookie.split(";")[1:]} >= {"httponly", "path=/session", "samesite=strict"}
    assert len(secret_of(cookie.partition(";")[0])) >= 40
    assert gateway.management_key.encode() not in reply.body
    assert reply.json()["data"]["key"]["management"] is True


def test_a_session_may_what_its_key_may(gateway: Gateway) -> None:
    boss, worker = _enter(gateway, gateway.management_key), _enter(gateway, gateway.key)
    assert boss.ask("GET", "/session").json()["data"]["account"]["admin"] is True
    assert boss.ask("GET", "/session/api/v1/keys").status == 200
    assert worker.ask("GET", "/session/api/v1/keys").status == 403
    assert worker.ask("GET", "/session/api/v1/key").status == 200


def test_the_playground_spends_with_the_accounts_website_key_or_with_the_ordinary_key_itself(gateway: Gateway) -> None:
    boss, worker = _enter(gateway, gateway.management_key), _enter(gateway, gateway.key)
    for browser in (boss, worker):
        reply = browser.ask("POST", "/session/api/v1/chat/completions", _CHAT)
        assert reply.json()["choices"][0]["message"]["content"] == "hello"
    until(lambda: _sums(gateway) >= {"website", "configuration"})
    _enter(gateway, gateway.management_key)
    assert [key["name"] for key in _manage(gateway, "GET", "/keys")["data"]].count("website") == 1


def _sums(gateway: Gateway) -> set[str]:
    """The names of the keys that were used today."""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    found = _manage(gateway, "GET", f"/activity?from={today}&to={today}&group_by=key")["data"]
    return {one["api_key_name"] for one in found}


def test_a_write_wants_the_token_and_a_read_does_not(gateway: Gateway) -> None:
    browser = _enter(gateway, gateway.management_key)
    assert browser.ask("GET", "/session/api/v1/keys", X_CSRF_Token="").status == 200
    other = _enter(gateway, gateway.management_key)
    for wrong in ("", "0" * 64, other.csrf):
        assert browser.ask("POST", "/session/api/v1/keys", {"name": "x"}, X_CSRF_Token=wrong).status == 403
        assert browser.ask("POST", "/session/api/v1/chat/completions", _CHAT, X_CSRF_Token=wrong).status == 403
    assert browser.ask("DELETE", "/session", X_CSRF_Token="").status == 403
    assert browser.ask("POST", "/session/api/v1/keys", {"name": "x"}).status == 201


def test_a_cookie_means_nothing_elsewhere_and_a_key_means_nothing_behind_the_gate(gateway: Gateway) -> None:
    browser = _enter(gateway, gateway.management_key)
    assert browser.ask("GET", "/api/v1/keys").status == 401
    assert browser.ask("POST", "/api/v1/chat/completions", _CHAT).status == 401
    assert gateway.request("GET", "/session/api/v1/keys", key=gateway.management_key).status == 401
    stranger = browser._replace(cookie="turnout_session=x", csrf=csrf_of("x"))
    assert stranger.ask("GET", "/session/api/v1/keys").status == 401
    assert stranger.ask("GET", "/session").json() == {"data": None}


def test_signing_out_ends_every_copy_of_the_session(gateway: Gateway) -> None:
    browser = _enter(gateway, gateway.management_key)
    assert browser.ask("GET", "/session/api/v1/keys").status == 200
    gone = browser.ask("DELETE", "/session")
    assert re.search(r"Max-Age=0", gone.headers["set-cookie"])
    until(lambda: browser.ask("GET", "/session/api/v1/keys").status == 401)


def test_a_key_that_is_switched_off_takes_its_sessions_with_it(gateway: Gateway) -> None:
    made = _manage(gateway, "POST", "/keys", {"name": "visitor"})
    browser = _enter(gateway, made["key"])
    assert browser.ask("GET", "/session/api/v1/key").status == 200
    _manage(gateway, "PATCH", f"/keys/{made['data']['hash']}", {"disabled": True})
    until(lambda: browser.ask("GET", "/session/api/v1/key").status == 401)
    assert gateway.request("POST", "/session", {"key": made["key"]}, key=None).status == 401


def test_signing_in_is_refused_to_other_sites_and_other_forms(gateway: Gateway) -> None:
    def status(body: object, **headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return gateway.request("POST", "/session", body, headers=sent, key=None).status

    key = {"key": gateway.management_key}
    assert status(key, Sec_Fetch_Site="cross-site") == 403
    assert status(key, Content_Type="text/plain") == 400
    assert status({"key": 5}) == 400
    assert status(b"[") == 400
    assert status(b" " * 5_000) == 413
    assert status({"key": "sk-to-v1-" + "0" * 64}) == 401
    assert status({"key": "\u20ac \ud83d\ude80"}) == 401
    assert status({"key": ""}) == 401


def test_streams_pass_the_gate(gateway: Gateway) -> None:
    browser = _enter(gateway, gateway.management_key)
    reply = browser.ask("POST", "/session/api/v1/chat/completions", _CHAT | {"stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.events()[-1] == "[DONE]"


def test_private_pages_are_for_those_who_have_signed_in(tmp_path: Path) -> None:
    with Gateway(tmp_path, "[catalog]\nbundled = false\n[auth]\npublic_pages = false\n") as private:
        for path in ("/", "/models?q=a", "/models/table.json", "/providers/fake", "/rankings", "/status"):
            away = private.request("GET", path, key=None)
            assert (away.status, away.headers["cache-control"]) == (303, "no-store")
            assert away.headers["location"] == f"/sign-in?next={path.replace('?', '%3F').replace('=', '%3D')}"
        assert private.request("GET", "/sign-in", key=None).status == 200
        browser = _enter(private, private.key)
        shown = browser.ask("GET", "/status")
        assert (shown.status, shown.headers["cache-control"]) == (200, "private, no-cache")
        assert browser.ask("DELETE", "/session").status == 200
        assert browser.ask("GET", "/status").status == 303
