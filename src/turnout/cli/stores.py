"""Commands that work on the store itself, whether a server runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from turnout.contracts.store import Store

__all__ = ["in_store"]

_T = TypeVar("_T")


def in_store(config: Path | None, work: Callable[[Store], Awaitable[_T]]) -> _T:
    """What *work* makes of the store that the configuration names."""
    from turnout.app.configuration import load_configuration
    from turnout.app.state import store_of

    async def opened() -> _T:
        store = store_of(load_configuration(config).settings)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(opened())
