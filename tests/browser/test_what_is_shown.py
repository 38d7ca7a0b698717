"""What is shown to visitors of the README, and the pages about the past: charts, the auto router, kept words."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pytest
from playwright.sync_api import expect

from browsing import NARROW, Desk, settles_in_its_window, violations
from gateway import Gateway, provider_table
from turnout.domain.health import Speed
from turnout.stores.sqlite import SQLiteStore

_QUESTION = "My parcel arrived with a cracked lid. What can I do?"
_ANSWERS = {
    "lark-2": (
        "Sorry about that! There are **three** ways on, all free of charge:\n\n"
        "1. *Replacement*: a new lid leaves today and is with you by Thursday.\n"
        "2. *Refund*: the whole amount, back on your card within two days.\n"
        "3. *Keep it*: 30 % off, and nothing to send back.\n\nJust answer with a number."
    ),
    "atlas-70b": (
        "A cracked lid counts as damage in transit, so you may choose:\n\n"
        "| | takes | you send back |\n| --- | --- | --- |\n| New lid | 2 days | nothing |\n"
        "| Full refund | 2 days | the parcel |\n| 30 % discount | at once | nothing |\n\n"
        "Please keep the box until it is settled: the carrier may ask for a picture."
    ),
}
_CHOICES = ("Refund", "Damaged in transit", "Late delivery", "Something else")  # the fake voters know the second
_FIRST_WORD = {"lark-2": 0.18, "atlas-70b": 0.42}


class _Provider(BaseHTTPRequestHandler):
    """Answers by heart, a few words at a time."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = asked["model"]
        text = _ANSWERS[model]
        words = re.findall(r"\S+\s*", text)
        usage = {"prompt_tokens": 24, "completion_tokens": len(text) // 4, "total_tokens": 24 + len(text) // 4}
        about = {"id": "chatcmpl-1", "created": int(time.time()), "model": model}
        if not asked.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            self._send("application/json", {**about, "object": "chat.completion", "choices": [choice], "usage": usage})
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        time.sleep(_FIRST_WORD[model])
        for n, word in enumerate([*words, ""]):
            last = n == len(words)
            choice = {"index": 0, "delta": {"content": word}, "finish_reason": "stop" if last else None}
            chunk = {**about, "object": "chat.completion.chunk", "choices": [choice]} | (
                {"usage": usage} if last else {}
            )
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            time.sleep(0.008)
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def do_GET(self) -> None:
        self._send("application/json", {"object": "list", "data": [{"id": name} for name in _ANSWERS]})

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""

    def _send(self, kind: str, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def _model(name: str, title: str, endpoints: list[tuple[str, str]], prices: tuple[str, str]) -> str:
    pricing = f'{{ prompt = "{prices[0]}", completion = "{prices[1]}" }}'
    lines = ["[[models]]", f'id = "{name}"', f'name = "{title}"', "context_length = 131072"]
    for slug, real in endpoints:
        lines += ["[[models.endpoints]]", f'provider = "{slug}"', f'upstream_model = "{real}"', f"pricing = {pricing}"]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def toml(provider: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two models of two scripted providers, four voters of the fake one, and figures of an evaluation."""
    figures = tmp_path_factory.mktemp("figures") / "figures.json"
    figures.write_text(json.dumps(_figures()))
    both = [("meadow", "{}"), ("harbour", "{}")]
    voters = [("lark-2", "0.92"), ("wren-1", "0.8"), ("atlas-70b", "0.97"), ("brook-8b", "0.1")]
    return "\n".join(
        [
            f'[catalog]\nbundled = false\n[auto]\nfigures = "{figures}"',
            provider_table("meadow", provider, name='"Meadow"'),
            provider_table("harbour", provider, name='"Harbour"'),
            *(
                _model(f"meadow/{real}", title, [(slug, real) for slug, _ in both], prices)
                for real, title, prices in (
                    ("lark-2", "Meadow: Lark 2", ("0.0000002", "0.0000008")),
                    ("atlas-70b", "Meadow: Atlas 70B", ("0.0000009", "0.0000036")),
                )
            ),
            *(
                _model(f"meadow/{name}-judge", name, [("fake", f"vote-{skill}")], ("0.0000002", "0.0000008"))
                for name, skill in voters
            ),
        ]
    )


def _figures() -> dict[str, Any]:
    """As `turnout auto eval --json` writes them."""
    steps = [0.0001 * 1.6**n for n in range(12)]

    def curve(best: float, pace: float) -> list[tuple[float, float]]:
        return [(cost, round(best - 0.3 * pace**n, 4)) for n, cost in enumerate(steps)]

    curves = {"router": curve(0.84, 0.6), "blind": curve(0.81, 0.82), "oracle": curve(0.95, 0.5)}
    pools = [
        {"suite": suite, "unseen": unseen, "prompts": 4_210, "models": 11, "gap": [0.22, 0.2, 0.24], "saved": saved,
         "curves": curves}
        for suite, unseen, saved in (("general", False, 0.81), ("code", True, float("nan")))
    ]  # fmt: skip
    goal = {"name": "gap closed, general", "found": 0.22, "bound": 0.2, "at_least": True, "met": True}
    return {"pools": pools, "goals": [goal, goal | {"name": "calibration error", "at_least": False, "met": False}]}


async def _write_down(folder: Path) -> None:
    """A month of half hours of two endpoints; one of them had a bad night."""
    dice = Random(3)
    now = int(time.time()) // 1_800 * 1_800
    store = SQLiteStore(folder / "turnout.sqlite")
    await store.open()
    rows = [
        Speed(
            endpoint_id=f"meadow/lark-2|{slug}|{slug}", at=at, uptime=min(100.0, dice.uniform(98.8, 100.6)),
            latency_ms=usual * dice.uniform(0.9, 1.15), slowest_ms=usual * dice.uniform(1.8, 2.4),
            throughput=dice.uniform(0.9, 1.1) * 30_000 / usual,
        )
        for slug, usual in (("meadow", 320.0), ("harbour", 480.0))
        for at in range(now - 30 * 86_400, now + 1, 1_800)
    ]  # fmt: skip
    await store.add_speeds(rows, 0)
    await store.close()


@pytest.fixture(scope="module")
def past(gateway: Gateway) -> Gateway:
    """The module's gateway with a past."""
    with ThreadPoolExecutor(1) as aside:  # in this thread the browser's event loop runs
        aside.submit(lambda: asyncio.run(_write_down(gateway.data_dir))).result()
    return gateway


@pytest.mark.usefixtures("past")
def test_a_models_page_shows_how_its_endpoints_were(desk: Desk, pictures: Path) -> None:
    page = desk.open("/models/meadow/lark-2")
    charts = page.locator(".speeds .chart")
    expect(charts).to_have_count(4)
    expect(charts.first).to_have_attribute("aria-label", re.compile(r"Meadow, Harbour, in the last 24 hours"))
    with page.expect_response(lambda answer: "period=30d" in answer.url) as told:
        page.get_by_role("button", name="30 days").click()
    known = told.value.json()
    assert [one["name"] for one in known["endpoints"]] == ["Meadow", "Harbour"]
    assert 115 < len(known["x"]) < 125
    expect(charts.first).to_have_attribute("aria-label", re.compile("30 days"))
    assert violations(page) == []
    page.screenshot(path=pictures / "model-charts-1440.png", full_page=True)
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    settles_in_its_window(page)
    page.screenshot(path=pictures / "model-charts-390.png", full_page=True)
    page.goto("/models/meadow/atlas-70b:nitro", wait_until="networkidle")
    expect(page.get_by_text("Too little was asked of this model")).to_be_visible()
    expect(page.locator(".page-head")).to_contain_text("is meadow/atlas-70b, the fastest endpoint first")


def test_two_models_answer_side_by_side(desk: Desk, pictures: Path) -> None:
    page = desk.sign_in("/chat%3Fm=meadow/lark-2%26m=meadow/atlas-70b")
    field = page.get_by_label("Message", exact=True)
    field.fill(_QUESTION)
    field.press("Enter")
    answers = page.locator("article")
    expect(answers.get_by_role("button", name="Retry")).to_have_count(2)
    answers.first.get_by_role("button", name="Good answer").click()
    expect(answers.first.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []
    page.get_by_role("button", name="Settings").click()
    page.mouse.move(0, 0)
    page.screenshot(path=pictures / "show-chat.png")


def test_voters_decide_where_a_letter_belongs(desk: Desk, pictures: Path) -> None:
    page = desk.sign_in("/query%3Fnew=%26kind=score")
    for n, name in enumerate(("atlas-70b", "lark-2", "wren-1", "brook-8b")):
        if n > 1:
            page.get_by_role("button", name="Add a voter").click()
        page.get_by_role("group", name=f"Voter {n + 1}").get_by_label("Model").fill(f"meadow/{name}-judge")
        if n < 2:
            page.get_by_role("group", name=f"Voter {n + 1}").get_by_label("Log-probabilities").fill("20")
    page.get_by_role("button", name="Register").click()
    page.get_by_label("Question").fill(f"Which queue does this letter belong to? “{_QUESTION}”")
    page.get_by_role("button", name="Add a choice").click()
    for n, text in enumerate(_CHOICES):
        page.get_by_label(f"Choice {n + 1}", exact=True).fill(text)
    page.get_by_role("button", name="Vote", exact=True).click()
    page.locator("h3 a").click()
    expect(page.locator(".asked")).to_contain_text(_QUESTION)
    expect(page.get_by_role("region", name="Voters").locator("tbody tr")).to_have_count(4)
    assert violations(page) == []
    page.screenshot(path=pictures / "show-votes.png")


def test_the_auto_routers_page_tells_what_it_chose_was_told_and_how_good_it_is(desk: Desk, pictures: Path) -> None:
    gateway = desk.gateway
    replies = [gateway.chat("turnout/auto", f"Write a function that adds {n} and 2.") for n in range(4)]
    judgement = {"generation_id": replies[-1].json()["id"], "score": 0.9, "comment": "<b>short</b>"}
    assert gateway.request("POST", "/api/v1/feedback", judgement).status == 200
    page = desk.sign_in("/admin/auto")
    expect(page.get_by_role("region", name="Decisions").locator("tbody tr")).to_have_count(4)
    expect(page.get_by_role("region", name="Policies")).to_contain_text("openrouter/auto")
    expect(page.get_by_role("region", name="Feedback")).to_contain_text("<b>short</b>")
    expect(page.locator("polyline.frontier.router")).to_have_count(2)
    expect(page.get_by_role("region", name="Goals")).to_contain_text("missed")
    page.get_by_role("button", name="Choose").click()
    expect(page.get_by_role("region", name="Weighed, best first")).to_contain_text("meadow/lark-2")
    assert violations(page) == []
    page.screenshot(path=pictures / "auto-1440.png", full_page=True)
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    settles_in_its_window(page)
    page.screenshot(path=pictures / "auto-390.png", full_page=True)


def test_what_was_said_under_a_key_that_keeps_it_is_read_in_the_log_and_exported(desk: Desk) -> None:
    gateway = desk.gateway
    page = desk.sign_in("/keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("archive")
    page.get_by_text("Expiry, pace, plugins").click()
    page.get_by_label("Keep prompts and answers").check()
    page.get_by_role("button", name="Make the key").click()
    key = page.locator(".secret code").inner_text()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("row").filter(has_text="archive")).to_contain_text("keeps words")
    asked = {"model": "meadow/lark-2", "messages": [{"role": "user", "content": "<img src=x onerror=hit=1>"}]}
    kept, other = (
        gateway.request("POST", "/api/v1/chat/completions", asked, key=one).headers["x-generation-id"]
        for one in (key, gateway.key)
    )
    page.goto(f"/logs/{kept}", wait_until="networkidle")
    page.get_by_text("Prompt and answer, where the key keeps them").click()
    expect(page.locator("pre").filter(has_text="<img src=x onerror=hit=1>").first).to_be_visible()
    expect(page.locator("pre").filter(has_text="three").first).to_be_visible()
    assert page.evaluate("window.hit === undefined")
    desk.expected.add(404)
    page.goto(f"/logs/{other}", wait_until="networkidle")
    page.get_by_text("Prompt and answer, where the key keeps them").click()
    expect(page.get_by_text("Nothing is kept of this request.")).to_be_visible()
    page.goto("/keys", wait_until="networkidle")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export all").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert {"account", "key", "generation", "content"} <= {json.loads(line)["kind"] for line in lines}
