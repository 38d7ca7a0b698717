"""What the auto router knows, made beside the requests: its tables, slates of models, what accounts have seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import msgspec

from turnout import config
from turnout.base.errors import TurnoutError, Unavailable
from turnout.base.jsons import encode
from turnout.contracts.feedback import Feedbacks
from turnout.domain.query import Roster
from turnout.domain.routed import Feedback
from turnout.domain.training import TrainingRow
from turnout.engine.auto_router import BETA, AutoPolicy, AutoRouter, Learned, shares_of
from turnout.engine.auto_settings import AutoWishes
from turnout.engine.auto_signs import Signs
from turnout.engine.routes import Routes

if TYPE_CHECKING:
    from turnout.auto.experience import Experience, Heard
    from turnout.auto.table import Table

__all__ = ["Tutor", "heard_in", "learned_of", "set_up", "votes_told"]

_LOOK_SECONDS: Final = 1.0
_FLUSH_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 6.0
"""The first request to the router waits so long for it at most: reading it takes a second, once."""
_AT_ONCE: Final = 5_000
_MOST_ROWS: Final = 2_000
"""As many as an experience keeps; written twice, as reading it there would load numpy on the event loop."""
_STILL_COMING: Final = 50
"""Rows may be seen out of order by so many: two nodes write at once."""
_log = logging.getLogger(__name__)
_read_tasks = msgspec.json.Decoder(list[tuple[str, float]]).decode
_read_shares = msgspec.json.Decoder(list[float]).decode
_read_votes = msgspec.json.Decoder(list[tuple[str, list[float] | None]]).decode


def set_up(router: AutoRouter, settings: config.Settings) -> None:
    """Let *settings* hold for *router*."""
    auto = settings.auto
    router.defaults = AutoWishes(
        allowed_models=None if auto.allowed_models is None else list(auto.allowed_models),
        excluded_models=list(auto.excluded_models) or None,
        cost_tier=auto.cost_tier,
        pin_model=auto.pin_model or None,
    )
    router.fixed = auto.prevent_overrides
    router.shadow = auto.shadow
    router.policies = {
        "openrouter/auto": AutoPolicy(auto.tradeoff, auto.explore),
        BETA: AutoPolicy(auto.beta.tradeoff, auto.beta.explore),
    }


def learned_of(settings: config.Settings, routes: Routes, now: float) -> dict[str, Learned]:
    """What each policy knows of the models of *routes*. Reads files and takes half a second: not on the event loop."""
    from turnout.auto.decide import Brain, make_slate  # noqa: PLC0415 - numpy is loaded when somebody wants the router
    from turnout.auto.experience import experience_of  # noqa: PLC0415 - the same
    from turnout.auto.tasks import shared_tasks  # noqa: PLC0415 - the same

    routes.offered()
    models = [model for model in routes.choosable() if "text" in model.output_modalities]
    places = {model.id: place for place, model in enumerate(models)}
    tasks, nothing = shared_tasks(), experience_of(())
    made: dict[Path | None, Learned] = {}
    for path in (settings.auto.table, settings.auto.beta.table):
        if path not in made:
            brain = Brain(_table(path), tasks, nothing)
            made[path] = Learned(brain, make_slate(models, brain, now), places)
    return {"openrouter/auto": made[settings.auto.table], BETA: made[settings.auto.beta.table]}


def heard_in(rows: Sequence[Feedback]) -> list[Heard]:
    """*rows* as an experience is made of them."""
    from turnout.auto.experience import Heard  # noqa: PLC0415 - as above

    heard = []
    for row in rows:
        shares = _read_tasks(row.tasks)
        heard.append(Heard(shares[0][0] if shares else "", row.model, row.score, row.weight, shares))
    return heard


def votes_told(store: Feedbacks) -> Callable[[str, Sequence[TrainingRow], Roster], Awaitable[None]]:
    """What tells the store how each voter's model did on prompts of which the truth is known: the best of all
    judgements, as several models were asked the same.
    """

    async def told(account_id: str, rows: Sequence[TrainingRow], roster: Roster) -> None:
        feedback = await asyncio.to_thread(_votes_in, account_id, rows, roster)
        if feedback:
            await store.add_feedback(feedback)

    return told


def _votes_in(account_id: str, rows: Sequence[TrainingRow], roster: Roster) -> list[Feedback]:
    from turnout.auto.tasks import shared_tasks  # noqa: PLC0415 - as above

    models = {voter.base_id: voter.llm.slug for voter in roster.voters}
    found: list[Feedback] = []
    for row in rows:
        truth, votes = _read_shares(row.truth), _read_votes(row.votes)
        tasks = encode(shares_of(shared_tasks().task_of(row.prompt).shares)).decode()
        scores = {
            models[base]: min(1.0, sum(one * share for one, share in zip(truth, shares, strict=False)))
            for base, shares in votes
            if shares is not None and base in models
        }
        found += [
            Feedback(
                account_id=account_id, generation_id="", model=model, score=score, source="vote", tasks=tasks,
                created=row.created,
            )
            for model, score in scores.items()
        ]  # fmt: skip
    return found


@final
class Tutor:
    """Keeps the router of one worker taught. Nothing is loaded before somebody asks for it."""

    def __init__(
        self,
        router: AutoRouter,
        signs: Signs,
        store: Feedbacks,
        settings: Callable[[], config.Settings],
        routes: Callable[[], Routes],
        wall: Callable[[], float],
    ) -> None:
        self._router = router
        self._signs = signs
        self._store = store
        self._settings = settings
        self._routes = routes
        self._wall = wall
        self._made_of: tuple[Routes, config.Settings] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._accounts: dict[str, asyncio.Task[None]] = {}
        self._last = 0
        router.prepare = self._prepare
        set_up(router, settings())

    async def run(self) -> None:
        """Until cancelled: put signs into the store, and follow what others put there, the catalog and the settings."""
        try:
            with suppress(Unavailable):
                self._last = await self._store.last_feedback()
                self._signs.awake = self._last > 0
            while True:
                await asyncio.sleep(_LOOK_SECONDS)
                try:
                    await self._flush()
                    await self._follow()
                except Unavailable as error:
                    _log.debug("the auto router learns nothing for now: %s", error.message)
        finally:
            with suppress(Unavailable):
                await self._flush()

    async def _prepare(self, account_id: str) -> None:
        """Have the tables and what the account has seen; give up waiting, not making, after a while."""
        if not self._router.learned and self._loading is None and self._made_of is None:
            self._loading = asyncio.create_task(self._load())
        if account_id not in self._router.experience and account_id not in self._accounts:
            self._accounts[account_id] = asyncio.create_task(self._look_up(account_id))
        tasks = [one for one in (self._loading, self._accounts.get(account_id)) if one is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_LONGEST_WAIT_SECONDS)

    async def _load(self) -> None:
        routes, settings = self._routes(), self._settings()
        try:
            self._router.learned = await asyncio.to_thread(learned_of, settings, routes, self._wall())
            self._made_of = routes, settings
        except (TurnoutError, ImportError, OSError, ValueError) as error:
            _log.error("the auto router goes by prices and benchmarks alone: %s", error)
            self._made_of = routes, settings
        finally:
            self._loading = None

    async def _look_up(self, account_id: str) -> None:
        """What the account has seen, out of the store."""
        try:
            rows = await self._store.latest_feedback(account_id, _MOST_ROWS)
            self._router.learn(account_id, await asyncio.to_thread(_experience, list(rows)[::-1]))
        except Unavailable as error:
            _log.warning("the auto router does without what an account has seen: %s", error.message)
        finally:
            self._accounts.pop(account_id, None)

    async def _follow(self) -> None:
        last = await self._store.last_feedback()
        if last != self._last:
            self._signs.awake = True
            after = min(last, self._last) - _STILL_COMING
            changed: set[str] = set()
            while rows := await self._store.feedback_after(after, _AT_ONCE):
                changed |= {row.account_id for row in rows}
                after = rows[-1].number
            for account_id in changed & self._router.experience.keys():
                await self._look_up(account_id)
            self._last = last
        if self._made_of is not None and self._loading is None:
            routes, settings = self._made_of
            if routes is not self._routes() or settings.auto != self._settings().auto:
                set_up(self._router, self._settings())
                await self._load()

    async def _flush(self) -> None:
        rows = self._signs.take()
        if not rows:
            return
        try:
            await self._store.add_feedback(rows)
        except Unavailable:
            self._signs.waiting = rows + self._signs.waiting
            raise


def _experience(rows: Sequence[Feedback]) -> Experience:
    from turnout.auto.experience import experience_of  # noqa: PLC0415 - as above

    return experience_of(heard_in(rows))


def _table(path: Path | None) -> Table:
    from turnout.auto.shipped import shipped_table  # noqa: PLC0415 - as above
    from turnout.auto.table import load_table  # noqa: PLC0415 - as above

    if path is not None:
        try:
            return load_table(path)
        except (TurnoutError, OSError) as error:
            _log.error("the auto router goes by the table that comes with it: %s", error)
    return shipped_table()
