"""Heads of the data plane's answers, in one place for every server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, final

from turnout.api.errors import retry_after_of
from turnout.base.errors import TooManyRequests, TurnoutError
from turnout.contracts.surface import Surface

__all__ = ["Heads"]

_IDS = b"x-generation-id: %b\r\nrequest-id: %b\r\nx-request-id: %b\r\n"
"""Ours, Anthropic's, OpenAI's: each client shows its own to the user."""
_ANSWER = b"content-type: %b\r\n" + _IDS + b"x-turnout-overhead-ms: %.3f\r\n%b%b"
_CORS = (
    b"access-control-allow-origin: *\r\n"
    b"access-control-expose-headers: x-generation-id, request-id, x-request-id, x-turnout-overhead-ms, "
    b"x-turnout-dropped, retry-after, idempotent-replayed, x-openrouter-cache-status, x-openrouter-cache-age, "
    b"x-openrouter-cache-ttl, x-openrouter-cache-source-id, x-ratelimit-limit, "
    b"x-ratelimit-remaining, x-ratelimit-reset\r\n"
)


@final
class Heads:
    """Headers of answers, as the lines that go over the wire: names in lower case, each line with its end."""

    def __init__(self, *, cors: bool) -> None:
        self._common = _CORS if cors else b""

    def answer(self, generation_id: str, overhead_ms: float, dropped: str, kind: bytes, more: bytes) -> bytes:
        """Headers of an answer; *kind* is its content type, *dropped* the parameters that were left out. *more* are
        lines that come last.
        """
        left_out = b"x-turnout-dropped: %b\r\n%b" % (dropped.encode(), more) if dropped else more
        name = generation_id.encode()
        return _ANSWER % (kind, name, name, name, overhead_ms, self._common, left_out)

    def refusal(self, surface: Surface, error: TurnoutError, generation_id: str) -> tuple[int, bytes, bytes]:
        """Status, headers and body of an error in the words of *surface*."""
        own = generation_id.encode()
        lines = [b"content-type: application/json\r\n", self._common, _IDS % (own, own, own)]
        if (seconds := retry_after_of(error)) is not None:
            lines.append(b"retry-after: %d\r\n" % seconds)
        if isinstance(error, TooManyRequests):
            told = cast("Mapping[str, str]", error.metadata.get("headers", {}))
            lines += [f"{name.lower()}: {text}\r\n".encode() for name, text in told.items()]
        status, body = surface.refusal(error, generation_id)
        return status, b"".join(lines), body
