"""How a browser's session begins, whoever it was that let it in."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

from fastapi import Request, Response

from turnout.accounts.issue import issue_key
from turnout.base.clock import Clock
from turnout.contracts.store import Store
from turnout.domain.account import Key
from turnout.domain.session import Session
from turnout.web.gate import COOKIE

__all__ = ["WEBSITE_KEY", "begin_session", "cookie_path", "give_cookie"]

WEBSITE_KEY: Final = "website"
"""The name of the key that an account's playground spends with."""


async def begin_session(store: Store, clock: Clock, key: Key, seconds: int) -> str:
    """The secret of a session that may do what *key* may, for so long. Raises Unavailable."""
    secret, now = secrets.token_urlsafe(32), clock.wall()
    await store.put_session(
        Session(
            hash=sha256(secret.encode()).hexdigest(),
            account_id=key.account_id,
            key_hash=key.hash,
            spending_hash=await _spending(store, clock, key),
            created=now,
            expires=now + seconds,
        )
    )
    return secret


def cookie_path(request: Request) -> str:
    """Where the browser sends the secret: to the gate alone, or to pages too where those are private."""
    return "/" if getattr(request.app.state, "private_pages", False) else "/session"


def give_cookie(response: Response, request: Request, secret: str, seconds: int) -> None:
    """Let the browser keep the secret, for where it is asked for and out of reach of scripts."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        COOKIE, secret, seconds, path=cookie_path(request), httponly=True, samesite="strict", secure=secure
    )


async def _spending(store: Store, clock: Clock, key: Key) -> str:
    """An ordinary key spends for itself; who manages an account spends with its key for the website."""
    if not key.management:
        return key.hash
    for one in await store.keys(key.account_id):
        if one.name == WEBSITE_KEY and not one.management and not one.disabled and one.expires is None:
            return one.hash
    _, made = await issue_key(store, WEBSITE_KEY, clock, account_id=key.account_id)
    return made.hash
