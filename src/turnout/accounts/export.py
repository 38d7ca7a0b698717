"""All that is an account's own, as lines of JSON: what ``GET /export`` gives, and what deleting the account deletes.

Secrets are in it nowhere: of keys there is only a hash, of credentials their masked label.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar, get_args

import msgspec
from msgspec import Raw
from msgspec.structs import asdict

from turnout.accounts.credentials import credential_report
from turnout.accounts.guardrails import assignment_report, guardrail_report
from turnout.accounts.reports import generation_report, key_entry, spendings
from turnout.accounts.standing import account_report
from turnout.accounts.vault import NoMasterKey, Vault
from turnout.base.jsons import encode
from turnout.contracts.store import Store
from turnout.domain.account import Account
from turnout.domain.activity import ActivityQuery, Search
from turnout.domain.archive import CompletionKind
from turnout.domain.guardrail import Holder
from turnout.domain.query import DefinitionKind

__all__ = ["export"]

T = TypeVar("T")

_PAGE: Final = 100
_LAST_DAY: Final = 10**6
_Line = tuple[str, Any]
"""What kind of thing it is, and the thing."""


async def export(store: Store, vault: Vault, account: Account, now: float) -> AsyncIterator[bytes]:
    """Lines of ``{"kind": …, "data": …}``, the account's own first. Raises Unavailable."""
    yield _line("account", account_report(account, await store.spent_by_account(account.id, 0.0)))
    for part in (_keys, _possessions, _voters, _lessons, _generations, _feedback):
        async for kind, one in part(store, account.id, now):
            yield _line(kind, one)
    async for kind, one in _contents(store, account.id, vault):
        yield _line(kind, one)


def _line(kind: str, one: Any) -> bytes:  # noqa: ANN401 - JSON
    return encode({"kind": kind, "data": one}) + b"\n"


async def _keys(store: Store, account_id: str, now: float) -> AsyncIterator[_Line]:
    keys = await store.keys(account_id)
    spent = await spendings(store, [key.hash for key in keys], now)
    for key in keys:
        yield "key", key_entry(key, spent[key.hash], None, None)
    for budget in await store.budgets(account_id):
        yield "budget", asdict(budget)


async def _possessions(store: Store, account_id: str, _now: float) -> AsyncIterator[_Line]:
    for preset in await store.presets(account_id):
        yield "preset", asdict(preset)
        async for version in _paged(partial(store.preset_versions, preset.id)):
            yield "preset_version", asdict(version) | {"config": Raw(version.config.encode())}
    for credential in await store.credentials(account_id):
        yield "credential", credential_report(credential)
    for guardrail in await store.guardrails(account_id):
        yield "guardrail", guardrail_report(guardrail)
    for holder in get_args(Holder):
        for assignment in await store.guardrail_assignments(account_id, holder):
            yield "guardrail_assignment", assignment_report(assignment, None)


async def _voters(store: Store, account_id: str, _now: float) -> AsyncIterator[_Line]:
    for kind in get_args(DefinitionKind):
        async for one in _paged(partial(store.definitions, kind, account_id=account_id)):
            found = await store.definition(kind, one)
            if found is not None:
                yield "definition", {"id": one, "kind": kind, "definition": Raw(found.definition.encode())}
    for archived in get_args(CompletionKind):
        async for entry in _paged(partial(store.completions, archived, account_id)):
            completion = await store.completion(entry.id, account_id)
            if completion is not None:
                texts = {name: Raw(getattr(completion, name).encode()) for name in ("request", "response", "ballot")}
                yield "completion", asdict(completion) | texts


async def _lessons(store: Store, account_id: str, _now: float) -> AsyncIterator[_Line]:
    async for table in _paged(partial(store.training_tables, account_id)):
        yield "training_table", asdict(table)
        after = (-1, "")
        while rows := await store.training_rows(account_id, table.id, after=after, count=_PAGE):
            for row in rows:
                after = row.revision, row.id
                yield "training_row", msgspec.to_builtins(row) | {"table_id": table.id}


async def _paged(read: Callable[..., Awaitable[Sequence[T]]]) -> AsyncIterator[T]:
    offset = 0
    while found := await read(count=_PAGE, offset=offset):
        for one in found:
            yield one
        offset += len(found)


async def _generations(store: Store, account_id: str, _now: float) -> AsyncIterator[_Line]:
    whole = ActivityQuery(
        account_id=account_id, first=0, last=_LAST_DAY, by=("day", "model", "provider", "key", "user")
    )
    for activity in await store.activity(whole):
        yield "activity", asdict(activity)
    before: str | None = None
    while True:
        page = await store.find_generations(Search(account_id=account_id, before=before), _PAGE)
        for generation in page.generations:
            yield "generation", generation_report(generation)
        before = page.before
        if before is None:
            return


async def _feedback(store: Store, account_id: str, _now: float) -> AsyncIterator[_Line]:
    number = 0
    while found := await store.feedback_after(number, _PAGE, account_id):
        for one in found:
            number = one.number
            yield "feedback", asdict(one)


async def _contents(store: Store, account_id: str, vault: Vault) -> AsyncIterator[_Line]:
    after = ""
    while found := await store.contents(account_id, after, _PAGE):
        for content in found:
            after = content.generation_id
            try:
                text = await asyncio.to_thread(vault.open, content.sealed, content.place)
                said: object = Raw(text.reveal().encode())
            except NoMasterKey as error:
                said = {"unreadable": error.message}
            yield "content", {"generation_id": content.generation_id, "said": said}
