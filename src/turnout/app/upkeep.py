"""What is done to the store now and then: what is old or orphaned is deleted, spent budgets are told of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, final

from turnout import config
from turnout.accounts.alerts import Alert, alert_report, alert_text, due_alerts
from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.base.errors import UpstreamError
from turnout.base.jsons import encode
from turnout.contracts.store import Store

__all__ = ["Upkeep"]

_ALERT_SECONDS: Final = 2.0
_RETENTION_SECONDS: Final = 60.0
_CHUNK: Final = 500  # generations deleted in one transaction: a few milliseconds
_PAUSE_SECONDS: Final = 0.05
_TRIES: Final = 4
_FIRST_WAIT_SECONDS: Final = 0.5
_OK: Final = 300
_log = logging.getLogger(__name__)

Post = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, bytes]]]
"""Sends a body to an address with headers: status and body of the answer. Raises UpstreamError."""


@final
class Upkeep:
    """One process of a node runs it. *settings* gives those in effect, *post* reaches the webhook."""

    def __init__(
        self, store: Store, settings: Callable[[], config.Settings], post: Post, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._store = store
        self._settings = settings
        self._post = post
        self._clock = clock
        self._swept = float("-inf")
        self._troubled = False
        self._told: set[tuple[str, int, int]] = set()
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await asyncio.sleep(_ALERT_SECONDS)
                try:
                    await self.turn()
                except Exception:  # noqa: BLE001 - a background task: what cannot be done now is done later
                    if not self._troubled:
                        _log.warning("the store cannot be looked after for now", exc_info=True)
                    self._troubled = True
                else:
                    self._troubled = False
        finally:
            for task in self._sending:
                task.cancel()

    async def turn(self) -> None:
        """Tell what is to be told, and delete what is too old.

        Raises:
            Unavailable: the store cannot be asked.
        """
        if alerts := await due_alerts(self._store, self._clock.wall(), self._told):
            webhook = self._settings().alerts.webhook
            for alert in alerts:
                _log.warning("%s", alert_text(alert))
                if webhook is not None:
                    task = asyncio.create_task(self._send(webhook.reveal(), alert))
                    self._sending.add(task)
                    task.add_done_callback(self._sending.discard)
        if self._clock.monotonic() - self._swept >= _RETENTION_SECONDS:
            self._swept = self._clock.monotonic()
            kept = self._settings().store.retention_seconds
            if kept is not None:
                await self.forget(self._clock.wall() - kept)
            await self._clear_out()

    async def _clear_out(self) -> None:
        """Delete what was said too long ago, and what is left of accounts that are deleted."""
        kept = self._settings().store.content_seconds
        before = float("-inf") if kept is None else self._clock.wall() - kept
        await _until_done(lambda: self._store.forget_contents(before, _CHUNK))
        await _until_done(lambda: self._store.erase_deleted(_CHUNK))

    async def forget(self, before: float) -> int:
        """Delete the generations from before that unix second, a few at a time; how many it were. Sums stay."""
        return await _until_done(lambda: self._store.forget_generations(before, _CHUNK))

    async def _send(self, webhook: str, alert: Alert) -> None:
        """The webhook may be a secret, so it stands in no message."""
        body = encode(alert_report(alert))
        wait = _FIRST_WAIT_SECONDS
        reason = ""
        for _ in range(_TRIES):
            try:
                status, _ = await self._post(webhook, {"Content-Type": "application/json"}, body)
            except UpstreamError as error:
                reason = error.error_type
            else:
                if status < _OK:
                    return
                reason = f"status {status}"
            await asyncio.sleep(wait)
            wait *= 4
        _log.error("the webhook of alerts cannot be reached: %s", reason)


async def _until_done(work: Callable[[], Awaitable[int]]) -> int:
    """Do *work*, which takes a chunk and says how large it was, until one is not full; how much it was in all."""
    done = 0
    while True:
        chunk = await work()
        done += chunk
        if chunk < _CHUNK:
            return done
        await asyncio.sleep(_PAUSE_SECONDS)
