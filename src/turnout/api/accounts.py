"""``/accounts`` for admins, ``/credits`` and ``/budgets`` for every management key."""

from __future__ import annotations

import secrets
from typing import Any, Final, final

from fastapi import FastAPI, Request, Response

from turnout.accounts.first_start import FIRST_ACCOUNT
from turnout.accounts.standing import account_report, budget_report, standings
from turnout.accounts.writes import ACCOUNT_FIELDS, BUDGET_FIELDS, changed_account, read_body
from turnout.api.office import Manager, Office, Routes, body_of, json_reply, parameters
from turnout.base.errors import BadRequest, Forbidden, NotFound
from turnout.base.money import MAX_PICO, Pico, json_number
from turnout.domain.account import Account
from turnout.domain.budget import Budget

__all__ = ["add_accounts"]

_AT_ONCE: Final = 500  # generations
_NO_ACCOUNT: Final = "There is no account of that id"
_OF_BUDGET: Final = ("scope", "subject", "window", "account_id")


def add_accounts(app: FastAPI, mount: str, office: Office, *, hidden: bool) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "accounts", hidden=hidden)
    desk = _Accounts(office)
    routes.add("GET", "/accounts", desk.list_accounts)
    routes.add("POST", "/accounts", desk.create)
    routes.add("GET", "/accounts/{id}", desk.read)
    routes.add("PATCH", "/accounts/{id}", desk.change)
    routes.add("DELETE", "/accounts/{id}", desk.delete)
    routes.add("GET", "/credits", desk.credits, parameters("account_id"))
    budgets = _Budgets(office)
    routes.add("GET", "/budgets", budgets.list_budgets, parameters(*_OF_BUDGET))
    routes.add("PUT", "/budgets", budgets.put, parameters("account_id"))
    routes.add("DELETE", "/budgets", budgets.delete, parameters(*_OF_BUDGET))


@final
class _Accounts:
    """The routes' own functions."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._store = office.store

    async def list_accounts(self, request: Request) -> Response:
        """All accounts, oldest first."""
        await self._office.admin(request)
        return json_reply({"data": [await self._entry(account) for account in await self._store.accounts()]})

    async def create(self, request: Request) -> Response:
        """Make an account: `name`, `admin`, and `credit` in dollars, null for no limit."""
        await self._office.admin(request)
        values = read_body(await body_of(request), ACCOUNT_FIELDS, ("name",))
        made = Account(id=f"acc-{secrets.token_hex(10)}", name=values["name"], created=self._office.clock.wall())
        account = changed_account(made, values)
        await self._store.put_account(account)
        return json_reply({"data": await self._entry(account)}, 201)

    async def read(self, request: Request) -> Response:
        """One account: its credit and what it has spent."""
        await self._office.admin(request)
        account = await self._store.account(request.path_params["id"])
        if account is None:
            raise NotFound(_NO_ACCOUNT)
        return json_reply({"data": await self._entry(account)})

    async def change(self, request: Request) -> Response:
        """Change the name, the credit or the rights of an account."""
        manager = await self._office.admin(request)
        account_id = request.path_params["id"]
        values = read_body(await body_of(request), ACCOUNT_FIELDS)
        if account_id == manager.own.id and values.get("admin") is False:
            raise BadRequest("`admin`: an admin does not resign by this key; another one may see to it")
        changed = await self._store.change_account(account_id, lambda account: changed_account(account, values))
        if changed is None:
            raise NotFound(_NO_ACCOUNT)
        return json_reply({"data": await self._entry(changed)})

    async def delete(self, request: Request) -> Response:
        """Delete an account with all that is its own; what it has spent stays, as sums that name nobody."""
        manager = await self._office.admin(request)
        account_id = request.path_params["id"]
        if account_id in {manager.own.id, FIRST_ACCOUNT}:
            raise BadRequest("The first account and one's own cannot be deleted")
        if not await self._store.delete_account(account_id):
            raise NotFound(_NO_ACCOUNT)
        while await self._store.erase_deleted(_AT_ONCE) > 0:
            pass  # whoever else wants to write gets in between
        return json_reply({"deleted": True})

    async def credits(self, request: Request) -> Response:
        """What the account may spend and what it has spent, in dollars. Without a limit the first is very large."""
        account = (await self._office.manager(request)).about
        spent = await self._store.spent_by_account(account.id, 0.0)
        credit = Pico(MAX_PICO) if account.credit is None else account.credit
        shown = {"total_credits": json_number(credit), "total_usage": json_number(Pico(spent))}
        return json_reply({"data": shown | {"unlimited": account.credit is None}})

    async def _entry(self, account: Account) -> dict[str, Any]:
        return account_report(account, await self._store.spent_by_account(account.id, 0.0))


@final
class _Budgets:
    """Budgets beside the limits of keys and the credit of accounts."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._store = office.store

    async def list_budgets(self, request: Request) -> Response:
        """Every budget of the account, limits and credit included, with what is spent in its present window."""
        manager = await self._office.manager(request)
        wanted = {name: request.query_params[name] for name in _OF_BUDGET[:3] if name in request.query_params}
        budgets = [
            budget
            for budget in await self._store.budgets(manager.about.id)
            if all(getattr(budget, name) == value for name, value in wanted.items())
        ]
        found = await standings(self._store, budgets, self._office.clock.wall())
        return json_reply({"data": [budget_report(one) for one in found]})

    async def put(self, request: Request) -> Response:
        """Set the budget of a key, a tag, an end user or the account for one window."""
        manager = await self._office.manager(request)
        values = read_body(await body_of(request), BUDGET_FIELDS, tuple(BUDGET_FIELDS))
        budget = Budget(account_id=manager.about.id, **values)
        await self._check(manager, budget)
        await self._store.put_budget(budget)
        [standing] = await standings(self._store, [budget], self._office.clock.wall())
        return json_reply({"data": budget_report(standing)})

    async def delete(self, request: Request) -> Response:
        """Remove the budget that `scope`, `subject` and `window` name."""
        manager = await self._office.manager(request)
        named = [request.query_params.get(name, "") for name in _OF_BUDGET[:3]]
        for budget in await self._store.budgets(manager.about.id):
            if [budget.scope, budget.subject, budget.window] == named:
                await self._check(manager, budget)
                await self._store.delete_budget(budget.id)
                return json_reply({"deleted": True})
        raise NotFound("There is no such budget")

    async def _check(self, manager: Manager, budget: Budget) -> None:
        """Refuse what is not this caller's to set, or is set elsewhere."""
        if budget.scope == "account":
            if not manager.own.admin:
                raise Forbidden("Only the management key of an admin may set the budget of an account")
            if budget.subject != manager.about.id:
                raise NotFound(_NO_ACCOUNT)
            if budget.window == "lifetime":
                raise BadRequest("This is the account's credit: PATCH /accounts/{id} sets it")
        if budget.scope == "key":
            key = await self._store.key(budget.subject)
            if key is None or key.account_id != manager.about.id:
                raise NotFound("There is no key of that hash")
            if key.budget is not None and key.budget.id == budget.id:
                raise BadRequest("This is the key's own limit: PATCH /keys/{hash} sets it")
