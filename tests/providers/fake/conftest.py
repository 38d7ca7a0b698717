"""A running fake provider for each test that asks for one."""

from collections.abc import AsyncIterator

import pytest

from turnout.providers.fake import FakeProvider


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(bodies=True) as provider:
        yield provider
