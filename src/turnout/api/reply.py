"""Heads of the data plane's answers, in one place for every server."""

from __future__ import annotations

from typing import final

from turnout.api.errors import error_body, retry_after_of, status_of
from turnout.base.errors import TurnoutError

__all__ = ["Heads"]

_EXPOSED = b"x-generation-id, x-turnout-overhead-ms, x-turnout-dropped, retry-after"


@final
class Heads:
    """Header lists of answers: name and value pairs as ASGI has them, lower-case."""

    def __init__(self, *, cors: bool) -> None:
        self._common: tuple[tuple[bytes, bytes], ...] = (
            (
                (b"access-control-allow-origin", b"*"),
                (b"access-control-expose-headers", _EXPOSED),
            )
            if cors
            else ()
        )

    def answer(self, generation_id: str, overhead_ms: float, dropped: str, kind: bytes) -> list[tuple[bytes, bytes]]:
        """Headers of an answer; *kind* is its content type, *dropped* the parameters that were left out."""
        headers = [
            (b"content-type", kind),
            (b"x-generation-id", generation_id.encode()),
            (b"x-turnout-overhead-ms", b"%.3f" % overhead_ms),
            *self._common,
        ]
        if dropped:
            headers.append((b"x-turnout-dropped", dropped.encode()))
        return headers

    def refusal(self, error: TurnoutError, generation_id: str | None) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, headers and body of an error."""
        headers = [(b"content-type", b"application/json"), *self._common]
        if generation_id is not None:
            headers.append((b"x-generation-id", generation_id.encode()))
        if (seconds := retry_after_of(error)) is not None:
            headers.append((b"retry-after", b"%d" % seconds))
        return status_of(error), headers, error_body(error)
