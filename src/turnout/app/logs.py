"""Logs as the configuration wants them, without what it keeps secret."""

from __future__ import annotations

import logging

from turnout import config
from turnout.base.secrets import Secret
from turnout.observe.logs import configure_logs

__all__ = ["set_up_logs"]


def set_up_logs(loaded: config.Loaded) -> None:
    """Configure logging for this process."""
    settings = loaded.settings
    secrets = [
        settings.auth.api_key,
        settings.auth.management_key,
        *(one.api_key for one in settings.providers.values()),
    ]
    configure_logs(settings.logging.level, settings.logging.format, [one for one in secrets if isinstance(one, Secret)])
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # we report mistakes without quoting requests; it would
    for chatty in ("alembic", "watchfiles"):  # they tell each of their steps
        logging.getLogger(chatty).setLevel(logging.WARNING)
