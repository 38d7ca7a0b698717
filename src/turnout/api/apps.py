"""``/auth/keys``: how an app gets a key of its own, in OpenRouter's words."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, final

import msgspec
from fastapi import FastAPI, Request, Response
from msgspec import Raw

from turnout.accounts.apps import APP_FIELDS, METHOD, allow, redeem, wish_of
from turnout.accounts.writes import read_body
from turnout.api.office import Office, Routes, body_of, fields_body, json_reply
from turnout.base.errors import BadRequest

__all__ = ["add_apps"]

_MOST_BYTES: Final = 8_192


def _text(raw: Raw) -> str:
    return msgspec.json.decode(raw, type=str)


def _optional_text(raw: Raw) -> str | None:
    return msgspec.json.decode(raw, type=str | None)


_EXCHANGE: Final = {"code": _text, "code_verifier": _optional_text, "code_challenge_method": _optional_text}


def add_apps(app: FastAPI, mount: str, office: Office, *, hidden: bool) -> None:
    """Add the routes under *mount*."""
    routes = Routes(app, mount, "keys", hidden=hidden)
    desk = _Apps(office)
    routes.add("POST", "/auth/keys/code", desk.allow, fields_body(APP_FIELDS, "callback_url", "code_challenge"))
    body = fields_body(_EXCHANGE, "code", "code_verifier")
    routes.add("POST", "/auth/keys", desk.exchange, body | {"security": []})


@final
class _Apps:
    """The routes' own functions."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def allow(self, request: Request) -> Response:
        """Make a code by which an app gets a key of this account. It is good once, for ten minutes."""
        manager = await self._office.manager(request)
        values = read_body(await body_of(request, _MOST_BYTES), APP_FIELDS, ("callback_url", "code_challenge"))
        wish = wish_of(values, manager.about.id, self._office.clock.wall())
        code, ticket = await allow(self._office.store, self._office.clock, manager.about.id, wish)
        made = datetime.fromtimestamp(ticket.created, UTC).isoformat().replace("+00:00", "Z")
        name = "" if wish.callback is None else wish.callback.origin
        app_id = int.from_bytes(sha256(name.encode()).digest()[:4], "big") >> 1
        return json_reply({"data": {"id": code, "app_id": app_id, "created_at": made}})

    async def exchange(self, request: Request) -> Response:
        """Give an app its key for a code and the verifier that the code was asked for with. Needs no key."""
        values = read_body(await body_of(request, _MOST_BYTES), _EXCHANGE, ("code",))
        if (values.get("code_challenge_method") or METHOD) != METHOD:
            raise BadRequest("`code_challenge_method` must be S256, as it was when the code was asked for")
        verifier = values.get("code_verifier")
        if not verifier:
            raise BadRequest("`code_verifier` is missing")
        secret, key = await redeem(self._office.store, self._office.clock, values["code"], verifier)
        return json_reply({"key": secret.reveal(), "user_id": key.account_id})
