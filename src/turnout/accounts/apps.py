"""Apps that ask for a key: what they may ask for, the code that they get, and the key that it becomes.

OAuth 2 with PKCE, by S256 alone: docs/sign-in.md. A code is a ticket of the store, so any worker redeems it, once.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.accounts.issue import issue_key
from turnout.accounts.standing import workspace_of
from turnout.accounts.writes import NEW_KEY_FIELDS, read_body, read_line, read_optional_line
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Forbidden, NotFound
from turnout.base.jsons import encode
from turnout.base.money import Pico
from turnout.base.secrets import Secret
from turnout.contracts.store import Store
from turnout.domain.account import Key
from turnout.domain.budget import Window
from turnout.domain.session import Ticket

__all__ = [
    "APP_FIELDS",
    "METHOD",
    "Callback",
    "Wish",
    "allow",
    "callback_of",
    "read_query",
    "redeem",
    "s256",
    "wish_of",
]

METHOD: Final = "S256"
"""The one way in which a challenge follows from its verifier."""

_KIND: Final = "app"
_SECONDS: Final = 600.0
_LONGEST: Final = 2_048  # letters
_LONGEST_LABEL: Final = 100
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?:[/?][A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*)?",
    re.ASCII,
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9.]{1,20}", re.ASCII)
_MAX_PORT: Final = 65_535


class Callback(NamedTuple):
    """Where an app waits for its code."""

    url: str
    origin: str
    host: str

    def told(self, name: str, value: str) -> str:
        """Its address with one more parameter, which needs no escaping."""
        return f"{self.url}{'&' if '?' in self.url else '?'}{name}={value}"


class Wish(Struct, frozen=True, kw_only=True):
    """The key that an app asks for. Money in pico-dollars; ``expires`` in unix seconds."""

    callback: Callback | None
    challenge: str
    name: str
    limit: Pico | None = None
    limit_reset: Window | None = None
    expires: float | None = None


class _Promise(Struct):
    """What a ticket holds."""

    name: str
    limit: Pico | None
    limit_reset: Window | None
    expires: float | None


_read_promise = msgspec.json.Decoder(_Promise).decode


def _text(raw: Raw) -> str:
    return msgspec.json.decode(raw, type=str)


def _label(raw: Raw) -> str | None:
    text = read_optional_line(raw)
    if text is not None and len(text) > _LONGEST_LABEL:
        raise ValueError(f"must have at most {_LONGEST_LABEL} letters")
    return text


def _optional_text(raw: Raw) -> str | None:
    return msgspec.json.decode(raw, type=str | None)


APP_FIELDS: Final[Mapping[str, Any]] = {
    "callback_url": _text,
    "code_challenge": _text,
    "code_challenge_method": _optional_text,
    "key_label": _label,
    "limit": NEW_KEY_FIELDS["limit"],
    "usage_limit_type": NEW_KEY_FIELDS["limit_reset"],
    "expires_at": NEW_KEY_FIELDS["expires_at"],
    "workspace_id": NEW_KEY_FIELDS["workspace_id"],
    "spawn_agent": read_line,
    "spawn_cloud": read_line,
}
"""What an app may say; the last two mean nothing here."""


def read_query(pairs: Mapping[str, str]) -> dict[str, Any]:
    """The values of :data:`APP_FIELDS` among the parameters of an address; others are left alone.

    Raises:
        BadRequest: one of them is wrong; the message names it.
    """
    stated = {name: text for name, text in pairs.items() if name in APP_FIELDS and text}
    raw = {
        name: Raw(text.encode()) if name == "limit" and _NUMBER.fullmatch(text) else text
        for name, text in stated.items()
    }
    return read_body(encode(raw), APP_FIELDS)


def wish_of(values: Mapping[str, Any], account_id: str | None, now: float) -> Wish:
    """What *values* of :data:`APP_FIELDS` ask for, of that account if it is known yet.

    Raises:
        BadRequest: they break a rule of docs/sign-in.md; the message names the field.
    """
    challenge = values.get("code_challenge") or ""
    if (values.get("code_challenge_method") or METHOD) != METHOD:
        raise BadRequest("`code_challenge_method` must be S256: `plain` protects nobody")
    if not _CHALLENGE.fullmatch(challenge):
        raise BadRequest("`code_challenge` must be the base64url form of a SHA-256, 43 letters without padding")
    workspace = values.get("workspace_id")
    if account_id is not None and workspace not in {None, workspace_of(account_id)}:
        raise BadRequest("`workspace_id` is not the workspace of this account; leave it out")
    expires = values.get("expires_at")
    if expires is not None and expires <= now:
        raise BadRequest("`expires_at` must lie in the future")
    stated = values.get("callback_url")
    callback = None if stated is None else callback_of(stated)
    return Wish(
        callback=callback,
        challenge=challenge,
        name=values.get("key_label") or ("App" if callback is None else callback.host),
        limit=values.get("limit"),
        limit_reset=values.get("usage_limit_type"),
        expires=expires,
    )


def callback_of(url: str) -> Callback:
    """The address that a code may be sent to: https anywhere, http on this very machine, and nothing that hides where
    it leads.

    Raises:
        BadRequest: it is none.
    """
    found = _URL.fullmatch(url) if len(url) <= _LONGEST else None
    if found is None or int(found["port"] or 1) > _MAX_PORT:
        raise BadRequest("`callback_url` must be an https address without user name and fragment")
    host = found["host"].lower()
    if found["scheme"] == "http" and host not in _LOOPBACK:
        raise BadRequest("`callback_url` may be http for localhost, 127.0.0.1 and [::1] alone; else it must be https")
    if {"code", "error"} & {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}:
        raise BadRequest("`callback_url` must not have a parameter `code` or `error`: that is the answer")
    port = f":{found['port']}" if found["port"] else ""
    return Callback(url, f"{found['scheme']}://{host}{port}", f"{host}{port}")


async def allow(store: Store, clock: Clock, account_id: str, wish: Wish) -> tuple[str, Ticket]:
    """A code by which the app gets its key, within ten minutes. Raises Unavailable."""
    code, now = secrets.token_urlsafe(32), clock.wall()
    promise = _Promise(wish.name, wish.limit, wish.limit_reset, wish.expires)
    ticket = Ticket(
        hash=_digest(code),
        kind=_KIND,
        proof=wish.challenge,
        account_id=account_id,
        content=encode(promise).decode(),
        created=now,
        expires=now + _SECONDS,
    )
    await store.put_ticket(ticket)
    return code, ticket


async def redeem(store: Store, clock: Clock, code: str, verifier: str) -> tuple[Secret, Key]:
    """The key that *code* stands for. A wrong verifier leaves the code to whoever has the right one.

    Raises:
        Forbidden: the code is unknown, was used, or has expired; the verifier is not its own; the account is gone.
        Unavailable: the store cannot be asked.
    """
    place, now = _digest(code), clock.wall()
    ticket = None
    there = await store.has_ticket(place, _KIND, now)
    if there and _VERIFIER.fullmatch(verifier):
        ticket = await store.take_ticket(place, _KIND, s256(verifier), now)
        there = ticket is None and await store.has_ticket(place, _KIND, now)
    if ticket is None:
        if there:
            raise Forbidden("`code_verifier` is not the one that this code was asked for with")
        raise Forbidden("This code is unknown, was used, or has expired: it is good for one key within ten minutes")
    promise = _read_promise(ticket.content)
    try:
        return await issue_key(
            store,
            promise.name,
            clock,
            account_id=ticket.account_id,
            expires=promise.expires,
            change=lambda key: replace(key, limit=promise.limit, limit_reset=promise.limit_reset),
        )
    except NotFound:
        raise Forbidden("The account that allowed this is gone") from None


def s256(verifier: str) -> str:
    """The challenge that follows from *verifier*. Source: RFC 7636, 4.2."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()


def _digest(code: str) -> str:
    return sha256(code.encode("utf-8", "replace")).hexdigest()
