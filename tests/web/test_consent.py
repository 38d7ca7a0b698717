"""An app gets a key of its own: through the pages as a browser walks them, and through the SDK of OpenRouter."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import pytest
from openrouter import OpenRouter

from gateway import Gateway, Reply
from openrouter_schema import check_operation
from patience import until
from turnout.accounts.apps import s256

_VERIFIER = "the-verifier-of-this-test-which-is-long-enough-0123"
_CALLBACK = "https://app.example/back?state=7"
_ASKED = {"callback_url": _CALLBACK, "code_challenge": s256(_VERIFIER), "code_challenge_method": "S256"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("apps"), "[catalog]\nbundled = false\n", workers=2) as running:
        yield running
        assert "mistake of ours" not in running.log()


class Browser(NamedTuple):
    """A browser with the cookie of a session."""

    gateway: Gateway
    cookie: str

    def get(self, path: str) -> Reply:
        return self.gateway.request("GET", path, headers={"Cookie": self.cookie}, key=None)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Reply:
        sent = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gateway.request("POST", path, urlencode(form).encode(), headers=sent, key=None)


def _browser(gateway: Gateway, key: str) -> Browser:
    reply = gateway.request("POST", "/session", {"key": key}, key=None)
    return Browser(gateway, reply.headers["set-cookie"].partition(";")[0])


def _address(path: str = "/session/auth", **stated: str) -> str:
    return f"{path}?{urlencode(_ASKED | stated)}"


def _form(page: Reply) -> tuple[str, dict[str, str]]:
    """Where the page's form leads, and what it holds."""
    text = page.body.decode()
    action = re.search(r'action="([^"]+)"', text)
    assert action is not None, text
    fields = re.findall(r'<input(?: type="hidden")? name="(\w+)" value="([^"]*)"', text)
    return html.unescape(action[1]), {name: html.unescape(value) for name, value in fields} | {"reset": ""}


def _exchange(gateway: Gateway, code: str, verifier: str = _VERIFIER, **fields: object) -> Reply:
    body = {"code": code, "code_verifier": verifier, "code_challenge_method": "S256"} | fields
    return gateway.request("POST", "/api/v1/auth/keys", body, key=None)


def _new_code(gateway: Gateway, **fields: object) -> str:
    reply = gateway.request("POST", "/api/v1/auth/keys/code", _ASKED | fields, key=gateway.management_key)
    assert reply.status == 200, reply.body
    code: str = reply.json()["data"]["id"]
    return code


def test_a_browser_walks_from_the_app_to_its_key(gateway: Gateway) -> None:
    first = gateway.request("GET", _address("/auth", limit="3"), key=None)
    assert first.status == 200
    assert "app.example" in first.body.decode()
    assert "set-cookie" not in first.headers
    onward = re.search(r'content="0; url=([^"]+)"', first.body.decode())
    assert onward is not None
    path = html.unescape(onward[1])
    away = gateway.request("GET", path, key=None)
    assert away.status == 303
    assert away.headers["location"] == f"/sign-in?next={quote(path.replace('/session', ''), safe='')}"
    browser = _browser(gateway, gateway.management_key)
    page = browser.get(path)
    assert page.status == 200
    assert page.headers["cache-control"] == "no-store"
    assert "form-action 'self' https://app.example;" in page.headers["content-security-policy"]
    action, fields = _form(page)
    assert (fields["name"], fields["limit"]) == ("app.example", "3")
    answer = browser.post(action, fields | {"limit": "0.5", "reset": "daily", "answer": "allow"})
    assert answer.status == 303
    place = urlsplit(answer.headers["location"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == "https://app.example/back"
    assert [name for name, _ in parse_qsl(place.query)] == ["state", "code"]
    reply = _exchange(gateway, parse_qs(place.query)["code"][0])
    assert reply.status == 200
    assert reply.json()["user_id"] == "default"
    until(lambda: gateway.request("GET", "/api/v1/key", key=reply.json()["key"]).status == 200)
    own = gateway.request("GET", "/api/v1/key", key=reply.json()["key"]).json()["data"]
    assert (own["limit"], own["limit_reset"], own["is_management_key"]) == (0.5, "daily", False)


def test_who_says_no_gives_nothing_and_who_has_no_address_gets_to_read_the_code(gateway: Gateway) -> None:
    browser = _browser(gateway, gateway.management_key)
    action, fields = _form(browser.get(_address()))
    denied = browser.post(action, fields | {"answer": "deny"})
    assert denied.headers["location"] == f"{_CALLBACK}&error=access_denied"
    action, fields = _form(browser.get(_address(callback_url="")))
    shown = browser.post(action, fields | {"answer": "allow"})
    assert shown.status == 200
    code = re.search(r'<code class="slug">([\w-]+)</code>', shown.body.decode())
    assert code is not None
    assert _exchange(gateway, code[1]).status == 200


def test_nobody_else_can_say_yes(gateway: Gateway) -> None:
    browser, worker = _browser(gateway, gateway.management_key), _browser(gateway, gateway.key)
    action, fields = _form(browser.get(_address()))
    fields["answer"] = "allow"
    other = _form(_browser(gateway, gateway.management_key).get(_address()))[1]["csrf"]
    for form in (fields | {"csrf": ""}, fields | {"csrf": other}):
        assert browser.post(action, form).status == 403
    assert browser.post(action, fields, Sec_Fetch_Site="cross-site").status == 403
    assert worker.get(_address()).status == 403
    assert worker.post(action, fields).status == 403
    assert Browser(gateway, "turnout_session=x").post(action, fields).status == 403


@pytest.mark.parametrize(
    "stated",
    [
        {"callback_url": "https://evil.example@app.example/"}, {"callback_url": "http://app.example/"},
        {"callback_url": "javascript:alert(1)"}, {"callback_url": "//evil.example"},
        {"callback_url": 'https://app.example/"><script>alert(1)</script>'}, {"code_challenge_method": "plain"},
        {"code_challenge": ""}, {"code_challenge": "short"}, {"limit": "lots"},
    ],
)  # fmt: skip
def test_a_wrong_request_ends_on_a_page_of_ours_and_leads_nowhere(gateway: Gateway, stated: dict[str, str]) -> None:
    browser = _browser(gateway, gateway.management_key)
    _, fields = _form(browser.get(_address()))
    for reply in (
        gateway.request("GET", _address("/auth", **stated), key=None),
        browser.get(_address(**stated)),
        browser.post(_address(**stated), fields | {"answer": "allow"}),
        browser.post(_address(**stated), fields | {"answer": "deny"}),
    ):
        assert reply.status == 400
        assert "location" not in reply.headers
        assert b"<script>alert" not in reply.body
        assert b"http-equiv" not in reply.body
    assert gateway.request("GET", f"{_address('/auth')}&callback_url=https://evil.example", key=None).status == 400
    api = gateway.request("POST", "/api/v1/auth/keys/code", _ASKED | stated, key=gateway.management_key)
    assert api.status == 400


def test_a_code_is_good_once_with_its_own_verifier(gateway: Gateway) -> None:
    code = _new_code(gateway)
    wrong = _exchange(gateway, code, "w" * 43)
    assert (wrong.status, "code_verifier" in wrong.json()["error"]["message"]) == (403, True)
    assert _exchange(gateway, code, "short").status == 403
    assert _exchange(gateway, code, "").status == 400
    assert _exchange(gateway, code, s256(_VERIFIER)).status == 403
    for method in ("plain", "none", "s256"):
        assert _exchange(gateway, code, code_challenge_method=method).status == 400
    assert _exchange(gateway, code, code_challenge_method=None).status == 200
    assert _exchange(gateway, code).status == 403
    assert _exchange(gateway, "unknown").status == 403
    assert gateway.request("POST", "/api/v1/auth/keys", {"code": 5}, key=None).status == 400


def test_of_many_who_bring_the_same_code_at_once_one_gets_a_key(gateway: Gateway) -> None:
    code = _new_code(gateway)
    with ThreadPoolExecutor(10) as crowd:
        statuses = Counter(reply.status for reply in crowd.map(lambda _: _exchange(gateway, code), range(50)))
    assert statuses == {200: 1, 403: 49}


def test_an_ordinary_key_makes_no_codes(gateway: Gateway) -> None:
    assert gateway.request("POST", "/api/v1/auth/keys/code", _ASKED).status == 403
    assert gateway.request("POST", "/api/v1/auth/keys/code", _ASKED, key=None).status == 401


def test_the_sdk_of_openrouter_gets_a_key(gateway: Gateway) -> None:
    url = f"{gateway.url}/api/v1"
    with OpenRouter(api_key=gateway.management_key, server_url=url, timeout_ms=20_000) as client:
        made = client.o_auth.create_auth_code(
            callback_url="http://localhost:3000/cb", code_challenge=s256(_VERIFIER), code_challenge_method="S256",
            key_label="cli", limit=1.5, usage_limit_type="monthly", retries=None,
        )  # fmt: skip
        assert made.data.app_id > 0
        got = client.o_auth.exchange_auth_code_for_api_key(
            code=made.data.id, code_verifier=_VERIFIER, code_challenge_method="S256", retries=None
        )
    assert got.key.startswith("sk-to-v1-")
    listed = gateway.request("GET", "/api/v1/keys", key=gateway.management_key).json()["data"]
    assert ("cli", 1.5, "monthly") in {(one["name"], one["limit"], one["limit_reset"]) for one in listed}


def test_replies_are_as_the_public_document_promises(gateway: Gateway) -> None:
    reply = gateway.request("POST", "/api/v1/auth/keys/code", _ASKED, key=gateway.management_key)
    check_operation("POST", "/auth/keys/code", reply.json())
    check_operation("POST", "/auth/keys", _exchange(gateway, reply.json()["data"]["id"]).json())
    check_operation("POST", "/auth/keys", _exchange(gateway, "unknown").json(), "403")
    check_operation("POST", "/auth/keys", _exchange(gateway, "x", code_challenge_method="plain").json(), "400")
