"""Fixtures that any test may ask for, how properties are tried, and in which order modules run."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from servers import database, empty_store, new_store, postgres_server, redis_server, redis_url

__all__ = ["database", "empty_store", "new_store", "postgres_server", "redis_server", "redis_url"]

# Machines are shared: how long an example takes says nothing about it.
_EXAMPLES = int(os.environ.get("TURNOUT_TEST_EXAMPLES", "30"))
settings.register_profile("shared", deadline=None, max_examples=_EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

_LONG = frozenset({"app", "cli", "e2e", "faults", "ledger", "stores"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that start processes run first: one of those that came last would keep the others waiting.

    Tests over a store that was filled beforehand are last, and so have a gateway of their own.
    """

    def place(item: pytest.Item) -> tuple[bool, bool]:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return "seeded" in getattr(item, "fixturenames", ()), folder not in _LONG

    items.sort(key=place)
