"""What `turnout auto train` learns from when it is given no data: answers of this installation that were judged."""

from __future__ import annotations

import asyncio
import json

import msgspec

from turnout.accounts.vault import NoMasterKey, Vault
from turnout.base.errors import NotFound
from turnout.contracts.store import Store
from turnout.engine.auto_router import text_in

__all__ = ["own_rows"]

_AT_ONCE = 1_000


class _Said(msgspec.Struct):
    messages: msgspec.Raw


async def own_rows(store: Store, vault: Vault) -> list[str]:
    """Judged answers whose prompts are kept (keys with ``store_content``), as JSON lines with ``prompt``, ``model`` and
    ``score``. Signs are left out.

    Raises:
        NotFound: there is none.
        Unavailable: the store cannot be asked.
    """
    lines: list[str] = []
    number = 0
    while rows := await store.feedback_after(number, _AT_ONCE):
        for row in rows:
            number = row.number
            content = await store.content(row.generation_id, row.account_id) if row.source == "feedback" else None
            if content is None:
                continue
            try:
                said = await asyncio.to_thread(vault.open, content.sealed, content.place)
            except NoMasterKey:
                continue
            prompt = text_in(bytes(msgspec.json.decode(said.reveal(), type=_Said).messages))
            lines.append(json.dumps({"prompt": prompt, "model": row.model, "score": row.score}))
    if not lines:
        raise NotFound("No answer has been judged whose prompt is kept: that takes a key with `store_content`")
    return lines
