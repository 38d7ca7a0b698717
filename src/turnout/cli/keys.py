"""Commands that manage keys in the store; a running server notices within a second."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from turnout.cli.options import ConfigOption, print_table
from turnout.cli.stores import dollars_of, in_store, values_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from turnout.contracts.store import Store
    from turnout.domain.account import Key

__all__ = ["commands"]

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, list, switch off or delete keys.")

_SHOWN_DIGITS = 12
_SECONDS_PER_DAY = 86_400
_Management = Annotated[bool, typer.Option("--management", help="Make a management key.")]
_Which = Annotated[
    str, typer.Argument(metavar="KEY", help="Its name, label, hash, first digits of its hash, or itself.")
]


@commands.command()
def create(
    name: Annotated[str, typer.Argument(help="A name to find it by.")],
    management: _Management = False,
    days: Annotated[
        float | None, typer.Option(min=0.001, help="Days until it expires. Left out: it does not.", show_default=False)
    ] = None,
    limit: Annotated[
        str | None, typer.Option(help="Dollars that it may spend. Left out: no limit.", show_default=False)
    ] = None,
    reset: Annotated[
        str | None, typer.Option(help="daily, weekly or monthly. Left out: the limit is for ever.", show_default=False)
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model that it may use; may be repeated. Left out: all.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag whose budgets it shares; may be repeated.")] = None,
    account: Annotated[str, typer.Option(help="The id of its account.")] = "default",
    config: ConfigOption = None,
) -> None:
    """Make a key and print it, once."""
    from turnout.accounts.issue import issue_key
    from turnout.accounts.writes import KEY_FIELDS, changed_key
    from turnout.base.clock import SYSTEM_CLOCK

    fields: dict[str, object] = {"limit_reset": reset, "allowed_models": model, "tags": tag}
    fields = {field: value for field, value in fields.items() if value}
    if limit is not None:
        fields["limit"] = dollars_of(limit)
    values = values_of(fields, KEY_FIELDS)
    expires = None if days is None else SYSTEM_CLOCK.wall() + days * _SECONDS_PER_DAY
    secret, _ = in_store(
        config,
        lambda store: issue_key(
            store,
            name,
            SYSTEM_CLOCK,
            account_id=account,
            management=management,
            expires=expires,
            change=lambda key: replace(changed_key(key, values, key.created), updated=None),
        ),
    )
    typer.echo(secret.reveal())


@commands.command("list")
def list_keys(config: ConfigOption = None) -> None:
    """List all keys and what each has spent."""
    from turnout.base.money import Pico, dollars

    async def read(store: Store) -> list[tuple[Key, Pico]]:
        return [(key, Pico(await store.spent(key.hash, 0.0))) for key in await store.keys()]

    rows = [
        (
            key.name,
            key.label,
            key.hash[:_SHOWN_DIGITS],
            "management" if key.management else "ordinary",
            _state(key),
            _day(key.created),
            dollars(spent),
            _limit(key),
        )
        for key, spent in in_store(config, read)
    ]
    columns = ("name", "label", "hash", "kind", "state", "created", "spent $", "limit $")
    print_table(columns, rows, right=("spent $", "limit $"))


@commands.command()
def disable(key: _Which, config: ConfigOption = None) -> None:
    """Switch a key off: callers with it get a 401."""
    _change(config, key, lambda store, found: store.disable_key(found.hash, disabled=True), "disabled")


@commands.command()
def enable(key: _Which, config: ConfigOption = None) -> None:
    """Switch a key on again."""
    _change(config, key, lambda store, found: store.disable_key(found.hash, disabled=False), "enabled")


@commands.command()
def delete(key: _Which, config: ConfigOption = None) -> None:
    """Delete a key; what was recorded of its use stays."""
    _change(config, key, lambda store, found: store.delete_key(found.hash), "deleted")


@commands.command("rotate-master")
def rotate_master(config: ConfigOption = None) -> None:
    """Seal the stored credentials of providers under a new master key; servers go on meanwhile."""
    from turnout.app.configuration import load_configuration
    from turnout.app.credentials import rotate_master_key, vault_of

    vault = vault_of(load_configuration(config).settings)
    count = in_store(config, lambda store: rotate_master_key(store, vault))
    where = "auth.master_key" if vault.keys.configured is not None else str(vault.keys.path)
    typer.echo(f"{count} credentials are sealed under the first key of {where}")


@commands.command("test")
def ask_providers(
    which: Annotated[
        str | None, typer.Argument(metavar="CREDENTIAL", help="Its id or name. Left out: all.", show_default=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Ask providers whether they take the credentials that are stored; exit status 1 where one is refused."""
    from turnout.app.configuration import load_configuration
    from turnout.app.credentials import tested

    loaded = load_configuration(config)
    found = in_store(config, lambda store: tested(store, loaded.settings, which))
    if not found:
        raise typer.BadParameter("there is no such credential", param_hint="CREDENTIAL")
    words = {True: "taken", False: "refused", None: "unknown"}
    rows = [(one.id, one.provider, one.name or one.label, words[ok], message) for one, ok, message in found]
    print_table(("id", "provider", "name", "verdict", "why"), rows)
    if any(ok is False for _, ok, _ in found):
        raise typer.Exit(1)


def _change(config: Path | None, wanted: str, change: Callable[[Store, Key], Awaitable[bool]], done: str) -> None:
    """Do *change* to the key that is *wanted*, and say so."""
    from turnout.accounts.issue import find_key

    async def changed(store: Store) -> Key:
        found = find_key(await store.keys(), wanted)
        await change(store, found)
        return found

    found = in_store(config, changed)
    typer.echo(f"{found.name} ({found.label}) is {done}")


def _limit(key: Key) -> str:
    from turnout.base.money import dollars

    if key.limit is None:
        return ""
    return dollars(key.limit) if key.limit_reset is None else f"{dollars(key.limit)} {key.limit_reset}"


def _state(key: Key) -> str:
    if key.disabled:
        return "disabled"
    if key.expires is None:
        return "active"
    return f"{'expired' if key.expires <= datetime.now(UTC).timestamp() else 'active, expires'} {_day(key.expires)}"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
