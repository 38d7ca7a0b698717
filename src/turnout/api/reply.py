"""Heads of the data plane's answers, in one place for every server."""

from __future__ import annotations

from typing import final

from turnout.api.errors import error_body, retry_after_of, status_of
from turnout.base.errors import TurnoutError

__all__ = ["Heads"]

_ANSWER = b"content-type: %b\r\nx-generation-id: %b\r\nx-turnout-overhead-ms: %.3f\r\n%b%b"
_CORS = (
    b"access-control-allow-origin: *\r\n"
    b"access-control-expose-headers: x-generation-id, x-turnout-overhead-ms, x-turnout-dropped, retry-after, "
    b"idempotent-replayed, x-openrouter-cache-status, x-openrouter-cache-age, x-openrouter-cache-ttl, "
    b"x-openrouter-cache-source-id\r\n"
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
        return _ANSWER % (kind, generation_id.encode(), overhead_ms, self._common, left_out)

    def refusal(self, error: TurnoutError, generation_id: str | None) -> tuple[int, bytes, bytes]:
        """Status, headers and body of an error."""
        lines = [b"content-type: application/json\r\n", self._common]
        if generation_id is not None:
            lines.append(b"x-generation-id: %b\r\n" % generation_id.encode())
        if (seconds := retry_after_of(error)) is not None:
            lines.append(b"retry-after: %d\r\n" % seconds)
        return status_of(error), b"".join(lines), error_body(error)
