"""Ways in: by a key, by an OpenID provider, for an app that asks for a key of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import expect

from browsing import NARROW, WIDE, Desk, settles_in_its_window, violations
from openid import CLIENT, SECRET, OpenIDProvider
from turnout.accounts.apps import s256

_VERIFIER = "the-verifier-of-this-test-which-is-long-enough-0123"
_AWAY = ("https://evil.example/", "//evil.example/", "/\\evil.example/", "/\t/evil.example/", "javascript:hit=1")


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIDProvider]:
    found = OpenIDProvider()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def toml(provider: OpenIDProvider) -> str:
    """Everybody of one domain may sign in; nothing is there yet but the fake provider."""
    return (
        f'[catalog]\nbundled = false\n[auth.oidc]\nissuer = "{provider.issuer}"\nclient_id = "{CLIENT}"\n'
        f'client_secret = "{SECRET}"\nname = "Example ID"\ncredit = "0.5"\n'
    )


def test_whoever_signs_in_first_begins_with_a_credential_and_others_with_the_chat(desk: Desk) -> None:
    page = desk.page()
    for key, first in ((desk.gateway.management_key, "/setup"), (desk.gateway.key, "/chat")):
        page.goto("/sign-in")
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"**{first}")
    for away in _AWAY:
        page.goto(f"/sign-in?next={quote(away, safe='')}")
        page.get_by_label("Key", exact=True).fill(desk.gateway.key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"{desk.gateway.url}/chat")
    page.goto(f"/sign-in?next={quote('/logs?model=a/b&user=%C3%A9', safe='')}")
    page.get_by_label("Key", exact=True).fill(desk.gateway.key)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/logs?model=a/b&user=%C3%A9")
    page.wait_for_load_state("networkidle")


def test_people_sign_in_by_a_provider_and_come_back_to_where_they_wanted(desk: Desk, pictures: Path) -> None:
    for size in (WIDE, NARROW):
        page = desk.open("/logs", size)
        page.wait_for_url("**/sign-in?next=%2Flogs")
        page.get_by_role("link", name="Sign in with Example ID").wait_for()
        assert violations(page) == []
        page.screenshot(path=pictures / f"sign-in-oidc-{size[0]}.png")
        page.get_by_role("link", name="Sign in with Example ID").click()
        page.wait_for_url(f"{desk.gateway.url}/logs")
        expect(page.get_by_role("navigation", name="Your pages")).to_contain_text("ann")
        page.wait_for_load_state("networkidle")


def test_an_app_is_given_a_key_with_a_limit_by_who_signs_in_for_it(desk: Desk, pictures: Path) -> None:
    callback = f"{desk.gateway.url}/for-providers?from=app"  # any page that answers
    asked = {"callback_url": callback, "code_challenge": s256(_VERIFIER), "code_challenge_method": "S256"}
    page = desk.open(f"/auth?{urlencode(asked)}")
    page.wait_for_url("**/sign-in?next=**")
    page.get_by_label("Key", exact=True).fill(desk.gateway.management_key)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Allow").wait_for()
    assert violations(page) == []
    page.screenshot(path=pictures / "consent-1440.png")
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    settles_in_its_window(page)
    page.screenshot(path=pictures / "consent-390.png")
    page.get_by_label("Name of the key").fill("<b>my app</b>")
    page.get_by_label("It may spend, in dollars").fill("2.5")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/for-providers?from=app&code=*")
    code = page.evaluate("new URLSearchParams(location.search).get('code')")
    proof = {"code": code, "code_verifier": _VERIFIER, "code_challenge_method": "S256"}
    made = desk.gateway.request("POST", "/api/v1/auth/keys", proof, key=None)
    assert made.status == 200, made.body
    page.goto("/keys", wait_until="networkidle")
    row = page.get_by_role("region", name="Keys").get_by_role("row").filter(has_text="<b>my app</b>")
    expect(row).to_contain_text("$2.50")
