"""Work on the catalog as a process of its own, so that workers lose neither time nor memory to it: above all, a sync.

An order with a ``job`` comes from an admin: what becomes of it is written to standard output, one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from turnout import config
from turnout.app.catalog_review import review
from turnout.app.configuration import load_configuration
from turnout.app.logs import set_up_logs
from turnout.app.sync import decide, sync
from turnout.base.errors import NotFound, TurnoutError
from turnout.config import BadConfiguration

__all__ = ["main"]

_NICENESS = 10
_FOLLOW_SECONDS = 1.0
_SHOW_SECONDS = 0.2
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
    if "job" in order:
        return _ordered(loaded.settings, order["job"], order["parent"])

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


def _ordered(settings: config.Settings, job: Mapping[str, Any], parent: int) -> int:
    """Do *job*, and write down what becomes of it."""
    now = time.time()
    try:
        match job["do"]:
            case "sync":
                _write({"report": asyncio.run(_shown_sync(settings, now, parent))})
            case "decide":
                hold = decide(settings, os.environ, now, job["hold"], approve=job["approve"])
                _write({"decided": hold.text})
            case _:
                _write({"unnamed": review(settings, os.environ, now).unidentified})
    except NotFound:
        _write({"missing": True})
    except (TurnoutError, OSError) as error:
        _write({"error": str(error)})
        return 1
    return 0


async def _shown_sync(settings: config.Settings, now: float, parent: int) -> dict[str, Any]:
    shown: dict[str, float] = {}

    def show(source: str, done: int, of: int | None) -> None:
        if (at := time.monotonic()) - shown.get(source, 0.0) >= _SHOW_SECONDS or done == of:
            shown[source] = at
            _write({"progress": {"source": source, "done": done, "of": of}})

    following = asyncio.create_task(_follow(parent))
    try:
        report = await sync(settings, os.environ, now, show)
    finally:
        following.cancel()
    return {
        "sources": [source._asdict() for source in report.sources],
        "changes": len(report.changes),
        "quarantined": len(report.held),
        "failed": report.failed,
    }


def _write(event: Mapping[str, object]) -> None:
    with suppress(BrokenPipeError):  # nobody listens any longer
        print(json.dumps(event), flush=True)  # noqa: T201 - this is what standard output is for here


async def _follow(parent: int) -> None:
    """Stop when the server is gone."""
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of a parent's death
        await asyncio.sleep(_FOLLOW_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
