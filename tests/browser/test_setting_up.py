"""Setting a gateway up in a browser: the first steps, keys with budgets, presets, guardrails, and what admins do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from browsing import NARROW, Desk, settles_in_its_window, violations
from feeds import Feeds, models_dev
from gateway import FakeServer, Gateway, model_tables, provider_table, running
from patience import until

_REQUEST = quote('{"model": "acme/tiny", "messages": [{"role": "user", "content": "Hi"}]}')
_PAGES = {
    "setup": "/setup",
    "keys": "/keys",
    "presets": "/presets",
    "preset": "/presets?preset=brief",
    "guardrails": "/guardrails",
    "credentials": "/admin/credentials",
    "catalog": "/admin/catalog",
    "routing": f"/admin/routing?request={_REQUEST}",
    "auto": "/admin/auto",
    "accounts": "/admin/accounts",
    "settings": "/admin/settings",
}


@pytest.fixture(scope="module")
def feeds() -> Iterator[Feeds]:
    with Feeds() as found:
        yield found


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, feeds: Feeds) -> Iterator[Gateway]:
    """Two providers of one model, one of them dearer, and a third that nobody has a credential for."""
    directory = tmp_path_factory.mktemp("setting-up")
    fake = FakeServer(directory)
    with running(fake):
        offers = [
            ("acme", "lorem-20", '{ prompt = "0.000001", completion = "0.000002" }'),
            ("dear", "lorem-20", '{ prompt = "0.001", completion = "0.01" }'),
            ("openai", "lorem-20", '{ prompt = "0.000001", completion = "0.000002" }'),
        ]
        toml = feeds.toml(["models.dev"]) + "".join(
            [
                provider_table("acme", fake.base_url),
                provider_table("dear", fake.base_url),
                model_tables("acme/tiny", offers),
            ]
        )
        with Gateway(directory, toml) as one:
            yield one


def _ask(gateway: Gateway, key: str, model: str = "acme/tiny", **fields: object) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20} | fields
    return gateway.request("POST", "/api/v1/chat/completions", body, key=key).status


def _preset(gateway: Gateway, name: str, prompt: str) -> None:
    body = {"model": "acme/tiny", "messages": [{"role": "system", "content": prompt}]}
    path = f"/api/v1/presets/{name}/chat/completions"
    assert gateway.request("POST", path, body, key=gateway.management_key).status == 200


def test_a_new_user_gets_from_the_first_steps_to_a_key_whose_budget_is_used_up(desk: Desk) -> None:
    desk.expected.add(402)
    page = desk.sign_in("/setup")
    page.get_by_role("button", name="Use the fake provider").click()
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="It works").click()
    page.get_by_role("link", name="Make a key with a budget").click()
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_label("Budget in dollars").fill("0.25")
    page.get_by_label("The budget starts anew").select_option("daily")
    page.get_by_role("combobox", name="Models").fill("acme/tiny,")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator(".secret code").inner_text()
    page.get_by_role("button", name="Done").click()
    expect(page.locator(".secret")).to_have_count(0)
    assert key not in page.content()
    assert _ask(desk.gateway, key, "fake/echo") != 200  # it may use the one model alone
    statuses = [_ask(desk.gateway, key)]
    while statuses[-1] == 200 and len(statuses) < 20:  # it costs four or five cents a time
        statuses.append(_ask(desk.gateway, key, provider={"only": ["dear"]}))
    assert (statuses[0], statuses[-1]) == (200, 402)
    until(lambda: desk.gateway.request("GET", "/api/v1/key", key=key).json()["data"]["usage"] >= 0.2)
    page.reload(wait_until="networkidle")
    row = page.get_by_role("row", name="nightly").first
    expect(row.get_by_role("meter")).to_have_attribute("aria-valuetext", re.compile(r"\$0\.2\d* of \$0\.25"))
    row.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("row", name="nightly").first).to_contain_text("disabled")
    page.get_by_role("row", name="nightly").first.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("row", name="nightly")).to_have_count(0)


def test_the_first_steps_keep_and_test_a_credential(desk: Desk) -> None:
    page = desk.sign_in("/setup")
    page.get_by_label("Provider").select_option("acme")
    page.get_by_label("Its API key").fill("sk-of-the-account-1234")
    page.get_by_role("button", name="Keep it and test it").click()
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="It works").wait_for()
    page.goto("/admin/credentials", wait_until="networkidle")
    expect(page.get_by_role("region", name="Credentials of this account")).to_contain_text("1234")
    page.get_by_role("button", name="Test acme ****1234").click()
    page.get_by_role("status").filter(has_text="provider").wait_for()
    expect(page.get_by_role("region", name="Providers")).to_contain_text("set by the file")
    page.get_by_role("button", name="Rotate the master key").click()
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    page.get_by_text("sealed anew").last.wait_for()
    page.get_by_role("button", name="Delete acme ****1234").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Brought by this account")).to_be_visible()
    expect(page.get_by_role("region", name="Credentials of this account")).to_have_count(0)


def test_the_simulator_shows_order_prices_and_who_is_left_out(desk: Desk) -> None:
    page = desk.sign_in("/admin/routing")
    request = '{"model": "acme/tiny", "messages": [{"role": "user", "content": "Hi"}], "provider": {"sort": "price"}}'
    page.get_by_label("Request (JSON)").fill(request)
    page.get_by_role("button", name="Where would it go?").click()
    rows = page.get_by_role("region", name="Tried, in this order").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("acme")
    expect(rows.nth(1)).to_contain_text("1000")
    expect(page.locator("main")).to_contain_text("no_credential")
    capped = request.replace('"sort": "price"', '"max_price": {"prompt": 2}')
    page.get_by_label("Request (JSON)").fill(capped)
    page.keyboard.press("Control+Enter")
    expect(rows).to_have_count(1)
    expect(page.locator("main")).to_contain_text("max_price")
    page.reload(wait_until="networkidle")  # the address is the state
    expect(rows).to_have_count(1)
    page.get_by_label("Request (JSON)").fill("{")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("button", name="Where would it go?")).to_be_disabled()


def test_a_quarantined_change_is_approved(desk: Desk, feeds: Feeds) -> None:
    page = desk.sign_in("/admin/catalog")
    for prompt, told in ((1, "1 changes"), (50, "1 wait for your word")):
        feeds["/api.json"] = models_dev(openai={"gpt-9": (prompt, 60)})
        page.get_by_role("button", name="Sync now").click()
        expect(page.locator("main")).to_contain_text(told)
    held = page.get_by_role("region", name="Quarantined changes")
    expect(held).to_contain_text("1 $/M -> 50 $/M")
    held.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Let through: ")).to_be_visible()
    expect(held).to_have_count(0)
    expect(page.locator(".events")).to_contain_text("gpt-9")


def test_keys_are_made_changed_and_budgets_set_by_keyboard_alone(desk: Desk) -> None:
    page = desk.sign_in("/keys")
    _tab_to(page, "New key")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab") if _focused(page) == "Close" else None
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    page.get_by_text("It is shown once").wait_for()
    page.keyboard.press("Escape")
    _tab_to(page, "Edit by keyboard")
    page.keyboard.press("Enter")
    _tab_to(page, "Tags")
    page.keyboard.type("team,")
    _tab_to(page, "Save")
    page.keyboard.press("Enter")
    page.get_by_role("row", name="by keyboard").get_by_text("team").wait_for()
    _tab_to(page, "Set a budget")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    until(lambda: _focused(page) == "Set a budget")  # where one was


@pytest.mark.slow
def test_a_preset_is_made_changed_compared_and_put_back(desk: Desk) -> None:
    page = desk.sign_in("/presets")
    page.get_by_role("button", name="New preset").click()
    page.get_by_label("Name", exact=True).fill("clear")
    page.get_by_label("System prompt").fill("Answer clearly.")
    page.get_by_label("Settings (JSON)").fill('{"model": "fake/echo", "temperature": "hot"}')
    desk.expected.add(400)
    expect(page.get_by_role("status").filter(has_text="temperature")).to_be_visible()
    page.get_by_label("Settings (JSON)").fill('{"model": "fake/echo", "temperature": 0.5}')
    expect(page.get_by_text("1 endpoint could serve it.")).to_be_visible()
    page.get_by_label("Try it with").fill("Is it so?")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".tried")).to_contain_text("Is it so?")
    page.get_by_role("button", name="Make the preset").click()
    page.wait_for_url("**/presets?preset=clear")
    page.get_by_label("System prompt").fill("Answer briefly.")
    page.get_by_role("button", name="Save as the next version").click()
    expect(page.get_by_role("row", name="2 in effect")).to_be_visible()
    page.get_by_role("button", name="Compare version 1").click()
    assert page.locator(".diff .removed").inner_text().strip() == "- Answer clearly."
    assert page.locator(".diff .added").inner_text().strip() == "+ Answer briefly."
    page.get_by_role("button", name="Put into effect version 1").click()
    expect(page.get_by_role("row", name="1 in effect")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/presets")


@pytest.mark.slow
def test_a_guardrail_is_made_assigned_and_holds(desk: Desk) -> None:
    made = desk.gateway.request("POST", "/api/v1/keys", {"name": "guarded"}, key=desk.gateway.management_key).json()
    page = desk.sign_in("/guardrails")
    page.get_by_role("button", name="New guardrail").click()
    page.get_by_label("Name", exact=True).fill("No tiny models")
    page.get_by_role("combobox", name="Not these models").fill("acme/tiny,")
    page.get_by_role("button", name="Make the guardrail").click()
    row = page.get_by_role("row", name="No tiny models")
    expect(row).to_contain_text("nobody")
    row.get_by_role("button", name="Assign").click()
    page.get_by_role("dialog").get_by_label("guarded").check()
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("guarded")
    until(lambda: _ask(desk.gateway, made["key"]) >= 400)
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


@pytest.mark.slow
def test_accounts_get_credit_and_a_key_and_backups_are_made_and_restored(desk: Desk) -> None:
    page = desk.sign_in("/admin/settings")
    expect(page.get_by_text("All is well.")).to_be_visible()
    page.get_by_role("button", name="Back up now").click()
    expect(page.get_by_role("region", name="Backups").locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Accounts").click()
    page.get_by_role("button", name="New account").click()
    page.get_by_label("Name", exact=True).fill("Research")
    page.get_by_label("Credit in dollars").fill("20")
    page.get_by_role("button", name="Make the account").click()
    row = page.get_by_role("row", name="Research")
    expect(row.get_by_role("meter")).to_have_attribute("aria-valuetext", "$0 of $20.00")
    row.get_by_role("button", name="New key").click()
    page.get_by_role("button", name="A management key").click()
    key = page.locator(".secret code").inner_text()
    own = desk.gateway.request("GET", "/api/v1/keys", key=key)
    assert (own.status, own.json()["data"]) == (200, [])
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Settings").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).read_bytes().startswith(b"SQLite format 3")
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(page.get_by_text("The store is as it was then.")).to_be_visible()
    page.get_by_role("link", name="Accounts").click()
    expect(page.get_by_role("row", name="Default")).to_be_visible()
    expect(page.get_by_role("row", name="Research")).to_have_count(0)


@pytest.mark.slow
@pytest.mark.parametrize("name", _PAGES)
def test_a_page_is_accessible_and_fits_its_window(desk: Desk, pictures: Path, name: str) -> None:
    _preset(desk.gateway, "brief", f"Answer in {len(name)} words.")
    page = desk.sign_in(quote(_PAGES[name]))
    page.wait_for_timeout(600)
    assert violations(page) == []
    page.screenshot(path=pictures / f"{name}-1440.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    assert violations(page, "color-contrast") == []
    page.screenshot(path=pictures / f"{name}-1440-dark.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    page.screenshot(path=pictures / f"{name}-390.png", full_page=True)
    settles_in_its_window(page)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "button"),
    [("/keys", "New key"), ("/keys", "Set a budget"), ("/presets", "New preset"), ("/guardrails", "New guardrail"),
     ("/admin/credentials", "Bring a credential"), ("/admin/accounts", "New account")],
)  # fmt: skip
def test_a_form_is_accessible_by_day_and_by_night(desk: Desk, pictures: Path, path: str, button: str) -> None:
    page = desk.sign_in(path)
    page.get_by_role("button", name=button, exact=True).click()
    for summary in page.locator("dialog summary").all():
        summary.click()
    page.wait_for_timeout(300)
    assert violations(page) == []
    page.screenshot(path=pictures / f"form-{button.lower().replace(' ', '-')}-1440.png")
    page.emulate_media(color_scheme="dark")
    assert violations(page, "color-contrast") == []


def _focused(page: Page) -> str:
    name: str = page.evaluate(
        "() => { const one = document.activeElement;"
        " return one.getAttribute('aria-label') || one.labels?.[0]?.innerText.trim() || one.innerText || ''; }"
    )
    return name


def _tab_to(page: Page, name: str) -> None:
    for _ in range(120):
        page.keyboard.press("Tab")
        if _focused(page) == name:
            return
    raise AssertionError(f"no way to {name} by keyboard")
