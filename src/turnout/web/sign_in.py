"""``/session``: who is signed in, signing in with a key, signing out."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, final

import msgspec
from fastapi import FastAPI, Request, Response
from msgspec import Struct

from turnout.accounts.keys import KeyRing
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Forbidden, PayloadTooLarge, Unauthenticated
from turnout.base.jsons import encode
from turnout.contracts.store import Store
from turnout.domain.account import Key
from turnout.web.gate import COOKIE, CSRF_HEADER, csrf_of, secret_of
from turnout.web.headers import secured
from turnout.web.sessions import begin_session, cookie_path, give_cookie

__all__ = ["add_sign_in"]

_SECONDS: Final = 14 * 86_400
_MOST_BYTES: Final = 4_096


class _Pasted(Struct):
    key: str


_decoder = msgspec.json.Decoder(_Pasted)


def add_sign_in(app: FastAPI, store: Store, keys: KeyRing, clock: Clock) -> None:
    """Add the routes. They are the website's own and no part of the API's document."""
    door = _Door(store, keys, clock)
    for method, endpoint in (("GET", door.look), ("POST", door.enter), ("DELETE", door.leave)):
        app.add_api_route("/session", endpoint, methods=[method], include_in_schema=False, response_model=None)


@final
class _Door:
    """The routes' own functions."""

    def __init__(self, store: Store, keys: KeyRing, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock

    async def look(self, request: Request) -> Response:
        """Who is signed in here; null for nobody."""
        secret = secret_of(request.headers.get("cookie", ""))
        if not secret:
            return _reply({"data": None})
        try:
            key = await self._keys.find(b"Session " + secret.encode("latin-1", "replace"))
        except Unauthenticated:
            return _reply({"data": None})
        return _reply({"data": await self._described(key, secret)})

    async def enter(self, request: Request) -> Response:
        """Sign in with a key: ``{"key": …}``."""
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise Forbidden("Signing in is for pages of this site")
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise BadRequest("The body must be JSON")
        pasted = await _pasted(request)
        key = await self._keys.find(b"Bearer " + pasted.encode("utf-8", "replace"))
        secret = await begin_session(self._store, self._clock, key, _SECONDS)
        reply = _reply(
            {"data": await self._described(await self._keys.find(f"Session {secret}".encode()), secret)}, 201
        )
        give_cookie(reply, request, secret, _SECONDS)
        return reply

    async def leave(self, request: Request) -> Response:
        """Sign out, here and in every copy of the cookie."""
        secret = secret_of(request.headers.get("cookie", ""))
        if secret:
            if not compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_of(secret).encode()):
                raise Forbidden("The page is out of date; load it anew")
            await self._store.delete_session(sha256(secret.encode()).hexdigest())
            self._keys.forget()
        reply = _reply({"data": None})
        reply.delete_cookie(COOKIE, path=cookie_path(request), httponly=True, samesite="strict")
        return reply

    async def _described(self, key: Key, secret: str) -> dict[str, Any]:
        account = await self._store.account(key.account_id)
        return {
            "account": {
                "id": key.account_id,
                "name": key.account_id if account is None else account.name,
                "admin": account is not None and account.admin,
            },
            "key": {"name": key.name, "label": key.label, "management": key.management},
            "csrf": csrf_of(secret),
            "expires": datetime.fromtimestamp(key.expires or 0, UTC).isoformat(),
        }


async def _pasted(request: Request) -> str:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise PayloadTooLarge(f"The body is larger than {_MOST_BYTES} bytes")
    try:
        return _decoder.decode(body).key.strip()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest("The body must be an object with the text `key`") from None


def _reply(value: object, status: int = 200) -> Response:
    return secured(Response(encode(value), status, {"Cache-Control": "no-store"}, "application/json"))
