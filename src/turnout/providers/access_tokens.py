"""Access tokens that end: given out while they last, renewed in time, one request for all who wait."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final, Self

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, excerpt, reader
from turnout.contracts.provider import Outside
from turnout.domain.provider import Provider

__all__ = ["TokenKeeper", "granted"]

_EARLY: Final = 300.0  # seconds before a token ends at which the next one is asked for
_SHORTLY: Final = 10.0  # for a token that cannot be renewed
_PAUSE: Final = 5.0  # after a failure
_SHORTEST: Final = 60.0
_MOST_BYTES: Final = 100_000
_OK: Final = 200


class _Granted(Struct):
    access_token: str = ""
    expires_in: int | float | str = 3600


class _Refused(Struct):
    error: str = ""
    error_description: str = ""


_granted = reader(_Granted)
_refused = reader(_Refused)


class TokenKeeper(ABC):
    """Gives out the access token of one credential, and gets the next one in time. Askers at one time share one
    request.

    *source* is the credential's JSON, or the path of its file, which is read again for each token: secrets change.
    """

    def __init__(self, source: str | Path, outside: Outside) -> None:
        self._source = source
        self.outside = outside
        self._ends = 0.0
        self._again = 0.0  # when one may ask again after a failure
        self._failure: str | None = None
        self._waiting: asyncio.Task[None] | None = None
        self.token = ""
        """The token that :meth:`fresh` has seen to; empty before."""

    @classmethod
    def of(cls, provider: Provider, outside: Outside) -> Self | None:
        """The keeper of what *provider* shows for tokens, JSON or the file of it; None: it shows something else."""
        credential = provider.credential.reveal().strip() if provider.credential is not None else ""
        if credential.startswith("{"):
            return cls(credential, outside)
        if provider.credentials_file and not credential:
            return cls(Path(provider.credentials_file).expanduser(), outside)
        return None

    @abstractmethod
    async def ask(self, credential: bytes) -> tuple[str, float]:
        """A new token for *credential*, and its seconds. Raises ValueError or UpstreamError, with words that hold no
        secret.
        """

    async def fresh(self) -> None:
        """See to it that :attr:`token` lasts for another five minutes, or at least for now.

        Raises:
            UpstreamError: none is to be had.
        """
        now = self.outside.wall()
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
            token, seconds = await self.ask(await self._credential())
        except OSError:
            self._failure = "the file of the credentials cannot be read"
        except ValueError as error:
            self._failure = str(error)
        except UpstreamError as error:
            self._failure = f"the token address fails: {error.message}"
        else:
            self._failure = None
            self.token = token
            self._ends = self.outside.wall() + seconds
        self._again = self.outside.wall() + (0 if self._failure is None else _PAUSE)

    async def _credential(self) -> bytes:
        """Raises OSError."""
        if isinstance(self._source, str):
            return self._source.encode()
        return await asyncio.to_thread(_read, self._source)


def granted(status: int, body: bytes, secret: str = "") -> tuple[str, float]:
    """The token that the issuer's answer holds, and for how many seconds, at least a minute.

    Raises:
        ValueError: it holds none that a header can carry, or refuses; the words hold no *secret*.
    """
    if status != _OK:
        raise ValueError(_reason(status, body, secret))
    try:
        found = _granted(body)
    except BadJSON:
        raise ValueError("the answer of the token address makes no sense") from None
    token = found.access_token
    if not token or not token.isascii() or not token.isprintable():
        raise ValueError("the answer of the token address holds no token")
    return token, _seconds(found.expires_in)


def _seconds(stated: float | str) -> float:
    try:
        return max(float(stated), _SHORTEST)
    except ValueError:
        return _SHORTEST


def _reason(status: int, body: bytes, secret: str) -> str:
    """The issuer's own words, without *secret*, should they repeat it."""
    try:
        refused = _refused(body)
    except BadJSON:
        refused = _Refused()
    words = refused.error_description or refused.error
    words = excerpt(words.replace(secret, "********") if secret else words, 200)
    return f"the token address answered with status {status}" + (f": {words}" if words else "")


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)
