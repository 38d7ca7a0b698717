"""Access tokens for Google's cloud from a service account's key, without Google's library."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from typing import Final, final
from urllib.parse import urlencode

from msgspec import Struct

from turnout.base.jsons import BadJSON, encode, excerpt, reader
from turnout.providers.access_tokens import TokenKeeper, granted

__all__ = ["GoogleTokenKeeper", "ServiceAccountKey", "read_key"]

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_ISSUER: Final = "https://oauth2.googleapis.com/token"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_LIFETIME = 3600  # seconds, the longest that Google gives


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


_read_key = reader(ServiceAccountKey)


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
class GoogleTokenKeeper(TokenKeeper):
    """Tokens of one key. ``project`` is the one that the key names, once it has been read."""

    project = ""

    async def ask(self, credential: bytes) -> tuple[str, float]:
        """A new token and its seconds. Raises ValueError or UpstreamError, each with words that hold no secret."""
        key = read_key(credential)
        form = await asyncio.to_thread(_form, key, int(self.outside.wall()))
        found = granted(*await self.outside.post(key.token_uri, _FORM, form))
        self.project = key.project_id or key.quota_project_id
        return found


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
