"""What a newcomer stumbles over: long lists, odd addresses, narrow windows, words that are not explained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browsing import NARROW, Desk, settles_in_its_window, violations
from gateway import Gateway, model_tables
from patience import until

_LAPTOP = (1280, 800)
_MANY = 101
_NAME = "production-of-the-third-department/a-model-with-a-long-name"
_FITS = "[...document.querySelectorAll('.virtual, .table')].every(one => one.scrollWidth <= one.clientWidth)"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A hundred and one guardrails, credentials and keys; a model that answers, one that fails, one of vectors."""
    price = '{ prompt = "0.000003", completion = "0.000004" }'
    toml = "[catalog]\nbundled = false\n" + "".join(
        model_tables(name, [("fake", real, price)]) for name, real in ((_NAME, "echo"), ("acme/bad", "status-500"))
    )
    toml += model_tables("acme/vectors", [("fake", "embed", price)]).replace(
        "[[models]]\n", '[[models]]\noutput_modalities = ["embeddings"]\n'
    )
    with Gateway(tmp_path_factory.mktemp("stumbles"), toml) as running:
        for number in range(_MANY):
            _make(running, "guardrails", {"name": f"rail {number}"})
            _make(running, "byok", {"provider": "openai", "key": f"sk-{number:016}", "name": f"credential {number}"})
            _make(running, "keys", {"name": f"key {number}"})
        for name in (_NAME, "acme/bad"):
            running.chat(name)
        yield running


def _make(gateway: Gateway, what: str, body: dict[str, str]) -> None:
    assert gateway.request("POST", f"/api/v1/{what}", body, key=gateway.management_key).status == 201


def _fits(page: Page) -> None:
    until(lambda: page.evaluate(_FITS))


def test_lists_are_whole_however_long(desk: Desk) -> None:
    page = desk.sign_in("/guardrails")
    expect(page.get_by_role("region", name="Guardrails").locator("tbody tr")).to_have_count(_MANY)
    page.get_by_role("button", name="Assign rail 0", exact=True).click()
    page.get_by_role("dialog").get_by_label("key 0 ").check()  # the oldest stands last
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has=page.get_by_text("rail 0", exact=True))).to_contain_text("key 0")
    page.goto("/admin/credentials", wait_until="networkidle")
    own = page.get_by_role("region", name="Credentials of this account").locator("tbody tr")
    expect(own).to_have_count(_MANY)
    page.goto("/keys?offset=900", wait_until="networkidle")
    page.get_by_role("button", name="Newer").click()
    expect(page).to_have_url(f"{desk.gateway.url}/keys?offset=800")


def test_an_address_that_is_none_is_told_so(desk: Desk) -> None:
    page = desk.sign_in("/logs")
    page.goto("/logs/%zz", wait_until="networkidle")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.get_by_role("link", name="Logs", exact=True).click()
    page.locator(".logs tbody a").first.click()
    expect(page.get_by_role("link", name="Logs", exact=True)).to_have_attribute("aria-current", "true")


def test_tables_are_whole_on_a_laptop(desk: Desk) -> None:
    until(lambda: _failed(desk.gateway))
    page = desk.sign_in("/logs", _LAPTOP)
    expect(page.locator(".logs tbody")).to_contain_text("provider_unavailable")
    _fits(page)
    page.goto("/models", wait_until="networkidle")
    page.wait_for_selector("[data-ready]")
    _fits(page)


def _failed(gateway: Gateway) -> bool:
    found = gateway.request("GET", "/api/v1/generations?outcome=failed", key=gateway.management_key)
    return bool(found.json()["data"])


def test_every_main_page_is_in_sight_in_a_narrow_window(desk: Desk, pictures: Path) -> None:
    until(lambda: b"too little asked" in desk.gateway.request("GET", "/status").body)  # one request says nothing
    page = desk.open("/status", NARROW)
    for link in page.get_by_role("navigation", name="Main").get_by_role("link").all():
        box = link.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= NARROW[0]
    expect(page.get_by_text("Callable: Fake")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=_NAME)).to_contain_text("too little asked")
    page.screenshot(path=pictures / "narrow-navigation-390.png")


def test_a_search_among_models_that_write_text_leads_on_to_all_others(desk: Desk) -> None:
    page = desk.open("/models?q=vectors")
    expect(page.get_by_role("status")).to_contain_text("those that write text")
    page.get_by_role("button", name="Look among all models").click()
    expect(page.get_by_role("link", name="acme/vectors")).to_be_visible()


def test_an_answer_that_failed_leads_to_its_record(desk: Desk) -> None:
    desk.expected.add(502)
    page = desk.sign_in("/chat%3Fm=acme/bad%26m=")
    page.get_by_label("Message", exact=True).fill("Hello")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_count(1)
    path = page.locator("article footer").get_by_role("link", name="Log").get_attribute("href") or ""
    until(lambda: _kept(desk.gateway, path.rpartition("/")[2]))
    page.goto(path, wait_until="networkidle")
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()


def _kept(gateway: Gateway, name: str) -> bool:
    return gateway.request("GET", f"/api/v1/generation?id={name}", key=gateway.management_key).status == 200


def test_a_new_keys_example_names_a_model_that_it_may_call(desk: Desk) -> None:
    page = desk.sign_in("/keys", NARROW)
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("bound")
    page.get_by_role("combobox", name="Models").fill(f"acme/*,{_NAME}")  # chips that move the button when it is pressed
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("dialog").locator("pre")).to_contain_text(f'"model": "{_NAME}"')
    assert violations(page) == []


def test_the_last_of_the_first_steps_fits_a_narrow_window(desk: Desk) -> None:
    page = desk.sign_in("/setup", NARROW)
    page.get_by_role("button", name="Use the fake provider").click()
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="It works").click()
    expect(page.get_by_role("heading", name="Point your application here")).to_be_visible()
    assert violations(page) == []
    settles_in_its_window(page)


def test_code_within_a_sentence_stays_in_its_line(desk: Desk) -> None:
    page = desk.sign_in("/admin/settings")
    page.get_by_role("button", name="All", exact=True).click()
    found = page.get_by_role("row").filter(has_text="auth.api_key").locator(".hint code").first
    assert found.evaluate("one => getComputedStyle(one).display") == "inline"
