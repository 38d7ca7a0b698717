"""What somebody else has written is text on every page of the console, whatever it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from browsing import Desk
from gateway import FakeServer, Gateway, Reply, provider_table, running
from hostile import HOSTILE
from patience import until

_NAMES = [re.sub(r"\s+", " ", one).strip() for one in HOSTILE]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Each provider and each model is called what an attacker would call it."""
    directory = tmp_path_factory.mktemp("hostile")
    fake = FakeServer(directory)
    with running(fake):
        toml = ["[catalog]\nbundled = false\n"]
        for at, text in enumerate(HOSTILE):
            toml += [
                provider_table(f"p{at}", fake.base_url, name=json.dumps(text)),
                f'[[models]]\nid = "maker/m{at}"\nname = {json.dumps(text)}\ndescription = {json.dumps(text)}\n',
                f"created = {1_795_000_000 - at}\n",
                f'[[models.endpoints]]\nprovider = "p{at}"\nupstream_model = "echo"\npricing = {{ prompt = "0" }}\n',
            ]
        with Gateway(directory, "".join(toml)) as one:
            yield one


def _manage(gateway: Gateway, key: str, method: str, path: str, body: object) -> Reply:
    reply = gateway.request(method, f"/api/v1{path}", body, key=key)
    assert reply.status in {200, 201}, (path, reply.body)
    return reply


def _kept(gateway: Gateway, key: str, generation_id: str) -> bool:
    return gateway.request("GET", f"/api/v1/generation?id={generation_id}", key=key).status == 200


def _written(gateway: Gateway) -> tuple[str, str]:
    """Everything that can be given a name has been given all of them; a management key, and the id of a request."""
    account = {"name": HOSTILE[0], "admin": True}
    owner = _manage(gateway, gateway.management_key, "POST", "/accounts", account).json()["data"]["id"]
    fields = {"name": HOSTILE[1], "management": True, "account_id": owner}
    boss: str = _manage(gateway, gateway.management_key, "POST", "/keys", fields).json()["key"]
    keeping = _manage(gateway, boss, "POST", "/keys", {"name": "keeps", "store_content": True}).json()["key"]
    sent = ""
    for at, text in enumerate(HOSTILE):
        _manage(gateway, boss, "POST", "/keys", {"name": text, "tags": [text], "allowed_models": [text]})
        _manage(gateway, boss, "POST", "/guardrails", {"name": text, "description": text})
        _manage(gateway, boss, "POST", "/byok", {"provider": f"p{at}", "key": "sk-1234567890123", "name": text})
        _manage(gateway, boss, "POST", "/accounts", {"name": text})
        said = {"model": "maker/m0", "messages": [{"role": "system", "content": text}]}
        _manage(gateway, boss, "POST", f"/presets/h{at}/chat/completions", said)
        _manage(gateway, boss, "PATCH", f"/presets/h{at}", {"name": text, "description": text})
        asked = {"model": f"maker/m{at}", "messages": [{"role": "user", "content": text}], "user": text}
        sent = _manage(gateway, keeping, "POST", "/chat/completions", asked).headers["x-generation-id"]
        until(partial(_kept, gateway, boss, sent))
        _manage(gateway, boss, "POST", "/feedback", {"generation_id": sent, "score": 0.5, "comment": text})
    return boss, sent


def _seen(page: Page, path: str) -> int:
    """How many of the names the page at *path* shows as text; none of them may be more than that."""
    page.goto(path, wait_until="networkidle")
    page.locator("h1").wait_for()
    foreign = "main :is(iframe, object, embed, script, style, link, base, meta, form[action^='java'], img[src='x'])"
    assert page.locator(foreign).count() == 0, path
    assert page.evaluate("window.hit") is None, path
    text = page.evaluate("document.body.innerText.replace(/\\s+/g, ' ')")
    return sum(name in text for name in _NAMES)


def test_a_name_is_text_on_every_page_of_the_console_and_of_the_catalog(desk: Desk) -> None:
    gateway = desk.gateway
    boss, sent = _written(gateway)
    desk.expected |= {400, 404}
    page = desk.sign_in("/activity", (1440, 9000), boss)
    page.on("dialog", lambda one: desk.complaints.append(f"dialog: {one.message}"))
    whole = (
        "/keys", "/guardrails", "/admin/credentials", "/admin/accounts", "/providers", "/rankings",
        "/models?output_modalities=all", "/models?output_modalities=all&fmt=cards&sort=newest",
    )  # fmt: skip
    found = {path: _seen(page, path) for path in whole}
    assert {path: count for path, count in found.items() if count < 60} == {}
    some = (
        "/", "/new", "/presets", "/chat?m=maker/m0", "/query", "/training", "/activity", "/activity?by=user",
        "/activity?by=tag", "/logs", f"/logs/{sent}", "/setup", "/presets?preset=h0", "/admin/catalog", "/admin/auto",
        "/admin/settings?show=all", "/status", "/models/maker/m5", "/providers/p5", "/compare?m=maker/m1&m=maker/m2",
        f"/admin/routing?request={quote(json.dumps({'model': HOSTILE[2], 'messages': []}))}",
        f"/query?new={quote(HOSTILE[2])}&kind=score", f"/logs/{quote(HOSTILE[3], safe='')}",
        f"/models?q={quote(HOSTILE[2])}", f"/chat?m={quote(HOSTILE[0])}", f"/keys?{quote(HOSTILE[4])}",
    )  # fmt: skip
    shown = {path: _seen(page, path) for path in some}
    assert shown["/activity?by=user"] >= 45
    assert (shown["/presets"] >= 50, shown["/new"] >= 35) == (True, True)
    assert shown["/admin/auto"] >= 15
    assert min(shown["/logs"], shown["/setup"], shown["/status"], shown["/admin/settings?show=all"]) >= 60
    assert all(shown.values())


def test_a_refused_sign_in_shows_what_was_pasted_to_nobody(desk: Desk) -> None:
    desk.expected.add(401)
    page = desk.open(f"/sign-in?next={quote('javascript:window.hit=1')}")
    for text in HOSTILE[::9]:
        page.get_by_label("Key", exact=True).fill(text)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert page.evaluate("window.hit") is None
