"""A browser at work in tests: pages of one gateway, what they complained about, and how accessible they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response

from gateway import Gateway
from patience import until

__all__ = ["NARROW", "WIDE", "Desk", "settles_in_its_window", "violations"]

WIDE = (1440, 900)
NARROW = (390, 844)

_AXE = Path(__file__).parents[1] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_RUN_AXE = "async only => (await axe.run(document, {resultTypes: ['violations'], ...only})).violations"


class Desk:
    """Opens pages and collects what they complain about: use as a context manager.

    ``expected`` holds statuses that are no complaint in a test about refusals.
    """

    def __init__(self, browser: Browser, gateway: Gateway) -> None:
        self.gateway = gateway
        self.complaints: list[str] = []
        self.expected: set[int] = set()
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for context in self._contexts:
            context.close()

    def page(self, size: tuple[int, int] = WIDE, **options: Any) -> Page:  # noqa: ANN401 - of Playwright
        """An empty page in a browser of its own: no cookies, nothing remembered."""
        shape = {"width": size[0], "height": size[1]}
        context = self._browser.new_context(viewport=shape, base_url=self.gateway.url, **options)  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        return page

    def open(self, path: str, size: tuple[int, int] = WIDE, **options: Any) -> Page:  # noqa: ANN401 - of Playwright
        """The page at *path*, once it has come to rest."""
        page = self.page(size, **options)
        page.goto(path, wait_until="networkidle")
        return page

    def sign_in(self, path: str, size: tuple[int, int] = WIDE, key: str | None = None, **options: Any) -> Page:  # noqa: ANN401
        """The page at *path* for who has pasted *key*, the management key unless it is named."""
        page = self.open(f"/sign-in?next={path}", size, **options)
        page.get_by_label("Key", exact=True).fill(key or self.gateway.management_key)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.wait_for_load_state("networkidle")
        return page

    def _heard(self, kind: str, text: str) -> None:
        refusal = "Failed to load resource" in text and any(f"status of {one} " in text for one in self.expected)
        if kind in {"error", "warning"} and not refusal:
            self.complaints.append(f"{kind}: {text}")

    def _failed(self, asked: Request) -> None:
        """What a policy blocks is heard on the console; without scripts, their preloading fails in silence. What is
        under way when a page is left is broken off.
        """
        if asked.failure not in {"csp", "net::ERR_ABORTED"}:
            self.complaints.append(f"failed: {asked.url} {asked.failure}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400 and answer.status not in self.expected:
            self.complaints.append(f"{answer.status}: {answer.url}")


def violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds serious or critical on *page*, as it is now, by all of its rules or by *rules* alone."""
    if not _AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci in frontend/")
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate(_RUN_AXE, {"runOnly": list(rules)} if rules else {})
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"][:3]
    ]


def settles_in_its_window(page: Page) -> None:
    """Wait until nothing of *page* is wider than its window: what is drawn follows a new size a moment later."""
    until(lambda: page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"))
