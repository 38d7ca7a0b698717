"""Commands that manage accounts in the store; a running server notices within a second."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import ConfigOption, print_table
from turnout.cli.stores import dollars_of, in_store, values_of

if TYPE_CHECKING:
    from turnout.base.money import Pico
    from turnout.contracts.store import Store
    from turnout.domain.account import Account

__all__ = ["commands"]

commands = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Make and list accounts, and give them credit."
)

_Credit = Annotated[str, typer.Argument(metavar="DOLLARS", help="What it may spend in its whole life, or `unlimited`.")]


@commands.command("list")
def list_accounts(config: ConfigOption = None) -> None:
    """List all accounts, their credit and what each has spent."""
    from turnout.base.money import Pico, dollars

    async def read(store: Store) -> list[tuple[Account, Pico]]:
        return [(one, Pico(await store.spent_by_account(one.id, 0.0))) for one in await store.accounts()]

    rows = [
        (
            account.id,
            account.name,
            "admin" if account.admin else "",
            dollars(spent),
            "unlimited" if account.credit is None else dollars(account.credit),
        )
        for account, spent in in_store(config, read)
    ]
    print_table(("id", "name", "rights", "spent $", "credit $"), rows, right=("spent $", "credit $"))


@commands.command()
def create(
    name: Annotated[str, typer.Argument(help="A name to find it by.")],
    admin: Annotated[bool, typer.Option("--admin", help="Its management keys manage accounts.")] = False,
    config: ConfigOption = None,
) -> None:
    """Make an account and print its id."""
    from turnout.base.clock import SYSTEM_CLOCK
    from turnout.domain.account import Account

    made = Account(id=f"acc-{secrets.token_hex(10)}", name=name, admin=admin, created=SYSTEM_CLOCK.wall())
    in_store(config, lambda store: store.put_account(made))
    typer.echo(made.id)


@commands.command()
def credit(
    account: Annotated[str, typer.Argument(help="Its id.")], dollars: _Credit, config: ConfigOption = None
) -> None:
    """Set the credit of an account: what it may spend in its whole life."""
    from turnout.accounts.writes import ACCOUNT_FIELDS, changed_account
    from turnout.base.errors import NotFound

    amount = None if dollars == "unlimited" else dollars_of(dollars)
    values = values_of({"credit": amount}, ACCOUNT_FIELDS)
    changed = in_store(config, lambda store: store.change_account(account, lambda one: changed_account(one, values)))
    if changed is None:
        raise NotFound("There is no account of that id")
    typer.echo(f"{changed.name} ({changed.id}) may spend {dollars}{'' if amount is None else ' dollars'}")
