"""Public pages in a browser: they run without a complaint, for everybody, wide and narrow, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from browsing import NARROW, WIDE, Desk, violations

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
    for width, size, scheme in (("1440", WIDE, "light"), ("390", NARROW, "light"), ("1440-dark", WIDE, "dark")):
        page = desk.open(_PAGES[name], size, color_scheme=scheme)
        page.screenshot(path=pictures / f"{name}-{width}.png", full_page=name not in {"models", "cards"})
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
