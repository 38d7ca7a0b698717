"""Logs: one event, one line, no secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final, TextIO, final

from turnout.base.jsons import encode
from turnout.base.secrets import Secret

__all__ = ["configure_logs"]

_KEY_LIKE = re.compile(r"\b(sk-[A-Za-z0-9_-]{8})[A-Za-z0-9_-]+|\b(Bearer) +\S+", re.IGNORECASE)
_LEAST_SECRET = 6  # characters: what is shorter is a dummy, and stands in ordinary words
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_PLAIN, _BOLD, _DIM = "\033[0m", "\033[1m", "\033[2m"
_GREEN, _YELLOW, _RED = "\033[32;1m", "\033[33;1m", "\033[31;1m"
_COLOURS: Final = {logging.WARNING: _YELLOW, logging.ERROR: _RED, logging.CRITICAL: _RED}


def configure_logs(level: str, style: str, secrets: Collection[Secret] = (), stream: TextIO | None = None) -> None:
    """Write what is logged to *stream*, else to standard error.

    *level* is debug, info, warning or error; *style* is json, console, or auto: console on a terminal. Whatever
    looks like a key, and each of *secrets* wherever it stands, is masked.
    """
    stream = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Lines(secrets, console=style == "console" or (style == "auto" and stream.isatty())))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS.get(level, logging.INFO))
    logging.raiseExceptions = False  # a full disk or a closed pipe must not stop the service


@final
class _Lines(logging.Formatter):
    """Writes a record as a line of JSON, or coloured for who sits before a console."""

    def __init__(self, secrets: Collection[Secret], *, console: bool) -> None:
        super().__init__()
        texts = (text for secret in secrets if len(text := secret.reveal()) >= _LEAST_SECRET)
        self._secrets = sorted(texts, key=len, reverse=True)
        self._console = console

    def format(self, record: logging.LogRecord) -> str:
        """The line. An exception is told without the variables around it: those hold keys and prompts."""
        event = self._masked(record.getMessage())
        exception = self._masked(self.formatException(record.exc_info)) if record.exc_info else ""
        level = record.levelname.lower()
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        if not self._console:
            told = {"exception": exception} if exception else {}
            return encode({"event": event, **told, "level": level, "timestamp": time}).decode()
        colour = _COLOURS.get(record.levelno, _GREEN)
        line = f"{_DIM}{time}{_PLAIN} [{colour}{level:<8}{_PLAIN}] {_BOLD}{event}{_PLAIN}"
        return f"{line}\n{exception}" if exception else line

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "********")
        return _KEY_LIKE.sub(lambda match: f"{match[1] or match[2]}********", text)
