"""What tests of stores share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from servers import NewStore
from turnout.contracts.store import Store


@pytest.fixture
async def store(new_store: NewStore) -> AsyncIterator[Store]:
    """A store that is open and empty, of each database in turn."""
    opened = new_store()
    await opened.open()
    yield opened
    await opened.close()
