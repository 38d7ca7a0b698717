"""``/byok``: credentials of providers that an account brings itself, for management keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, final
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from msgspec.structs import replace

from turnout.accounts.credentials import (
    CREDENTIAL_FIELDS,
    NEW_CREDENTIAL_FIELDS,
    changed_credential,
    credential_report,
    label_of,
)
from turnout.accounts.standing import workspace_of
from turnout.accounts.vault import NoMasterKey, Vault
from turnout.accounts.writes import read_body
from turnout.api.office import Manager, Office, Routes, body_of, json_reply, page_of, parameters
from turnout.base.errors import BadRequest, NotFound
from turnout.base.secrets import Secret
from turnout.domain.credential import Credential, Verdict

__all__ = ["TestCredential", "add_byok"]

TestCredential = Callable[[str, Secret], Awaitable[Verdict]]
"""Whether a provider (slug) takes a secret."""

_NONE: Final = "There is no credential of that id"
_IN_PATH: Final = {"in": "path", "name": "id", "required": True, "schema": {"type": "string"}}


def add_byok(app: FastAPI, mount: str, office: Office, vault: Vault, test: TestCredential, *, hidden: bool) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "credentials", hidden=hidden)
    desk = _Credentials(office, vault, test)
    of_one = {"parameters": [_IN_PATH]}
    routes.add("GET", "/byok", desk.page, parameters("offset", "limit", "provider", "workspace_id"))
    routes.add("POST", "/byok", desk.create, _body(NEW_CREDENTIAL_FIELDS, "provider", "key"))
    routes.add("GET", "/byok/{id}", desk.read, of_one)
    routes.add("PATCH", "/byok/{id}", desk.change, of_one | _body(CREDENTIAL_FIELDS))
    routes.add("DELETE", "/byok/{id}", desk.delete, of_one)
    routes.add("POST", "/byok/{id}/test", desk.test, of_one)


def _body(fields: Mapping[str, object], *required: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {name: {} for name in fields}, "required": list(required)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@final
class _Credentials:
    """The routes' own functions."""

    def __init__(self, office: Office, vault: Vault, test: TestCredential) -> None:
        self._office = office
        self._store = office.store
        self._vault = vault
        self._test = test

    async def page(self, request: Request) -> Response:
        """The credentials of the account, by provider and in the order in which they are tried."""
        manager = await self._office.manager(request)
        offset, limit = page_of(request)
        query = request.query_params
        found = list(await self._store.credentials(manager.about.id))
        if "provider" in query:
            found = [one for one in found if one.provider == query["provider"].lower()]
        if query.get("workspace_id") not in {None, "", workspace_of(manager.about.id)}:
            found = []
        shown = [self._entry(one) for one in found[offset : offset + limit]]
        return json_reply({"data": shown, "total_count": len(found)})

    async def create(self, request: Request) -> Response:
        """Keep a credential, sealed. It is never shown again, but for its last characters."""
        manager = await self._office.manager(request)
        values = read_body(await body_of(request), NEW_CREDENTIAL_FIELDS, ("provider", "key"))
        if values.pop("workspace_id", None) not in {None, workspace_of(manager.about.id)}:
            raise BadRequest("`workspace_id` is not the workspace of this account; leave it out")
        provider = values.pop("provider").lower()
        if not self._office.knows_provider(provider):
            raise BadRequest("`provider` is not the slug of a provider of this installation; GET /providers lists them")
        await self._check_keys(manager, values)
        now = self._office.clock.wall()
        fresh = Credential(
            id=str(uuid4()), account_id=manager.about.id, provider=provider, label="", sealed=b"", created=now,
            updated=now,
        )  # fmt: skip
        order = values.pop("sort_order", None)
        made = await self._store.put_credential(changed_credential(self._sealed(fresh, values["key"]), values, now))
        if order is not None:
            made = await self._store.change_credential(made.id, lambda one: replace(one, sort_order=order)) or made
        return json_reply({"data": self._entry(made)}, 201)

    async def read(self, request: Request) -> Response:
        """One credential; its secret stays where it is."""
        return json_reply({"data": self._entry(await self._found(request, await self._office.manager(request)))})

    async def change(self, request: Request) -> Response:
        """Change a credential; `key` puts another secret in its place. Running requests end as they began."""
        manager = await self._office.manager(request)
        found = await self._found(request, manager)
        values = read_body(await body_of(request), CREDENTIAL_FIELDS)
        await self._check_keys(manager, values)
        now = self._office.clock.wall()

        def changed(there: Credential) -> Credential:
            told = changed_credential(there, values, now)
            return self._sealed(told, values["key"]) if "key" in values else told

        made = await self._store.change_credential(found.id, changed)
        if made is None:
            raise NotFound(_NONE)
        return json_reply({"data": self._entry(made)})

    async def delete(self, request: Request) -> Response:
        """Delete a credential and what is sealed of it."""
        found = await self._found(request, await self._office.manager(request))
        await self._store.delete_credential(found.id)
        return json_reply({"deleted": True})

    async def test(self, request: Request) -> Response:
        """Ask the provider whether it takes the credential: `ok` is true, false, or null where it cannot be known."""
        found = await self._found(request, await self._office.manager(request))
        verdict = await self._test(found.provider, self._vault.open(found.sealed, found.place))
        return json_reply({"data": {"ok": verdict.ok, "message": verdict.message}})

    def _sealed(self, credential: Credential, secret: Secret) -> Credential:
        return replace(credential, label=label_of(secret), sealed=self._vault.seal(secret, credential.place))

    def _entry(self, credential: Credential) -> dict[str, Any]:
        try:
            self._vault.open(credential.sealed, credential.place)
        except NoMasterKey:
            return credential_report(credential, readable=False)
        return credential_report(credential, readable=True)

    async def _found(self, request: Request, manager: Manager) -> Credential:
        found = await self._store.credential(request.path_params["id"])
        if found is None or found.account_id != manager.about.id:
            raise NotFound(_NONE)
        return found

    async def _check_keys(self, manager: Manager, values: Mapping[str, Any]) -> None:
        hashes = values.get("allowed_api_key_hashes")
        if hashes is not None:
            own = {key.hash for key in await self._store.keys(manager.about.id)}
            if not own.issuperset(hashes):
                raise BadRequest("`allowed_api_key_hashes` names a key that this account does not have")
