"""One sync as a process of its own, so that workers lose neither time nor memory to it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from turnout.app.configuration import load_configuration
from turnout.app.logs import set_up_logs
from turnout.app.sync import sync
from turnout.base.errors import TurnoutError
from turnout.config import BadConfiguration

__all__ = ["main"]

_NICENESS = 10
_FOLLOW_SECONDS = 1.0
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Sync once; the exit status is 1 when no source could be read, or nothing could be written."""
    order = json.loads(arguments[0])
    with suppress(OSError):
        os.nice(_NICENESS)  # requests come first
    try:
        loaded = load_configuration(Path(order["path"]) if order["path"] else None, order["flags"])
    except (BadConfiguration, OSError):
        return 1  # the server has said so already
    set_up_logs(loaded)

    async def work() -> int:
        following = asyncio.create_task(_follow(order["parent"]))
        try:
            report = await sync(loaded.settings, os.environ, time.time())
        except (TurnoutError, OSError) as error:
            _log.warning("the catalog cannot be synced: %s", error)
            return 1
        finally:
            following.cancel()
        for source in report.sources:
            _log.log(logging.INFO if source.well else logging.WARNING, "catalog: %s: %s", source.source, source.text)
        for hold in report.held:
            _log.warning("catalog: quarantined as %s: %s", hold.id, hold.text)
        if report.changes:
            _log.info("catalog: %s changes", len(report.changes))
        return 1 if report.failed else 0

    return asyncio.run(work())


async def _follow(parent: int) -> None:
    """Stop when the server is gone."""
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of a parent's death
        await asyncio.sleep(_FOLLOW_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
