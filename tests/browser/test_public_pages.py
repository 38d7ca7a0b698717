"""Public pages in a browser: they run without a complaint, for everybody, wide and narrow, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from browsing import NARROW, Desk, settles_in_its_window, violations
from conservation import generation_ids
from patience import until

_PAGES = {
    "home": "/",
    "models": "/models",
    "cards": "/models?fmt=cards&sort=newest",
    "model": "/models/openai/gpt-4o",
    "compare": "/compare?m=openai/gpt-4o&m=anthropic/claude-sonnet-4&m=google/gemini-2.5-pro",
    "providers": "/providers",
    "provider": "/providers/openai",
    "rankings": "/rankings",
    "new": "/new",
    "status": "/status",
    "for-providers": "/for-providers",
    "sign-in": "/sign-in",
}


@pytest.mark.parametrize("name", _PAGES)
def test_a_page_is_accessible_and_fits_its_window(desk: Desk, pictures: Path, name: str) -> None:
    page = desk.open(_PAGES[name])
    whole = name not in {"models", "cards"}  # those grow as they are scrolled
    page.screenshot(path=pictures / f"{name}-1440.png", full_page=whole)
    assert violations(page) == []
    assert page.evaluate("[...document.querySelectorAll('.virtual')].every(one => one.scrollWidth <= one.clientWidth)")
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=pictures / f"{name}-1440-dark.png", full_page=whole)
    assert violations(page, "color-contrast") == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    page.screenshot(path=pictures / f"{name}-390.png", full_page=whole)
    settles_in_its_window(page)


def test_the_theme_is_chosen_and_remembered(desk: Desk) -> None:
    page = desk.open("/for-providers", color_scheme="light")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Dark or light").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.goto("/new", wait_until="networkidle")
    assert page.evaluate(paper) == dark


def test_code_is_copied_in_the_language_that_is_chosen_by_arrow_keys(desk: Desk) -> None:
    page = desk.open("/models/openai/gpt-4o", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f'OpenAI(base_url="{desk.gateway.url}/api/v1"' in copied
    assert 'model="openai/gpt-4o"' in copied


def test_two_models_are_compared_and_one_is_taken_out(desk: Desk) -> None:
    page = desk.open("/models/openai/gpt-4o")
    page.get_by_role("link", name="Compare", exact=True).last.click()
    page.get_by_label("Add a model").fill("anthropic/claude-sonnet-4")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/compare?m=openai%2Fgpt-4o&m=anthropic%2Fclaude-sonnet-4")
    expect(page.locator("table.compare thead th")).to_have_count(2)
    page.get_by_role("button", name="Remove OpenAI: GPT-4o").click()
    page.wait_for_url("**/compare?m=anthropic%2Fclaude-sonnet-4")
    desk.expected.add(404)
    page.goto("/compare?m=no/such")
    assert "no model called no/such" in page.get_by_role("alert").inner_text()
    page.goto("/models/openai/gpt-4-oh")
    assert page.get_by_role("link", name="OpenAI: GPT-4").count() > 0


def test_what_the_gateway_does_is_seen_on_its_public_pages_and_in_activity(desk: Desk) -> None:
    asked = [desk.gateway.chat("fake/lorem-50", stream=True) for _ in range(6)]
    assert {reply.status for reply in asked} == {200}
    ids = {reply.headers["x-generation-id"] for reply in asked}
    until(lambda: ids <= {found for found, _ in generation_ids(desk.gateway)})
    page = desk.sign_in("/activity")
    page.get_by_role("row", name="fake/lorem-50").wait_for()
    assert violations(page) == []
    until(lambda: b"fake/lorem" in desk.gateway.request("GET", "/status").body)  # a page is kept for a second
    page.goto("/status", wait_until="networkidle")
    expect(page.locator("tbody")).to_contain_text("fake/lorem")


def test_a_model_is_tried_by_who_has_yet_to_sign_in(desk: Desk) -> None:
    page = desk.open("/models/fake/lorem-50")
    page.get_by_role("link", name="Try it").click()
    page.get_by_label("Key", exact=True).fill(desk.gateway.key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="fake/lorem-50", exact=True).wait_for()
    page.goto("/models/openai/gpt-4o", wait_until="networkidle")
    assert page.get_by_role("link", name="Try it").count() == 0  # nothing here can call it


def test_a_wrong_key_does_not_open_the_console(desk: Desk) -> None:
    desk.expected.add(401)
    page = desk.open("/activity")
    page.wait_for_url("**/sign-in?next=%2Factivity")
    page.get_by_label("Key", exact=True).fill("sk-to-v1-" + "0" * 64)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    ordinary = desk.sign_in("/activity", key=desk.gateway.key)
    expect(ordinary.locator("main")).to_contain_text("needs a management key")
