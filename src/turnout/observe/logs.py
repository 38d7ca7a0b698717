"""Structured logs: one event, one line, no secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, TextIO

import structlog

from turnout.base.jsons import encode
from turnout.base.secrets import Secret

__all__ = ["Log", "configure_logs"]

Log = structlog.stdlib.BoundLogger

_KEY_LIKE = re.compile(r"\b(sk-[A-Za-z0-9_-]{8})[A-Za-z0-9_-]+|\b(Bearer) +\S+", re.IGNORECASE)
_LEAST_SECRET = 6  # characters: what is shorter is a dummy, and stands in ordinary words
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(level: str, style: str, secrets: Collection[Secret] = (), stream: TextIO | None = None) -> Log:
    """The program's logger, and the standard library's routed through the same processors.

    *level* is debug, info, warning or error; *style* is json, console, or auto: console on a terminal. Whatever
    looks like a key, and each of *secrets* wherever it stands, is masked before anything is rendered.
    """
    stream = stream if stream is not None else sys.stderr
    console = style == "console" or (style == "auto" and stream.isatty())
    render: Callable[..., Any] = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(_encode_text)
    )
    shared: list[Any] = [
        structlog.processors.format_exc_info,  # as text, without the variables around: those hold keys and prompts
        _redactor(secrets),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS.get(level, logging.INFO))
    logging.raiseExceptions = False  # a full disk or a closed pipe must not stop the service
    logger: Log = structlog.stdlib.get_logger("turnout")
    return logger


def _redactor(secrets: Collection[Secret]) -> Callable[[Any, str, Mapping[str, Any]], Mapping[str, Any]]:
    texts = sorted((text for secret in secrets if len(text := secret.reveal()) >= _LEAST_SECRET), key=len, reverse=True)

    def clean(value: Any) -> Any:  # noqa: ANN401 - anything may be logged
        if value is None or isinstance(value, int | float):
            return value
        written = str(value)
        for text in texts:
            written = written.replace(text, "********")
        return _KEY_LIKE.sub(lambda match: f"{match[1] or match[2]}********", written)

    def redact(_logger: Any, _name: str, event: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ANN401 - structlog's own
        return {name: value if name[:1] == "_" else clean(value) for name, value in event.items()}

    return redact


def _encode_text(event: Any, **_options: Any) -> str:  # noqa: ANN401 - what structlog hands over
    return encode(event).decode()
