"""Signature Version 4, with which requests to AWS show who sends them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from time import gmtime, strftime
from typing import Final, final
from urllib.parse import parse_qsl, quote

from turnout.base.secrets import Secret

__all__ = ["Signer"]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@final
class Signer:
    """Signs requests with one key pair, for one service in one region. ``token`` belongs to a temporary key."""

    def __init__(self, key_id: str, secret: Secret, region: str, service: str, token: Secret | None = None) -> None:
        self._key_id = key_id
        self._secret = secret
        self._region = region
        self._service = service
        self._token = token
        self._day = ""
        self._key = b""  # derived for that day

    def headers(self, method: str, target: str, headers: Mapping[str, str], body: bytes, now: float) -> dict[str, str]:
        """The headers to add to a request that is sent at *now* (unix seconds).

        *target* is path and query as they stand in the request line; *headers* are those to be signed, ``Host``
        among them.

        Source: AWS, "Create a signed AWS API request".
        """
        moment = strftime("%Y%m%dT%H%M%SZ", gmtime(now))
        added = {"X-Amz-Date": moment}
        if self._token is not None:
            added["X-Amz-Security-Token"] = self._token.reveal()
        signed = sorted((name.lower(), " ".join(value.split())) for name, value in (dict(headers) | added).items())
        names = ";".join(name for name, _ in signed)
        lines = "".join([f"{name}:{value}\n" for name, value in signed])
        canonical = f"{method}\n{_canonical(target)}\n{lines}\n{names}\n{sha256(body).hexdigest()}"
        day = moment[:8]
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self._key_of(day), text.encode(), sha256).hexdigest()
        added["Authorization"] = (
            f"{_ALGORITHM} Credential={self._key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return added

    def _key_of(self, day: str) -> bytes:
        if day != self._day:
            key = b"AWS4" + self._secret.reveal().encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        return self._key


@lru_cache(1024)
def _canonical(target: str) -> str:
    """Path and query as they are signed: the path, escaped as it is sent, is escaped once more."""
    path, _, query = target.partition("?")
    pairs = sorted((quote(name, "-_.~"), quote(value, "-_.~")) for name, value in parse_qsl(query, True))
    return quote(path or "/", "/-_.~") + "\n" + "&".join(f"{name}={value}" for name, value in pairs)
