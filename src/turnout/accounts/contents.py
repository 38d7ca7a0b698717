"""What was said in a generation, as the API tells it; and what an age or a new master key makes of all that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from turnout.accounts.vault import NoMasterKey, Vault
from turnout.contracts.contents import Contents
from turnout.domain.account import Generation
from turnout.domain.content import Content

__all__ = ["content_report", "reseal_contents"]

_AT_ONCE: Final = 200
_NO_STATUS: Final = 502
"""Stands for failures without a status of the provider's."""


def content_report(said: Mapping[str, Any], generation: Generation) -> dict[str, Any]:
    """The ``data`` object of ``GET /generation/content``. Source: OpenRouter, "Get stored content of a generation"."""
    messages = said["messages"]
    as_prompt = generation.api == "completions" and len(messages) == 1
    return {
        "input": {"prompt": messages[0].get("content")} if as_prompt else {"messages": messages},
        "output": {"completion": said["completion"], "reasoning": said["reasoning"]},
        "error": None if said["error"] is None else _error(said["error"], generation),
    }


async def reseal_contents(store: Contents, vault: Vault) -> int:
    """Seal all that is kept and can be opened under the present master key, a little at a time; in how many steps.

    Raises:
        Unavailable: the store cannot be reached.
    """

    def reseal(one: Content) -> bytes:
        try:
            return vault.reseal(one.sealed, one.place)
        except NoMasterKey:
            return one.sealed  # lost already; the others are not

    place, steps = "", 0
    while last := await store.reseal_contents(reseal, place, _AT_ONCE):
        place, steps = last, steps + 1
    return steps


def _error(message: str, generation: Generation) -> dict[str, Any]:
    earlier = [one for one in generation.earlier if one.outcome == "failed"]
    return {
        "status": generation.status,
        "message": message,
        "provider_name": generation.provider_name,
        "raw": None,
        "previous_errors": [
            {
                "code": one.status or _NO_STATUS,
                "message": one.error_type or "",
                "provider_name": one.provider_name,
                "raw": None,
            }
            for one in earlier
        ],
    }
