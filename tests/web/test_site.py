"""The website's routes without a browser: how long they hold the event loop, how they are kept, what they refuse."""

from __future__ import annotations

import asyncio
import time
from asyncio.events import Handle
from typing import Any
from unittest.mock import MagicMock

import pytest
from fastapi import FastAPI

from catalogs import NOW, Figures, bundled
from turnout.base.clock import SYSTEM_CLOCK
from turnout.catalog.entries import PriceWeights
from turnout.catalog.listing import Listing
from turnout.web.site import APPLICATION_PATHS, Site, add_site

_PATHS = (
    "/", "/models", "/models?sort=top-weekly&q=e", "/models?offset=600", "/models/table.json", "/models/openai/gpt-4o",
    "/models/no/such", "/compare?m=openai/gpt-4o&m=deepseek/deepseek-r1", "/providers", "/providers/openrouter",
    "/rankings", "/new", "/status", "/for-providers", "/activity",
)  # fmt: skip
_LONGEST_SECONDS = 0.005


@pytest.fixture(scope="module")
def app() -> FastAPI:
    snapshot = bundled()
    spread = {"p50": 1.0, "p75": 2.0, "p90": 3.0, "p99": 4.0}
    seen = {"status": 0, "uptime_last_30m": 99.0, "latency_last_30m": spread, "throughput_last_30m": spread}
    figures = {one.id: seen for model in snapshot.models.values() for one in model.endpoints}
    listing = Listing(snapshot, Figures(figures, dict.fromkeys(snapshot.models, 7)), PriceWeights(), NOW)

    async def present() -> Listing:
        return listing

    site = Site(
        store=MagicMock(), keys=MagicMock(), clock=SYSTEM_CLOCK, listing=present, figures=lambda: figures, events=tuple,
        provenance=lambda _name: None, ready=lambda: {"ready": True}, openid=None,
    )  # fmt: skip
    made = FastAPI()
    add_site(made, site)
    return made


async def _get(app: FastAPI, target: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request, handed to the application as a server would."""
    path, _, query = target.partition("?")
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's own
        sent.append(message)

    given = {"host": "gate.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()], "scheme": "http",
        "server": ("gate.example", 80), "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    lines = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], lines, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How many seconds of processor time each step of the event loop's thread has taken."""
    taken: list[float] = []
    run = Handle._run

    def timed(handle: Handle) -> None:
        begun = time.thread_time()
        run(handle)
        taken.append(time.thread_time() - begun)

    monkeypatch.setattr(Handle, "_run", timed)
    return taken


async def test_no_page_holds_the_event_loop(app: FastAPI, holds: list[float]) -> None:
    await _get(app, "/")  # FastAPI prepares itself with the first request
    for path in _PATHS:
        holds.clear()
        status, _, _ = await asyncio.create_task(_get(app, path))
        await asyncio.sleep(0)
        assert status in {200, 404}
        assert max(holds) < _LONGEST_SECONDS, (path, max(holds))


async def test_a_page_is_kept_and_told_by_its_mark(app: FastAPI) -> None:
    _, first, body = await _get(app, "/models", accept_encoding="br, gzip")
    assert first["content-encoding"] == "br"
    assert len(body) < 8_000
    status, second, empty = await _get(app, "/models", accept_encoding="br", if_none_match=first["etag"])
    assert (status, empty) == (304, b"")
    assert second["etag"] == first["etag"]


async def test_every_answer_keeps_to_itself(app: FastAPI) -> None:
    for path in ("/", "/models", "/models/table.json", "/favicon.ico", "/sign-in"):
        _, headers, _ = await _get(app, path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


async def test_an_address_that_is_none_is_not_put_into_code(app: FastAPI) -> None:
    _, _, body = await _get(app, "/models/openai/gpt-4o", host='x"; rm -rf /; "')
    assert b"rm -rf" not in body
    assert b"http://localhost:8000/api/v1" in body


async def test_people_get_a_page_where_there_is_nothing_and_programs_an_error(app: FastAPI) -> None:
    status, headers, body = await _get(app, "/no/such", accept="text/html")
    assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"There is no such page" in body
    assert (await _get(app, "/no/such", accept="*/*"))[1]["content-type"] == "application/json"
    assert (await _get(app, "/api/v1/no", accept="text/html"))[1]["content-type"] == "application/json"
    assert (await _get(app, "/assets/../site.py"))[0] == 404


async def test_every_path_of_the_console_answers_with_the_same_shell(app: FastAPI) -> None:
    answers = await asyncio.gather(*(_get(app, path.replace("{", "").replace("}", "")) for path in APPLICATION_PATHS))
    assert {status for status, _, _ in answers} == {200}
    assert all(b'<div id="app">' in body for _, _, body in answers)
