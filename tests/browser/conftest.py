"""A Chromium and a gateway for each module, and pages that must run without a complaint."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from browsing import Desk
from gateway import Gateway
from turnout.web.assets import Assets

expect.set_options(timeout=20_000)  # milliseconds: the machine may be busy

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_REQUIRED = os.environ.get("TURNOUT_TEST_BROWSER") == "required"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pages are looked at together with the slow tests."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless; without it, or without the compiled front end, these tests are skipped.

    It starts in half a second. Kept for longer, the event loop that Playwright leaves running would be in the way of
    every asynchronous test of other modules.
    """
    found = os.environ.get("TURNOUT_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    missing = "there is no Chromium" if found is None else "" if Assets().built else "`make web` has not been run"
    if missing:
        assert not _REQUIRED, missing
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def toml() -> str:
    """The configuration of the module's gateway; a module overrides it with a fixture of its own."""
    return ""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, toml: str) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("site"), toml) as running:
        yield running


@pytest.fixture
def desk(chromium: Browser, gateway: Gateway) -> Iterator[Desk]:
    """Opens pages of the module's gateway; at the end no page may have complained."""
    with Desk(chromium, gateway) as made:
        yield made
        assert made.complaints == []


@pytest.fixture(scope="session")
def pictures() -> Path:
    """The folder that screenshots are written to: `$TURNOUT_SCREENSHOTS`, else build/screenshots."""
    folder = Path(os.environ.get("TURNOUT_SCREENSHOTS") or Path(__file__).parents[2] / "build" / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
