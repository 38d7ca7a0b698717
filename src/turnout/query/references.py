"""Archived answers that stand for messages and choices of a new request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from turnout.base.errors import BadRequest, NotFound
from turnout.contracts.archive import Archive
from turnout.domain.query import Message
from turnout.query.asked import Reference

__all__ = ["resolved_choices", "resolved_messages"]

_KEPT = ("content", "refusal", "reasoning", "tool_calls")


async def resolved_messages(
    messages: Sequence[Message | Reference], archive: Archive, account_id: str
) -> tuple[Message, ...]:
    """*messages*, each reference replaced by the assistant's message that it names.

    Raises:
        NotFound: there is no such completion, or it is not this account's.
        BadRequest: it has no such choice.
    """
    return tuple([await _resolved(one, archive, account_id) if isinstance(one, Reference) else one for one in messages])


async def resolved_choices(
    choices: Sequence[str | Message | Reference], archive: Archive, account_id: str
) -> tuple[Message, ...]:
    """*choices* as assistants' messages. Raises as :func:`resolved_messages` does."""
    found: list[Message] = []
    for choice in choices:
        if isinstance(choice, str):
            found.append({"role": "assistant", "content": choice})
        elif isinstance(choice, Reference):
            found.append(await _resolved(choice, archive, account_id))
        else:
            found.append(choice)
    return tuple(found)


async def _resolved(reference: Reference, archive: Archive, account_id: str) -> Message:
    kept = await archive.completion(reference.id, account_id)
    if kept is None:
        raise NotFound(f"`{reference.place}`: there is no completion {reference.id[:80]}")
    response: dict[str, Any] = msgspec.json.decode(kept.response)
    for choice in response.get("choices") or ():
        if choice.get("index") == reference.choice_index:
            message = choice.get("message") or {}
            found: Message = {"role": "assistant"}
            found |= {name: message[name] for name in _KEPT if message.get(name) is not None}
            if reference.name is not None:
                found["name"] = reference.name
            return found
    raise BadRequest(
        f"`{reference.place}.choice_index`: the completion has no choice {reference.choice_index}",
        metadata={"kind": "invalid_completion_choice_index"},
    )
