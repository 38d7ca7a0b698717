"""A new user's path through the console: chat, find it in Activity and Logs, let voters vote, teach them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from browsing import NARROW, WIDE, Desk, settles_in_its_window, violations
from gateway import Gateway, model_tables
from hostile import HOSTILE
from patience import until

_PRICED = '{ prompt = "0.000003", completion = "0.000004" }'
_QUICK_MS = 700
_SLACK = 4  # the machine runs other things beside
_SEEDING = Path(__file__).parents[1] / "seeding.py"


@pytest.fixture(scope="module")
def toml() -> str:
    """Models of the fake provider that cost something, one of them with an endpoint that fails first."""
    tables = [("acme/echo", "echo"), ("acme/reason", "reason"), ("acme/good", "vote-0.9"), ("acme/bad", "vote-0.3")]
    return "[catalog]\nbundled = false\n" + "".join(
        model_tables(name, [("fake", real, _PRICED)]) for name, real in tables
    )


def _enter(desk: Desk, path: str, *more: Any, **options: Any) -> Page:  # noqa: ANN401 - of Desk.sign_in
    """The page at *path*, query and all, for who has signed in."""
    page = desk.sign_in(quote(path, safe="/"), *more, **options)
    page.locator("h1").wait_for()
    return page


def _say(page: Page, text: str) -> Locator:
    """Send *text*, and wait until everybody has answered; the last turn."""
    field = page.get_by_label("Message", exact=True)
    field.fill(text)
    field.press("Enter")
    turn = page.locator(".turn").last
    expect(turn.locator("article")).not_to_have_count(0)
    expect(turn.get_by_role("button", name="Retry")).to_have_count(turn.locator("article").count())
    return turn


def _still(page: Page) -> None:
    assert page.evaluate("window.hit === undefined")
    settles_in_its_window(page)


def test_a_first_message_is_found_again_in_logs_and_activity(desk: Desk, pictures: Path) -> None:
    page = _enter(desk, "/chat?m=acme/echo&m=acme/reason", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("System prompt").fill("Be brief.")
    turn = _say(page, "# Hello\n\nA **table**:\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n```py\nprint(1)\n```")
    first = turn.locator("article").first
    expect(first.locator(".said table td").first).to_have_text("1")
    expect(first.locator("pre")).to_have_text("print(1)")
    assert "$0.000" in first.locator("footer").inner_text()
    expect(turn.locator("article").last.locator("summary")).to_contain_text("Thought for")
    assert violations(page) == []
    page.screenshot(path=pictures / "chat-1440.png")
    first.get_by_role("button", name="Copy curl").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert 'Bearer $TURNOUT_KEY"' in copied
    assert '"Be brief."' in copied
    first.get_by_role("button", name="Routing").click()
    expect(page.get_by_role("dialog")).to_contain_text("acme/echo|fake|fake")
    page.keyboard.press("Escape")
    first.get_by_role("button", name="Raw").click()
    expect(page.get_by_role("dialog")).to_contain_text('"content": "Be brief."')
    page.keyboard.press("Escape")
    second = _say(page, "And again")
    second.locator("article").first.get_by_role("link", name="Log").click()
    page.get_by_role("heading", name="Money, line by line").wait_for()
    charged = page.locator("table.money tfoot td").last.inner_text()
    lines = [float(one.removeprefix("$")) for one in page.locator("table.money tbody td:last-child").all_inner_texts()]
    assert sum(lines) == pytest.approx(float(charged.removeprefix("$")), abs=1e-12)
    expect(page.locator(".timeline li")).to_have_count(1)
    expect(page.get_by_role("region", name="Endpoints")).to_contain_text("answered")
    assert violations(page) == []
    page.screenshot(path=pictures / "log-1440.png", full_page=True)
    page.get_by_role("link", name="All logs").click()
    expect(page.locator(".logs tbody tr").first).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="Activity").click()
    page.get_by_role("row").filter(has_text="acme/echo").wait_for()
    for by in ("provider", "key", "user", "tag"):
        page.get_by_label("Stack by").select_option(by)
        expect(page.get_by_role("region", name=f"By {by}").locator("tbody tr").first).to_be_visible()
    expect(page.get_by_text("Tags are those that keys have now")).to_be_visible()
    assert violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert "acme" not in Path(download.value.path()).read_text().splitlines()[0]
    _still(page)


def test_an_answer_is_stopped_and_asked_for_again(desk: Desk) -> None:
    page = _enter(desk, "/chat?m=fake/endless&m=fake/lorem-9-gap-5")

    page.get_by_label("Message", exact=True).fill("Go on")
    page.keyboard.press("Enter")
    endless = page.locator("article").first
    expect(endless.locator("header .state")).to_have_text("answering")
    page.get_by_role("button", name="Stop all").click()
    expect(endless.locator("header .state")).to_have_text("stopped")
    page.get_by_role("button", name="Retry").last.click()
    expect(page.locator("article").last.locator("header .state")).to_have_text("done")
    desk.complaints = [one for one in desk.complaints if not one.endswith("chat/completions net::ERR_ABORTED")]


def test_what_goes_wrong_is_said_with_a_way_on(desk: Desk) -> None:
    desk.expected |= {400, 404, 502}
    page = _enter(desk, "/chat?m=fake/status-500&m=no/such")

    turn = _say(page, "Hello")
    expect(turn.get_by_role("alert")).to_have_count(2)
    for _ in range(3):  # what is said is seen, above the field
        _say(page, "Hello")
    below, field = page.get_by_role("alert").last.bounding_box(), page.locator(".composer").bounding_box()
    assert below is not None
    assert field is not None
    assert below["y"] + below["height"] <= field["y"]
    page.get_by_label("More fields, as JSON").fill("{")
    expect(page.get_by_role("complementary", name="Settings").get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()


def test_the_keyboard_alone_chooses_a_model_and_asks_it(desk: Desk) -> None:
    page = _enter(desk, "/chat?m=acme/echo")

    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    for _ in range(12):
        if page.evaluate("document.activeElement.textContent") == "+ Add a model":
            break
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Search models")).to_be_focused()
    page.get_by_role("listbox", name="Models").wait_for()
    page.keyboard.type("good")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".lane")).to_have_count(2)
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    expect(page.locator("article header .state.good")).to_have_count(2)


def test_what_a_model_writes_is_text_whatever_it_says(desk: Desk) -> None:
    page = _enter(desk, "/chat?m=acme/echo")
    page.on("dialog", lambda one: desk.complaints.append(f"dialog: {one.message}"))

    fenced = "\n\n".join(f"````\n{one}\n````" for one in HOSTILE)
    for text in ("\n\n".join(HOSTILE), fenced, "| " + " | ".join(one.replace("|", "") for one in HOSTILE) + " |\n|-|"):
        turn = _say(page, text)
        assert (
            turn.locator("article :is(script, iframe, img, object, embed, video, audio, form, input, style)").count()
            == 0
        )
        links = turn.locator("article .said a").evaluate_all("all => all.map(one => one.protocol)")
        assert set(links) <= {"http:", "https:", "mailto:"}
        _still(page)
        if text is fenced:
            shown = turn.locator("article pre").all_text_contents()
            assert shown == list(HOSTILE)
    path = page.get_by_role("link", name="Log", exact=True).last.get_attribute("href") or ""
    page.goto(path, wait_until="networkidle")
    _still(page)


def test_logs_are_filtered_followed_and_safe_to_read(desk: Desk) -> None:
    gateway = desk.gateway
    made = [gateway.chat("acme/bad", user=text, headers={"user-agent": "x"}) for text in HOSTILE[::9]]
    ids = {one.headers["x-generation-id"] for one in made}
    path = "/api/v1/generations?model=acme/bad&outcome=answered"

    def kept() -> list[str]:
        listed = gateway.request("GET", path, key=gateway.management_key).json()["data"]
        return [one["id"] for one in listed]

    until(lambda: ids <= set(kept()))
    before = len(kept())
    page = _enter(desk, "/logs?model=acme/bad&outcome=answered")
    rows = page.locator(".logs tbody tr")
    expect(page.locator(".logs tbody th a")).to_have_text(["acme/bad"] * before)
    page.get_by_role("button", name="Go live").click()
    gateway.chat("acme/bad", user="<img src=x onerror=hit=1>")
    expect(rows).to_have_count(before + 1)
    rows.first.locator("a").click()
    expect(page.locator("dl.pairs")).to_contain_text("<img src=x onerror=hit=1>")
    _still(page)
    page.goto(
        "/activity?by=user&model=acme/bad", wait_until="networkidle"
    )  # of few models, lest it stand too far below
    expect(page.get_by_role("rowheader", name=HOSTILE[0], exact=True)).to_be_visible()
    _still(page)
    page.goto("/logs?model=no/such", wait_until="networkidle")
    page.get_by_role("button", name="Clear them").click()
    expect(rows.first).to_be_visible()


def test_voters_are_built_asked_inspected_and_taught(desk: Desk, pictures: Path) -> None:
    desk.expected.add(400)
    page = _enter(desk, "/query?new=")
    page.wait_for_timeout(600)
    expect(page.get_by_text("Loading")).to_have_count(0)
    for i, slug in enumerate(("acme/good", "acme/bad")):
        voter = page.get_by_role("group", name=f"Voter {i + 1}")
        voter.get_by_label("Model").fill(slug)
    page.get_by_role("group", name="Voter 1").get_by_label("Log-probabilities").fill("20")
    temperature = page.get_by_role("group", name="Voter 2").get_by_label("Temperature")
    temperature.fill("3")
    page.get_by_label("Weights learn from a training table").check()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("must be between 0 and 2")
    assert temperature.get_attribute("aria-invalid") == "true"
    assert violations(page) == []
    temperature.fill("0.5")
    page.get_by_role("button", name="Register").click()
    page.get_by_label("Question").fill(HOSTILE[0])
    for i, text in enumerate((HOSTILE[2], HOSTILE[9], "third")):
        page.get_by_label(f"Choice {i + 1}", exact=True).fill(text)
    page.get_by_role("button", name="What may it cost?").click()
    expect(page.get_by_role("status").filter(has_text="At most about")).to_be_visible()
    page.get_by_role("button", name="Vote", exact=True).click()
    options = page.get_by_role("list", name="What was voted on").get_by_role("listitem")
    expect(options).to_have_count(3)
    voters = page.get_by_role("region", name="Voters").last
    expect(voters).to_contain_text("by probabilities")
    expect(voters).to_contain_text("nothing learned yet")
    _still(page)
    options.nth(1).get_by_role("button", name="This is right").click()
    expect(options.nth(1)).to_contain_text("was right")
    assert violations(page) == []
    page.locator("h3 a").click()
    expect(page.locator(".asked")).to_have_text(HOSTILE[0])
    expect(options.nth(1)).to_contain_text("was right")
    page.screenshot(path=pictures / "ballot-1440.png", full_page=True)
    page.get_by_role("region", name="Voters").get_by_role("link").first.click()
    page.get_by_role("link", name="one voter of this ballot").click()
    expect(page.get_by_role("region", name="Requests within this one").locator("tbody tr")).to_have_count(2)
    _teach(page)
    _still(page)


def _teach(page: Page) -> None:
    """Go through the one training table: add a row, preview, export, delete, import."""
    page.get_by_role("link", name="Training tables").click()
    page.locator("tbody a").first.click()
    expect(page.get_by_role("region", name="Rows").locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("region", name="Rows")).to_contain_text(HOSTILE[9])
    page.get_by_role("button", name="Add a row").click()
    page.get_by_label("Prompt", exact=True).fill("Which is the second?")
    page.get_by_label("Choices, one on a line").fill("one\ntwo")
    page.get_by_label("The choice that is right").fill("two")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("region", name="Rows").locator("tbody tr")).to_have_count(2)
    page.get_by_label("For a prompt").fill("Which is it?")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".curves figure").first).to_contain_text("similar rows")
    assert violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    exported = Path(download.value.path())
    page.get_by_role("region", name="Rows").get_by_role("button", name="Delete").last.click()
    expect(page.get_by_role("region", name="Rows").locator("tbody tr")).to_have_count(1)
    page.locator("input[type=file]").set_input_files(exported)
    expect(page.get_by_role("region", name="Rows").locator("tbody tr")).to_have_count(2)


def test_an_ordinary_key_chats_and_sees_its_own_requests(desk: Desk) -> None:
    page = _enter(desk, "/chat?m=acme/good", NARROW, desk.gateway.key)
    _say(page, "Mine").get_by_role("link", name="Log", exact=True).click()
    page.get_by_role("heading", name="Facts").wait_for()
    page.get_by_role("link", name="Logs", exact=True).click()
    expect(page.locator(".logs tbody tr").first).to_contain_text("acme/good")
    assert page.get_by_role("link", name="Activity").count() == 0
    _still(page)


_PAGES = ("/chat", "/query", "/query?new=", "/training", "/activity", "/activity?by=user&show=tokens&days=90", "/logs")


@pytest.fixture(scope="module")
def seeded(gateway: Gateway) -> Gateway:
    """The module's gateway, with a hundred thousand generations."""
    subprocess.run([sys.executable, str(_SEEDING), str(gateway.data_dir), "100000"], check=True)  # noqa: S603 - our own
    return gateway


@pytest.mark.slow
def test_pages_are_quick_with_a_hundred_thousand_requests(desk: Desk, seeded: Gateway) -> None:
    page = _enter(desk, "/logs")
    queries = (
        "/logs",
        "/logs?outcome=failed",
        "/logs?model=openai/gpt-4.1",
        "/logs?min_cost=0.05",
        "/logs?user=user-7",
    )
    for path in (*queries, "/activity", "/activity?days=90&by=user", "/activity?days=90&by=key"):
        began = time.perf_counter()
        page.goto(path)
        expect(page.locator("tbody tr").first).to_be_visible()
        took = (time.perf_counter() - began) * 1_000
        print(f"{path}: {took:.0f} ms")  # noqa: T201 - the figures
        assert took < _QUICK_MS * _SLACK, path
        page.wait_for_load_state("networkidle")
    assert seeded.process is not None


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("seeded")
def test_pages_fit_wide_and_narrow_light_and_dark(desk: Desk, pictures: Path, scheme: str) -> None:
    for size in (WIDE, NARROW):
        page = _enter(desk, "/chat", size, color_scheme=scheme)
        for path in _PAGES:
            page.goto(path, wait_until="networkidle")
            assert violations(page) == [], path
            _still(page)
            if scheme == "light":
                name = re.sub(r"\W+", "-", path).strip("-")
                page.screenshot(path=pictures / f"{name}-{size[0]}.png", full_page=size is WIDE)
