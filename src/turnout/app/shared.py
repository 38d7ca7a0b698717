"""What a worker shares: with nobody, with the workers of its machine, or with other machines through Redis."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from turnout import config
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import Unavailable
from turnout.contracts.shared import AnswerMemory, Bulletin, HealthExchange, Pace, ReasoningMemory
from turnout.shared.answers_file import AnswersInFile
from turnout.shared.bulletin import SilentBulletin
from turnout.shared.pace import PaceInFile, PaceInProcess
from turnout.shared.reasoning import ReasoningInProcess
from turnout.shared.reasoning_file import ReasoningInFile

__all__ = ["Shared", "check_shared", "shared_of"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """The shared state of one worker.

    Attributes:
        pace: requests and tokens per minute.
        reasoning: thoughts of answers that called tools.
        bulletin: what workers tell each other at once.
        health: windows of other machines; None for one machine.
        once: answers by ``Idempotency-Key``.
        cache: answers that equal requests get.
        close: gives everything back.
    """

    pace: Pace
    reasoning: ReasoningMemory
    bulletin: Bulletin
    health: HealthExchange | None
    once: AnswerMemory
    cache: AnswerMemory
    close: Callable[[], Awaitable[None]]


def shared_of(settings: config.Settings, *, alone: bool) -> Shared:
    """What the configuration names; *alone*: this worker is the only one of its machine. Nothing is connected yet.

    Raises:
        Unavailable: it needs a package that is not installed.
    """
    pace = _local_pace(settings, alone=alone)
    if not settings.store.shared:
        reasoning = (
            ReasoningInProcess(SYSTEM_CLOCK)
            if alone
            else ReasoningInFile(Path(settings.server.data_dir) / "reasoning.sqlite", SYSTEM_CLOCK)
        )

        folder = Path(settings.server.data_dir)
        once, cache = (AnswersInFile(folder / f"{name}.sqlite", SYSTEM_CLOCK) for name in ("idempotency", "cache"))

        async def close() -> None:
            reasoning.close()
            await once.close()
            await cache.close()
            await pace.close()

        return Shared(pace, reasoning, SilentBulletin(), None, once, cache, close)
    try:
        return _over_redis(settings.store.shared, pace)
    except ImportError as error:
        raise Unavailable(f"store.shared: Redis needs the package {error.name}; install turnout[redis]") from error


async def check_shared(settings: config.Settings) -> None:
    """Ask the Redis that the configuration names for a sign of life.

    Raises:
        Unavailable: it gives none, or needs a package that is not installed.
    """
    try:
        from turnout.shared.redis_link import Link  # noqa: PLC0415 - its package is an option
    except ImportError as error:
        raise Unavailable(f"store.shared: Redis needs the package {error.name}; install turnout[redis]") from error
    link = Link(settings.store.shared, SYSTEM_CLOCK)
    try:
        await link.call(lambda redis: redis.get(""), 2.0)
    finally:
        await link.close()


def _local_pace(settings: config.Settings, *, alone: bool) -> Pace:
    """What counts on this machine; where its file cannot be had, each worker counts for itself."""
    if alone:
        return PaceInProcess()
    path = Path(settings.server.data_dir) / "pace.map"
    try:
        return PaceInFile(path)
    except OSError as error:
        _log.warning("%s cannot be mapped, so this worker counts rate limits for itself alone: %s", path, error)
        return PaceInProcess()


def _over_redis(address: str, fallback: Pace) -> Shared:
    # The package is an option.
    from turnout.shared.redis_answers import AnswersInRedis  # noqa: PLC0415 - see above
    from turnout.shared.redis_bulletin import BulletinInRedis  # noqa: PLC0415 - see above
    from turnout.shared.redis_health import HealthInRedis  # noqa: PLC0415 - see above
    from turnout.shared.redis_link import Link  # noqa: PLC0415 - see above
    from turnout.shared.redis_pace import PaceInRedis  # noqa: PLC0415 - see above
    from turnout.shared.redis_reasoning import ReasoningInRedis  # noqa: PLC0415 - see above

    link = Link(address, SYSTEM_CLOCK)
    pace = PaceInRedis(link, fallback)
    answers = AnswersInRedis(link)

    async def close() -> None:
        await answers.close()
        await pace.close()
        await link.close()

    return Shared(pace, ReasoningInRedis(link), BulletinInRedis(link), HealthInRedis(link), answers, answers, close)
