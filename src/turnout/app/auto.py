"""What the auto router knows, made beside the requests: its tables, slates of models, what accounts have seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import msgspec

from turnout import config
from turnout.base.errors import TurnoutError, Unavailable
from turnout.base.jsons import encode
from turnout.base.money import PICO_PER_DOLLAR
from turnout.contracts.feedback import Feedbacks
from turnout.contracts.store import Store
from turnout.domain.activity import Search
from turnout.domain.query import Roster
from turnout.domain.routed import Feedback
from turnout.domain.training import TrainingRow
from turnout.engine.auto_router import BETA, AutoPolicy, AutoRouter, Learned, shares_of
from turnout.engine.auto_settings import AutoWishes
from turnout.engine.auto_signs import Signs
from turnout.engine.routes import NONE_OPENED, Routes

if TYPE_CHECKING:
    from turnout.auto.decide import Brain
    from turnout.auto.experience import Experience, Heard
    from turnout.auto.table import Table

__all__ = ["Tutor", "brain_of", "heard_in", "learned_of", "set_up", "slated", "votes_told"]

_LOOK_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 6.0
"""The first request to the router waits so long for it at most: reading it takes a second, once."""
_AT_ONCE: Final = 5_000
_MOST_ROWS: Final = 2_000
"""As many as an experience keeps; written twice, as reading it there would load numpy on the event loop."""
_SPENT_SECONDS: Final = 7 * 86_400
_SPENT_AGAIN_SECONDS: Final = 3_600
_MOST_PAGES: Final = 50
_MOST_WIDER: Final = 16
_PAGE: Final = 1_000
_STILL_COMING: Final = 50
"""Rows may be seen out of order by so many: two nodes write at once."""
_Paid = tuple[str, str, float, float]
"""A kind of work, a model, dollars, requests: a ``Spent`` without numpy."""
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
    usual, beta = settings.auto, settings.auto.beta
    wanted = {"openrouter/auto": (usual.table, usual.embeddings), BETA: (beta.table, beta.embeddings)}
    brains = {paths: brain_of(*paths) for paths in set(wanted.values())}
    return slated({policy: brains[paths] for policy, paths in wanted.items()}, routes, now)


def slated(
    brains: Mapping[str, Brain], routes: Routes, now: float, opened: frozenset[str] = NONE_OPENED
) -> dict[str, Learned]:
    """What *brains*, by policy, know of the models of *routes*, for those who have *opened* more providers."""
    from turnout.auto.decide import make_slate  # noqa: PLC0415 - numpy is loaded when somebody wants the router

    models = [model for model, _ in routes.offered(opened) if "text" in model.output_modalities]
    places = {model.id: place for place, model in enumerate(models)}
    slates = {id(brain): make_slate(models, brain, now) for brain in brains.values()}
    return {policy: Learned(brain, slates[id(brain)], places) for policy, brain in brains.items()}


def brain_of(path: Path | None, embeddings: Path | None) -> Brain:
    """What a policy with this table and these word vectors goes by. What cannot be read is said, and done without."""
    from turnout.auto.decide import Brain  # noqa: PLC0415 - as above
    from turnout.auto.embedding import fits, load_embedding  # noqa: PLC0415 - as above
    from turnout.auto.experience import experience_of  # noqa: PLC0415 - as above
    from turnout.auto.shipped import shipped_table  # noqa: PLC0415 - as above
    from turnout.auto.tasks import shared_tasks  # noqa: PLC0415 - as above

    table, embedding = _table(path), None
    if embeddings is not None:
        try:
            embedding = load_embedding(embeddings)
        except TurnoutError as error:
            _log.error("the auto router does without word vectors: %s", error)
    if embedding is not None and not table.embedding:
        _log.warning("the auto router does without the word vectors in %s: its table was trained without", embeddings)
        embedding = None
    if not fits(table, embedding):
        _log.error("the auto router goes by the table that comes with it: %s wants other word vectors", path)
        table, embedding = shipped_table(), None
    brain = Brain(table, shared_tasks(), experience_of(()))
    return brain if embedding is None else brain._replace(read=embedding.features_of)


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
        store: Store,
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
        self._widening: dict[frozenset[str], asyncio.Task[None]] = {}
        self._paid: dict[str, tuple[float, Sequence[_Paid]]] = {}
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

    async def _prepare(self, account_id: str, opened: frozenset[str]) -> None:
        """Have the tables, what the account has seen, and the models that it has *opened*; give up waiting, not making,
        after a while.
        """
        if not self._router.learned and self._loading is None and self._made_of is None:
            self._loading = asyncio.create_task(self._load())
        if account_id not in self._router.experience and account_id not in self._accounts:
            self._accounts[account_id] = asyncio.create_task(self._look_up(account_id))
        if opened and opened not in self._router.wider and opened not in self._widening:
            self._widening[opened] = asyncio.create_task(self._widen(opened, self._loading))
        wanted = self._loading, self._accounts.get(account_id), self._widening.get(opened)
        tasks = [one for one in wanted if one is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_LONGEST_WAIT_SECONDS)

    async def _widen(self, opened: frozenset[str], loading: asyncio.Task[None] | None) -> None:
        """Have what is known of the models that own credentials have *opened*."""
        try:
            if loading is not None:
                await loading
            learned, wider = self._router.learned, self._router.wider
            if learned:
                brains = {policy: one.brain for policy, one in learned.items()}
                made = await asyncio.to_thread(slated, brains, self._routes(), self._wall(), opened)
                if self._router.learned is learned:  # else the catalog is another by now
                    wider[opened] = made
            if len(wider) > _MOST_WIDER:
                del wider[next(iter(wider))]
        finally:
            del self._widening[opened]

    async def _load(self) -> None:
        routes, settings = self._routes(), self._settings()
        try:
            self._router.learned = await asyncio.to_thread(learned_of, settings, routes, self._wall())
            self._router.wider.clear()  # each is made anew when somebody asks
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
            paid = await self._paid_lately(account_id)
            self._router.learn(account_id, await asyncio.to_thread(_experience, list(rows)[::-1], paid))
        except Unavailable as error:
            _log.warning("the auto router does without what an account has seen: %s", error.message)
        finally:
            self._accounts.pop(account_id, None)

    async def _paid_lately(self, account_id: str) -> Sequence[_Paid]:
        """What the account has paid for in the last seven days, as it was known an hour ago or less; nothing where that
        is no signal.
        """
        if not self._settings().auto.spend_share:
            self._paid.pop(account_id, None)
            return ()
        if self._forgot_spending(account_id):
            now, kept = self._wall(), self._router.experience.keys() | {account_id}
            self._paid = {one: paid for one, paid in self._paid.items() if one in kept}
            self._paid[account_id] = now, ()  # should the store fail, it is not asked again at once
            self._paid[account_id] = now, await self._sums_of(account_id, now - _SPENT_SECONDS)
        return self._paid[account_id][1]

    def _forgot_spending(self, account_id: str) -> bool:
        """Whether what is known of an account's spending is not as it should be."""
        if not self._settings().auto.spend_share:
            return account_id in self._paid
        return account_id not in self._paid or self._wall() - self._paid[account_id][0] > _SPENT_AGAIN_SECONDS

    async def _sums_of(self, account_id: str, since: float) -> Sequence[_Paid]:
        """What the account has paid since then for its newest requests, here or to providers directly, by kind of work
        and model.
        """
        sums: dict[tuple[str, str], tuple[float, float]] = {}
        before: str | None = None
        left = _AT_ONCE
        for _ in range(_MOST_PAGES):
            search = Search(account_id=account_id, since=since, before=before)
            page = await self._store.find_generations(search, min(left, _PAGE))
            for one in page.generations:
                paid = (one.cost + one.usage.own) / PICO_PER_DOLLAR
                if not paid:
                    continue
                kinds = (one.routed and one.routed.tasks) or (("", 1.0),)
                whole = sum(share for _, share in kinds)
                for kind, share in kinds:
                    cost, requests = sums.get((kind, one.model), (0.0, 0.0))
                    part = share / whole
                    sums[kind, one.model] = cost + part * paid, requests + part
            left -= len(page.generations)
            before = page.before
            if before is None or left <= 0:
                break
        return [(*cell, *both) for cell, both in sums.items()]

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
        forgotten = next((one for one in self._router.experience if self._forgot_spending(one)), None)
        if forgotten is not None:
            await self._look_up(forgotten)
        if self._made_of is None and self._loading is None and self._wants_vectors():
            self._loading = asyncio.create_task(self._load())  # that a folder is missing is said before somebody asks
            await self._loading
        if self._made_of is not None and self._loading is None:
            routes, settings = self._made_of
            if routes is not self._routes() or settings.auto != self._settings().auto:
                set_up(self._router, self._settings())
                await self._load()

    def _wants_vectors(self) -> bool:
        auto = self._settings().auto
        return (auto.embeddings or auto.beta.embeddings) is not None

    async def _flush(self) -> None:
        rows = self._signs.take()
        if not rows:
            return
        try:
            await self._store.add_feedback(rows)
        except Unavailable:
            self._signs.waiting = rows + self._signs.waiting
            raise


def _experience(rows: Sequence[Feedback], paid: Sequence[_Paid] = ()) -> Experience:
    from turnout.auto.experience import Spent, experience_of  # noqa: PLC0415 - as above

    return experience_of(heard_in(rows), [Spent(*one) for one in paid])


def _table(path: Path | None) -> Table:
    from turnout.auto.shipped import shipped_table  # noqa: PLC0415 - as above
    from turnout.auto.table import load_table  # noqa: PLC0415 - as above

    if path is not None:
        try:
            return load_table(path)
        except (TurnoutError, OSError) as error:
            _log.error("the auto router goes by the table that comes with it: %s", error)
    return shipped_table()
