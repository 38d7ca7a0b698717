"""``/auth``: an app asks for a key, and whoever manages the account says yes or no.

An app sends people here from its own site, so the session's cookie, which is for this site alone, does not come with
them. The first page says who asks, whoever sees it, and leads to the second one, where the cookie does come.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, Final, final
from urllib.parse import parse_qsl, quote

from fastapi import FastAPI, Request, Response
from msgspec.structs import replace
from starlette.responses import RedirectResponse

from turnout.accounts.apps import Wish, allow, read_query, wish_of
from turnout.accounts.keys import KeyRing
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Forbidden, PayloadTooLarge, TurnoutError, Unauthenticated
from turnout.base.money import dollars
from turnout.contracts.store import Store
from turnout.domain.account import Key
from turnout.web.drawing import Drawn, Easel
from turnout.web.gate import csrf_of, secret_of
from turnout.web.headers import secured

__all__ = ["add_consent"]

_FIRST: Final = "/auth"
_SECOND: Final = "/session/auth"
_PAGE: Final = "consent.html"
_MOST_BYTES: Final = 16_384
_TERMS: Final = ("name", "limit", "reset")
"""What people may change of what the app asks for."""


def add_consent(app: FastAPI, easel: Easel, store: Store, keys: KeyRing, clock: Clock) -> None:
    """Add the routes. They are the website's own and no part of the API's document."""
    desk = _Consent(easel, store, keys, clock)
    for method, path, endpoint in (
        ("GET", _FIRST, desk.arrive), ("GET", _SECOND, desk.ask), ("POST", _SECOND, desk.decide),
    ):  # fmt: skip
        app.add_api_route(path, endpoint, methods=[method], include_in_schema=False, response_model=None)


@final
class _Consent:
    """The routes' own functions."""

    def __init__(self, easel: Easel, store: Store, keys: KeyRing, clock: Clock) -> None:
        self._easel = easel
        self._store = store
        self._keys = keys
        self._clock = clock

    async def arrive(self, request: Request) -> Response:
        """Say who asks for what, and lead on."""
        try:
            wish = self._wish(request)
        except BadRequest as error:
            return await self._easel.once(request, _refused(error))
        onward = f"{_SECOND}?{request.url.query}"
        return await self._easel.once(request, (_PAGE, _said(wish) | {"state": "arrived", "onward": onward}, 200))

    async def ask(self, request: Request) -> Response:
        """Ask whoever is signed in; others sign in first and come back."""
        try:
            wish, secret, key = self._wish(request), *(await self._signed_in(request))
        except Unauthenticated:
            back = quote(f"{_FIRST}?{request.url.query}", safe="")
            return _sent(f"/sign-in?next={back}")
        except TurnoutError as error:
            return await self._easel.once(request, _refused(error))
        account = await self._store.account(key.account_id)
        content = _said(wish) | {
            "state": "asked",
            "action": f"{_SECOND}?{request.url.query}",
            "account": key.account_id if account is None else account.name,
            "csrf": csrf_of(secret),
        }
        form_to = "" if wish.callback is None else wish.callback.origin
        return await self._easel.once(request, (_PAGE, content, 200), form_to)

    async def decide(self, request: Request) -> Response:
        """Send the browser back to the app, with a code or without; where the app has no address, show the code."""
        try:
            form = await _form(request)
            secret, key = await self._signed_in(request)
            if not compare_digest(form.get("csrf", "").encode(), csrf_of(secret).encode()):
                raise Forbidden("The page is out of date; load it anew")
            wish = _agreed(self._wish(request), form)
        except TurnoutError as error:
            return await self._easel.once(request, _refused(error))
        if form.get("answer") != "allow":
            return _sent("/" if wish.callback is None else wish.callback.told("error", "access_denied"))
        code, _ = await allow(self._store, self._clock, key.account_id, wish)
        if wish.callback is None:
            return await self._easel.once(request, (_PAGE, _said(wish) | {"state": "done", "code": code}, 200))
        return _sent(wish.callback.told("code", code))

    def _wish(self, request: Request) -> Wish:
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        if len(dict(pairs)) != len(pairs):
            raise BadRequest("A parameter stands there twice")
        return wish_of(read_query(dict(pairs)), None, self._clock.wall())

    async def _signed_in(self, request: Request) -> tuple[str, Key]:
        """The secret of the session, and the key that it stands on.

        Raises:
            Unauthenticated: nobody is signed in.
            Forbidden: it is somebody who makes no keys, or another site asks.
        """
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise Forbidden("This answer must come from a page of this site")
        secret = secret_of(request.headers.get("cookie", ""))
        if not secret:
            raise Unauthenticated("Nobody is signed in")
        key = await self._keys.find(b"Session " + secret.encode("latin-1", "replace"))
        if not key.management:
            raise Forbidden(
                "You are signed in with an ordinary key. Only a management key of an account can make keys."
            )
        return secret, key


def _said(wish: Wish) -> dict[str, Any]:
    return {
        "host": None if wish.callback is None else wish.callback.host,
        "name": wish.name,
        "limit": "" if wish.limit is None else dollars(wish.limit),
        "reset": wish.limit_reset or "",
    }


def _agreed(wish: Wish, form: Mapping[str, str]) -> Wish:
    """*wish* as people have changed it; an empty limit is none."""
    names = {"name": "key_label", "limit": "limit", "reset": "usage_limit_type"}
    values = read_query({names[name]: form.get(name, "").strip() for name in _TERMS})
    return replace(
        wish,
        name=values.get("key_label") or wish.name,
        limit=values.get("limit"),
        limit_reset=values.get("usage_limit_type"),
    )


def _refused(error: TurnoutError) -> Drawn:
    status = 403 if isinstance(error, Forbidden | Unauthenticated) else 400 if isinstance(error, BadRequest) else 503
    return _PAGE, {"state": "refused", "message": error.message, "host": None}, status


def _sent(address: str) -> Response:
    """Lead the browser elsewhere; what it knows of this page stays here."""
    return secured(RedirectResponse(address, 303, {"Cache-Control": "no-store"}))


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise PayloadTooLarge(f"The body is larger than {_MOST_BYTES} bytes")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
