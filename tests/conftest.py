"""Fixtures that any test may ask for, how properties are tried, and in which order modules run."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from servers import database, empty_store, new_store, postgres_server, redis_server, redis_url

__all__ = ["database", "empty_store", "new_store", "postgres_server", "redis_server", "redis_url"]

# Machines are shared: how long an example takes says nothing about it.
_EXAMPLES = int(os.environ.get("TURNOUT_TEST_EXAMPLES", "30"))
settings.register_profile("shared", deadline=None, max_examples=_EXAMPLES, suppress_health_check=list(HealthCheck))
settings.load_profile("shared")

_DAY_SECONDS, _LATE_SECONDS = 86_400, 30
_LONG = frozenset({"app", "cli", "e2e", "faults", "ledger", "stores"})


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Nothing begins shortly before midnight UTC: budgets and sums by the day are of the day on which a test began."""
    left = _DAY_SECONDS - time.time() % _DAY_SECONDS
    if left < _LATE_SECONDS:
        time.sleep(left + 0.1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that start processes run first: one of those that came last would keep the others waiting.

    Tests over a store that was filled beforehand are last, and so have a gateway of their own.
    """

    def place(item: pytest.Item) -> tuple[bool, bool]:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return "seeded" in getattr(item, "fixturenames", ()), folder not in _LONG

    items.sort(key=place)
