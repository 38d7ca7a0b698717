"""``/session``: who is signed in, signing in with a key, signing out."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, final

import msgspec
from fastapi import FastAPI, Request, Response
from msgspec import Struct

from turnout.accounts.issue import issue_key
from turnout.accounts.keys import KeyRing
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Forbidden, PayloadTooLarge, Unauthenticated
from turnout.base.jsons import encode
from turnout.contracts.store import Store
from turnout.domain.account import Key
from turnout.domain.session import Session
from turnout.web.gate import COOKIE, CSRF_HEADER, csrf_of, secret_of
from turnout.web.headers import secured

__all__ = ["WEBSITE_KEY", "add_sign_in"]

WEBSITE_KEY: Final = "website"
"""The name of the key that an account's playground spends with."""

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
        secret = secrets.token_urlsafe(32)
        now = self._clock.wall()
        session = Session(
            hash=sha256(secret.encode()).hexdigest(),
            account_id=key.account_id,
            key_hash=key.hash,
            spending_hash=await self._spending(key),
            created=now,
            expires=now + _SECONDS,
        )
        await self._store.put_session(session)
        reply = _reply(
            {"data": await self._described(await self._keys.find(f"Session {secret}".encode()), secret)}, 201
        )
        reply.set_cookie(
            COOKIE, secret, max_age=_SECONDS, path="/session", httponly=True, samesite="strict",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return reply

    async def leave(self, request: Request) -> Response:
        """Sign out, here and in every copy of the cookie."""
        secret = secret_of(request.headers.get("cookie", ""))
        if secret:
            if not compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_of(secret).encode()):
                raise Forbidden("The page is out of date; load it anew")
            await self._store.delete_session(sha256(secret.encode()).hexdigest())
            self._keys.look()
        reply = _reply({"data": None})
        reply.delete_cookie(COOKIE, path="/session", httponly=True, samesite="strict")
        return reply

    async def _spending(self, key: Key) -> str:
        """An ordinary key spends for itself; who manages an account spends with its key for the website."""
        if not key.management:
            return key.hash
        for one in await self._store.keys(key.account_id):
            if one.name == WEBSITE_KEY and not one.management and not one.disabled and one.expires is None:
                return one.hash
        _, made = await issue_key(self._store, WEBSITE_KEY, self._clock, account_id=key.account_id)
        return made.hash

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
