"""Access tokens of Microsoft Entra, had with the secret of an application."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final, final
from urllib.parse import urlencode

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, excerpt, reader
from turnout.contracts.provider import Outside

__all__ = ["ApplicationSecret", "TokenKeeper", "read_secret"]

_AUTHORITY: Final = "https://login.microsoftonline.com"
_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_TENANT: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
_EARLY: Final = 300.0  # seconds before a token ends at which the next one is asked for
_SHORTLY: Final = 10.0  # for a token that cannot be renewed
_PAUSE: Final = 5.0  # after a failure
_SHORTEST: Final = 60.0
_MOST_BYTES: Final = 64 * 2**10
_OK: Final = 200


class ApplicationSecret(Struct, frozen=True):
    """What an application shows to get a token. ``authority`` and ``scope`` differ in national clouds."""

    tenant_id: str
    client_id: str
    client_secret: str
    authority: str = _AUTHORITY
    scope: str = _SCOPE


class _Granted(Struct):
    access_token: str
    expires_in: int | float | str = 3599


class _Refused(Struct):
    error: str = ""
    error_description: str = ""


_secret = reader(ApplicationSecret)
_granted = reader(_Granted)
_refused = reader(_Refused)


def read_secret(text: bytes) -> ApplicationSecret:
    """The secret in *text*.

    Raises:
        ValueError: it is none. The message holds nothing of it.
    """
    try:
        secret = _secret(text)
    except BadJSON:
        raise ValueError(
            "the credentials are no JSON object with the texts tenant_id, client_id and client_secret"
        ) from None
    if not (_TENANT.fullmatch(secret.tenant_id) and secret.client_id and secret.client_secret):
        raise ValueError("the credentials lack a tenant_id, a client_id or a client_secret")
    if not secret.authority.startswith("https://"):
        raise ValueError("the authority of the credentials is no https address")
    return secret


@final
class TokenKeeper:
    """Gives out the access token of one application, and gets the next one in time. Askers at one time share one
    request.

    *source* is the JSON of the secret, or the path of its file, which is read again for each token: secrets change.
    """

    def __init__(self, source: str | Path, outside: Outside) -> None:
        self._source = source
        self._outside = outside
        self._ends = 0.0
        self._again = 0.0  # when one may ask again after a failure
        self._failure: str | None = None
        self._waiting: asyncio.Task[None] | None = None
        self.token = ""
        """The token that :meth:`fresh` has seen to; empty before."""

    async def fresh(self) -> None:
        """See to it that :attr:`token` lasts for another five minutes, or at least for now.

        Raises:
            UpstreamError: none is to be had.
        """
        now = self._outside.wall()
        if now < self._ends - _EARLY:
            return
        if self._waiting is None or self._waiting.done():
            if now < self._again:
                self._make_do(now)
                return
            self._waiting = asyncio.ensure_future(self._renew())
        # shielded: whoever leaves does not take the others' token along
        await asyncio.shield(self._waiting)
        self._make_do(now)

    def _make_do(self, now: float) -> None:
        """Raise the last failure, unless the old token will still do."""
        if self._failure is not None and now >= self._ends - _SHORTLY:
            raise UpstreamError(f"No access token for this provider: {self._failure}")

    async def _renew(self) -> None:
        """Get the next token, or note why there is none; after a failure nobody asks for some seconds."""
        try:
            granted = await self._ask()
        except OSError:
            self._failure = "the file of the credentials cannot be read"
        except ValueError as error:
            self._failure = str(error)
        except UpstreamError as error:
            self._failure = f"the token address fails: {error.message}"
        else:
            self._failure = None
            self.token = granted.access_token
            self._ends = self._outside.wall() + _seconds(granted.expires_in)
        self._again = self._outside.wall() + (0 if self._failure is None else _PAUSE)

    async def _ask(self) -> _Granted:
        """Raises OSError, ValueError or UpstreamError, each with words that hold no secret.

        Source: Microsoft identity platform, "OAuth 2.0 client credentials flow".
        """
        text = self._source.encode() if isinstance(self._source, str) else await asyncio.to_thread(_read, self._source)
        secret = read_secret(text)
        form = {"grant_type": "client_credentials", "client_id": secret.client_id, "scope": secret.scope,
                "client_secret": secret.client_secret}  # fmt: skip
        address = f"{secret.authority.rstrip('/')}/{secret.tenant_id}/oauth2/v2.0/token"
        status, body = await self._outside.post(address, _FORM, urlencode(form).encode())
        if status != _OK:
            raise ValueError(_reason(status, body, secret))
        try:
            granted = _granted(body)
        except BadJSON:
            raise ValueError("the answer of the token address makes no sense") from None
        token = granted.access_token
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("the answer of the token address holds no token")
        return granted


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)


def _seconds(stated: float | str) -> float:
    try:
        return max(float(stated), _SHORTEST)
    except ValueError:
        return _SHORTEST


def _reason(status: int, body: bytes, secret: ApplicationSecret) -> str:
    """Microsoft's own words, without the secret, should they repeat it."""
    try:
        refused = _refused(body)
    except BadJSON:
        refused = _Refused()
    words = excerpt((refused.error_description or refused.error).replace(secret.client_secret, "********"), 200)
    return f"the token address answered with status {status}" + (f": {words}" if words else "")
