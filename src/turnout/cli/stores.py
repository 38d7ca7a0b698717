"""Commands that work on the store itself, whether a server runs or not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from msgspec import Raw

if TYPE_CHECKING:
    from pathlib import Path

    from turnout.contracts.store import Store

__all__ = ["dollars_of", "in_store", "values_of"]

_DOLLARS = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)

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


def dollars_of(text: str) -> Raw:
    """An amount as JSON has it. Raises BadParameter when it is no number."""
    if not _DOLLARS.fullmatch(text):
        raise typer.BadParameter(f"{text} is not an amount in dollars, such as 12.5")
    return Raw(text.encode())


def values_of(fields: Mapping[str, object], readers: Mapping[str, Callable[[Raw], Any]]) -> dict[str, Any]:
    """What *readers* make of *fields*, as of those of a request. Raises BadParameter: the message names the field."""
    from turnout.accounts.writes import read_body
    from turnout.base.errors import BadRequest
    from turnout.base.jsons import encode

    try:
        return read_body(encode(fields), readers)
    except BadRequest as error:
        raise typer.BadParameter(error.message) from None
