"""``/session/oidc``: signing in by an OpenID provider, there and back."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import Final, final

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse

from turnout.accounts.oidc import OpenID, welcome
from turnout.base.clock import Clock
from turnout.base.errors import Forbidden, NotFound, TurnoutError
from turnout.base.jsons import encode
from turnout.contracts.store import Store
from turnout.domain.session import Ticket
from turnout.web.drawing import Easel
from turnout.web.headers import secured
from turnout.web.sessions import begin_session, give_cookie

__all__ = ["add_oidc"]

_PATH: Final = "/session/oidc"
_COOKIE: Final = "turnout_sign_in"
_KIND: Final = "oidc"
_SECONDS: Final = 600
_SESSION_SECONDS: Final = 86_400
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}", re.ASCII)
_INSIDE: Final = re.compile(r"/(?![/\\])[!-~]{0,4000}", re.ASCII)
_USUAL: Final = "/chat"


def add_oidc(app: FastAPI, easel: Easel, store: Store, clock: Clock, openid: OpenID | None) -> None:
    """Add the routes. They are the website's own and no part of the API's document."""
    desk = _OIDC(easel, store, clock, openid)
    for path, endpoint in (("", desk.look), ("/start", desk.start), ("/callback", desk.back)):
        app.add_api_route(_PATH + path, endpoint, methods=["GET"], include_in_schema=False, response_model=None)


@final
class _OIDC:
    """The routes' own functions."""

    def __init__(self, easel: Easel, store: Store, clock: Clock, openid: OpenID | None) -> None:
        self._easel = easel
        self._store = store
        self._clock = clock
        self._openid = openid

    async def look(self, request: Request) -> Response:  # noqa: ARG002 - of a route
        """What the provider is called here; null where there is none."""
        shown = None if self._openid is None else {"name": self._openid.provider.name}
        return secured(Response(encode({"data": shown}), 200, {"Cache-Control": "no-store"}, "application/json"))

    async def start(self, request: Request) -> Response:
        """Send the browser to the provider, with a cookie that proves on its return that it is the same one."""
        openid = self._there()
        wanted = request.query_params.get("next", "")
        secret, state, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._clock.wall()
        try:
            address = await openid.way_there(self._redirect(request, openid), state, secret)
            await self._store.put_ticket(
                Ticket(
                    hash=_digest(state),
                    kind=_KIND,
                    proof=_digest(secret),
                    account_id="",
                    content=encode(wanted if _INSIDE.fullmatch(wanted) else _USUAL).decode(),
                    created=now,
                    expires=now + _SECONDS,
                )
            )
        except TurnoutError as error:
            return await self._failed(request, error)
        reply = secured(RedirectResponse(address, 303, {"Cache-Control": "no-store"}))
        secure = request.url.scheme == "https"
        reply.set_cookie(_COOKIE, secret, _SECONDS, path=_PATH, httponly=True, samesite="lax", secure=secure)
        return reply

    async def back(self, request: Request) -> Response:
        """The provider has sent the browser back: if it can be believed, a session begins."""
        openid = self._there()
        query, secret = request.query_params, _secret_of(request.headers.get("cookie", ""))
        try:
            ticket = await self._store.take_ticket(
                _digest(query.get("state", "")), _KIND, _digest(secret), self._clock.wall()
            )
            if ticket is None or not secret:
                raise Forbidden("This sign-in was not begun here, took too long, or is over already")
            code = query.get("code")
            if not code:
                raise Forbidden("The OpenID provider did not let you in")
            redirect = self._redirect(request, openid)
            person = await openid.person(code, redirect, secret, query.get("iss"))
            key = await welcome(self._store, self._clock, openid.provider, person)
            session = await begin_session(self._store, self._clock, key, _SESSION_SECONDS)
        except TurnoutError as error:
            return await self._failed(request, error)
        address: str = msgspec.json.decode(ticket.content)
        reply = secured(RedirectResponse(address, 303, {"Cache-Control": "no-store"}))
        give_cookie(reply, request, session, _SESSION_SECONDS)
        return reply

    def _there(self) -> OpenID:
        if self._openid is None:
            raise NotFound("Nobody signs in here by an OpenID provider")
        return self._openid

    def _redirect(self, request: Request, openid: OpenID) -> str:
        base = openid.provider.base_url
        if base is None:
            host = request.headers.get("host", "")
            if not _HOST.fullmatch(host):
                raise Forbidden("This address is not one to come back to")
            base = f"{request.url.scheme}://{host}"
        return f"{base}{_PATH}/callback"

    async def _failed(self, request: Request, error: TurnoutError) -> Response:
        status = 403 if isinstance(error, Forbidden) else 503
        page = {"state": "failed", "message": error.message, "host": None}
        return await self._easel.once(request, ("consent.html", page, status))


def _secret_of(cookies: str) -> str:
    try:
        found = SimpleCookie(cookies).get(_COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()
