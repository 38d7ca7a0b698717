"""A running fake provider for each test that asks for one."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from turnout.providers.fake import FakeProvider

sys.path.insert(0, str(Path(__file__).parent))  # for `fake_wire`, which these tests share


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(bodies=True) as provider:
        yield provider
