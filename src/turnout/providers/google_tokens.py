"""Access tokens for Google's cloud from a service account's key, without Google's library."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final, final
from urllib.parse import urlencode

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, excerpt, reader
from turnout.contracts.provider import Outside

__all__ = ["ServiceAccountKey", "TokenKeeper", "read_key"]

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_ISSUER: Final = "https://oauth2.googleapis.com/token"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_LIFETIME = 3600  # seconds, the longest that Google gives
_EARLY = 300  # seconds before its end, when a token is no longer given out
_SHORTLY = 10  # seconds before its end, when it is as good as over
_PAUSE = 5  # seconds after a failure
_OK = 200
_MOST_KEY_BYTES = 100_000


class ServiceAccountKey(Struct, frozen=True):
    """A key file: of a service account, or of a user who has logged in (``authorized_user``)."""

    type: str = ""
    project_id: str = ""
    client_email: str = ""
    private_key_id: str = ""
    private_key: str = ""
    token_uri: str = _ISSUER
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    quota_project_id: str = ""

    def __repr__(self) -> str:
        """Without secrets."""
        return f"<key of {self.client_email or 'a user'}>"


class _Granted(Struct):
    access_token: str = ""
    expires_in: float = _LIFETIME


class _Refused(Struct):
    error: str = ""
    error_description: str = ""


_read_key = reader(ServiceAccountKey)
_read_granted = reader(_Granted)
_read_refused = reader(_Refused)


def read_key(text: bytes) -> ServiceAccountKey:
    """The key in *text*.

    Raises:
        ValueError: it is no key that tokens can be had with. The message holds nothing of it.
    """
    try:
        key = _read_key(text)
    except BadJSON:
        raise ValueError("the credentials are no JSON object with texts") from None
    if key.type == "service_account" and key.client_email and key.private_key:
        return key
    if key.type == "authorized_user" and key.client_id and key.refresh_token:
        return key
    kind = excerpt(key.type, 40) or "no type"
    raise ValueError(f"the credentials are of {kind}; a service_account or an authorized_user is wanted, complete")


@final
class TokenKeeper:
    """Gives out the access token of one key, and gets the next one in time. Askers at one time share one request.

    *source* is the JSON of the key, or the path of its file, which is read again for each token: keys change.
    """

    def __init__(self, source: str | Path, outside: Outside) -> None:
        self._source = source
        self._outside = outside
        self._token = ""
        self._ends = 0.0
        self._again = 0.0  # when one may ask again after a failure
        self._failure: str | None = None
        self._waiting: asyncio.Task[None] | None = None
        self.project = ""
        """The project that the key names, once it has been read."""

    @property
    def token(self) -> str:
        """The token that :meth:`fresh` has seen to; empty before."""
        return self._token

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
            raise _refusal(self._failure)

    async def _renew(self) -> None:
        """Get the next token, or note why there is none; after a failure nobody asks for some seconds."""
        try:
            granted = await self._granted()
        except OSError:
            self._failure = "the file of the credentials cannot be read"
        except ValueError as error:
            self._failure = str(error)
        except UpstreamError as error:
            self._failure = f"the token address fails: {error.message}"
        else:
            self._failure = None
            self._token = granted.access_token
            self._ends = self._outside.wall() + granted.expires_in
        self._again = self._outside.wall() + (0 if self._failure is None else _PAUSE)

    async def _granted(self) -> _Granted:
        """Raises OSError, ValueError or UpstreamError, each with words that hold no secret."""
        text = self._source.encode() if isinstance(self._source, str) else await asyncio.to_thread(_read, self._source)
        key = read_key(text)
        form = await asyncio.to_thread(_form, key, int(self._outside.wall()))
        status, body = await self._outside.post(key.token_uri, _FORM, form)
        if status != _OK:
            raise ValueError(_reason(status, body))
        try:
            granted = _read_granted(body)
        except BadJSON:
            raise ValueError("the answer of the token address makes no sense") from None
        token = granted.access_token
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("the answer of the token address holds no token")
        self.project = key.project_id or key.quota_project_id
        return granted


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_KEY_BYTES)


def _form(key: ServiceAccountKey, now: int) -> bytes:
    """The body of the request for a token. Raises ValueError for a private key that is none."""
    if key.type == "authorized_user":
        fields = {"client_id": key.client_id, "client_secret": key.client_secret, "refresh_token": key.refresh_token}
        return urlencode({"grant_type": "refresh_token", **fields}).encode()
    return urlencode({"grant_type": _GRANT, "assertion": _assertion(key, now)}).encode()


def _assertion(key: ServiceAccountKey, now: int) -> bytes:
    """A signed claim to be the service account.

    Source: Google Identity, "Using OAuth 2.0 for server to server applications"; RFC 7515, RFC 7523.
    """
    head = {"alg": "RS256", "typ": "JWT"} | ({"kid": key.private_key_id} if key.private_key_id else {})
    claims = {"iss": key.client_email, "scope": _SCOPE, "aud": key.token_uri, "iat": now, "exp": now + _LIFETIME}
    signed = b"%b.%b" % (_coded(encode(head)), _coded(encode(claims)))
    return b"%b.%b" % (signed, _coded(_signature(key.private_key, signed)))


def _signature(pem: str, text: bytes) -> bytes:
    """RSASSA-PKCS1-v1_5 over SHA-256. Raises ValueError for a private key that is none, or no RSA one."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only service accounts need it
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415 - the same
    except ImportError:
        raise ValueError("service accounts need the package cryptography, which is not installed") from None
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("the private key of the credentials cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the private key of the credentials is no RSA key")  # noqa: TRY004 - it is what the file says
    return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def _coded(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")


def _reason(status: int, body: bytes) -> str:
    """Google's own words, which name the key but do not hold it."""
    try:
        refused = _read_refused(body)
    except BadJSON:
        refused = _Refused()
    words = excerpt(refused.error_description or refused.error, 200)
    return f"the token address answered with status {status}" + (f": {words}" if words else "")


def _refusal(reason: str) -> UpstreamError:
    return UpstreamError(f"No access token for this provider: {reason}")
