"""Everything of the network is tested on both event loops: uvloop serves, asyncio is what remains without it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    yield Client(Deadlines(loop := asyncio.get_running_loop()), Outbox(loop, lambda: None), _no_certificate_store)
    await asyncio.sleep(0)


def _no_certificate_store() -> ssl.SSLContext:
    return ssl.create_default_context()
