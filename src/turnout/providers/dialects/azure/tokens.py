"""Access tokens of Microsoft Entra, had with the secret of an application."""

from __future__ import annotations

import re
from typing import Final, final
from urllib.parse import urlencode

from msgspec import Struct

from turnout.base.jsons import BadJSON, reader
from turnout.providers.access_tokens import TokenKeeper, granted

__all__ = ["ApplicationSecret", "EntraTokenKeeper", "read_secret"]

_AUTHORITY: Final = "https://login.microsoftonline.com"
_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_TENANT: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")


class ApplicationSecret(Struct, frozen=True):
    """What an application shows to get a token. ``authority`` and ``scope`` differ in national clouds."""

    tenant_id: str
    client_id: str
    client_secret: str
    authority: str = _AUTHORITY
    scope: str = _SCOPE


_secret = reader(ApplicationSecret)


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
class EntraTokenKeeper(TokenKeeper):
    """Tokens of one application."""

    async def ask(self, credential: bytes) -> tuple[str, float]:
        """A new token and its seconds. Raises ValueError or UpstreamError, each with words that hold no secret.

        Source: Microsoft identity platform, "OAuth 2.0 client credentials flow".
        """
        secret = read_secret(credential)
        form = {"grant_type": "client_credentials", "client_id": secret.client_id, "scope": secret.scope,
                "client_secret": secret.client_secret}  # fmt: skip
        address = f"{secret.authority.rstrip('/')}/{secret.tenant_id}/oauth2/v2.0/token"
        status, body = await self.outside.post(address, _FORM, urlencode(form).encode())
        return granted(status, body, secret.client_secret)
