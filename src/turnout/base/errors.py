"""The one tree of errors: what went wrong, whether another try makes sense, and what the client may read.

TurnoutError
├── BadRequest            the request itself is wrong
│   ├── PayloadTooLarge, HeadersTooLarge, AddressTooLong
│   └── ModelNotFound     no such model
├── Unauthenticated       no key, or not one of ours
├── PaymentRequired       a budget does not afford it
├── Forbidden             the key may not do this
├── NotFound              no such thing, or not yours
├── Conflict              the same is under way already
├── NoEndpoints           routing leads nowhere
├── TooManyRequests       the key does more than it may in a minute
├── RequestTimeout        the client took too long
├── Unavailable           this gateway cannot serve now
├── Internal              a mistake of ours
└── UpstreamError         a provider failed, see its fields
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

__all__ = [
    "AddressTooLong",
    "BadRequest",
    "Conflict",
    "Forbidden",
    "HeadersTooLarge",
    "Internal",
    "ModelNotFound",
    "NoEndpoints",
    "NotFound",
    "PayloadTooLarge",
    "PaymentRequired",
    "RequestTimeout",
    "TooManyRequests",
    "TurnoutError",
    "Unauthenticated",
    "Unavailable",
    "UpstreamError",
]

_MASK = "********"
_SHORTEST_SECRET = 6  # characters; what is shorter cannot be told from a word


class TurnoutError(Exception):
    """An error with a public face: a stable ``error_type`` and a message without secrets or upstream bodies.

    ``metadata`` is shown to the client under ``error.metadata``, ``availability`` under
    ``error.availability``, ``retry_after`` (seconds) in the ``Retry-After`` header, ``routing`` beside ``error`` as
    ``openrouter_metadata``.
    """

    error_type: str = "server"
    routing: Mapping[str, object] | None = None

    def __init__(
        self,
        message: str,
        *,
        error_type: str | None = None,
        metadata: Mapping[str, object] | None = None,
        availability: Mapping[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if error_type is not None:
            self.error_type = error_type
        self.metadata = dict(metadata or {})
        self.availability = dict(availability) if availability else None
        self.retry_after = retry_after


class BadRequest(TurnoutError):
    """The request cannot be served as it stands, here or elsewhere."""

    error_type = "invalid_request"


class PayloadTooLarge(BadRequest):
    """The body is over the cap."""

    error_type = "payload_too_large"


class HeadersTooLarge(BadRequest):
    """There are too many headers, or too much in them."""


class AddressTooLong(BadRequest):
    """The path and query alone are over the cap of all headers."""


class ModelNotFound(BadRequest):
    """No model of that name is listed."""

    error_type = "invalid_request"


class Unauthenticated(TurnoutError):
    """No usable key."""

    error_type = "authentication"


class PaymentRequired(TurnoutError):
    """A budget does not afford the request. Trying again helps only once it has been raised or begins anew."""

    error_type = "payment_required"


class Forbidden(TurnoutError):
    """The key is known and may not do this."""

    error_type = "permission_denied"


class NotFound(TurnoutError):
    """Nothing of that name, or nothing of yours."""

    error_type = "not_found"


class Conflict(TurnoutError):
    """What was asked clashes with what was asked before. It says whether to come again."""

    error_type = "invalid_request"


class NoEndpoints(TurnoutError):
    """The model is known, but no endpoint of it may or can serve this request."""

    error_type = "not_found"


class TooManyRequests(TurnoutError):
    """The key is over one of its limits per minute; ``retry_after`` says for how long."""

    error_type = "rate_limit_exceeded"


class RequestTimeout(TurnoutError):
    """The client did not finish its request in time."""

    error_type = "timeout"


class Unavailable(TurnoutError):
    """The gateway itself cannot serve now.

    Attributes:
        in_doubt: what was asked may have been done all the same; else nothing was done.
    """

    error_type = "provider_overloaded"
    in_doubt = False


class Internal(TurnoutError):
    """A mistake of ours. The message says nothing; the log does."""

    error_type = "server"

    def __init__(self) -> None:
        super().__init__("Internal server error")


class UpstreamError(TurnoutError):
    """A provider refused, failed or answered nonsense.

    Attributes:
        provider: display name of the provider.
        provider_code: the provider's own error code or status, as text.
        raw: an excerpt of the provider's own message, credentials removed.
        may_be_billed: the provider may have done the work and charge for it.
        elsewhere: where another try makes sense: another "endpoint" of the model, only another "model", or "nowhere".
        health: whether the failure counts against the endpoint ("error", "rate_limited" or "ignored").
        upstream_status: the status the provider sent, None when it sent none.
    """

    error_type = "provider_unavailable"

    def __init__(  # noqa: PLR0913 - each is a fact of the failure, all by keyword
        self,
        message: str,
        *,
        error_type: str | None = None,
        provider: str = "",
        provider_code: str | None = None,
        raw: str | None = None,
        may_be_billed: bool = False,
        elsewhere: Literal["endpoint", "model", "nowhere"] = "endpoint",
        health: Literal["error", "rate_limited", "ignored"] = "error",
        upstream_status: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, error_type=error_type, retry_after=retry_after)
        self.provider = provider
        self.provider_code = provider_code
        self.raw = raw
        self.may_be_billed = may_be_billed
        self.elsewhere = elsewhere
        self.health = health
        self.upstream_status = upstream_status

    def conceal(self, secrets: Iterable[str]) -> None:
        """Mask *secrets* in the provider's own words: some repeat the credential that they were sent."""
        for secret in secrets:
            self.message = _masked(self.message, secret)
            self.raw = None if self.raw is None else _masked(self.raw, secret)
            self.provider_code = None if self.provider_code is None else _masked(self.provider_code, secret)
        self.args = (self.message,)


def _masked(text: str, secret: str) -> str:
    """*text* without *secret*, nor its beginning where the text was cut off within it."""
    if len(secret) < _SHORTEST_SECRET:
        return text
    text = text.replace(secret, _MASK)
    whole = text.removesuffix("…")
    for length in range(min(len(secret), len(whole)), _SHORTEST_SECRET - 1, -1):
        if whole.endswith(secret[:length]):
            return f"{whole[:-length]}{_MASK}{text[len(whole) :]}"
    return text
