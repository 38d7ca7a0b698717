"""Which of the models that can be called suits one request: quality minus what it costs, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from turnout.auto.experience import Experience, blended
from turnout.auto.features import Features, features_of
from turnout.auto.judge import View, judge, view_of
from turnout.auto.priors import KINDS, cheapest, expected
from turnout.auto.table import Floats, Table
from turnout.auto.tasks import TASKS, Task, Tasks
from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.catalog import Model

__all__ = [
    "Brain",
    "Choice",
    "Decision",
    "Prompt",
    "Slate",
    "Wishes",
    "decide",
    "fair_costs",
    "make_slate",
    "with_experience",
]

TRADEOFFS = 11
_STEPS = np.arange(TRADEOFFS)
_SAMPLE = 96
_GRID = 60
_TYPICAL_IN, _TYPICAL_OUT = 600.0, 400.0
_UNPRICED = 10.0
_PRIOR_ROWS = 60.0
_MOST_ROWS = 400
_STAY_MARGIN = 0.05
_OF_SPENDING = 0.03
"""Quality that a model counts for more which all of its owner's money goes to: less than staying with a session."""
_ANSWERS = 3.0
_EXPLORED = 3
_SHOWN = 16
_CODE = frozenset(place for place, name in enumerate(TASKS) if name.startswith("code:"))


class Brain(NamedTuple):
    """All that was learned: the table of evidence, how kinds of work are told apart, the owner's own experience.

    ``read`` makes features as the table was trained with them: of hashed words, or by word vectors.
    """

    table: Table
    tasks: Tasks
    experience: Experience
    read: Callable[[str], Features] = features_of


class Slate(Struct, frozen=True, eq=False):
    """The models of one catalog snapshot, ready to be judged; made once for each snapshot and table.

    Attributes:
        models: ids.
        view: the table as these models see it.
        priors: (KINDS, models): quality to be expected before the prompt is looked at.
        prices: (3, models): dollars for a token of a prompt, of an answer, of a prompt read from a cache.
        verbosity: length of answers against the usual.
        typical: dollars for a usual request.
        weights: by tradeoff 0 to 10: quality that a dollar is worth.
        own: where the experience knows each, or -1.
    """

    models: tuple[str, ...]
    view: View
    priors: Floats
    prices: Floats
    verbosity: Floats
    typical: Floats
    weights: Floats
    own: NDArray[np.int64]


class Prompt(NamedTuple):
    """What a decision looks at.

    Attributes:
        text: the last message of the user; empty where there is none.
        tokens: an estimate of all that is sent.
        tools: whether the request brings tools.
        stay: the model that has answered this session so far.
        cached: tokens that *stay* would probably read from its cache.
    """

    text: str
    tokens: int = 0
    tools: bool = False
    stay: str | None = None
    cached: int = 0


class Wishes(NamedTuple):
    """What the caller wants.

    Attributes:
        among: places in the slate that are left after all filters; None is all.
        tradeoff: 0 (quality alone) to 10 (the cheapest).
        explore: chance that one of the next best is tried.
    """

    among: Sequence[int] | None = None
    tradeoff: float = 5.0
    explore: float = 0.0


class Choice(NamedTuple):
    """One model: the quality that is expected (0 to 1), the cost (dollars), how near the evidence for it is, and its
    share of what its owner has spent on such work, where that counts.
    """

    model: str
    quality: float
    cost: float
    familiar: float
    rows: float
    spent: float = 0.0


class Decision(NamedTuple):
    """The models, best first, and why.

    Attributes:
        ranking: the best sixteen; the first is to be tried, the next are fallbacks.
        task: the kind of work.
        nearest: how alike the nearest stored prompts are, at most 1.
        tokens: how long the answer will probably be.
        reason: ``neighbours``, ``experience``, ``catalog``, ``session`` or ``explored``.
        propensity: the chance with which the first was put first.
    """

    ranking: tuple[Choice, ...]
    task: Task
    nearest: float
    tokens: float
    reason: str
    propensity: float = 1.0


def make_slate(models: Sequence[Model], brain: Brain, now: float) -> Slate:
    """Prepare *models*. *now* is in unix seconds. Takes some milliseconds: done in the background, once a snapshot."""
    table = brain.table
    known = _places(table.models)
    columns = np.array([_column(model.id, known) for model in models], np.int64)
    priors = expected(models, now)
    counts = (table.outcomes != 255).sum(0) if len(table.models) else np.zeros(0)
    there = columns >= 0
    if there.any():
        rows = np.minimum(counts[columns[there]], _MOST_ROWS)
        abilities = table.abilities[columns[there]]
        priors = _on_scale(priors, there, abilities, rows)
        priors[:, there] = (priors[:, there] * _PRIOR_ROWS + abilities * rows) / (_PRIOR_ROWS + rows)
    slate = Slate(
        tuple(model.id for model in models),
        view_of(table, columns),
        priors.astype(np.float32),
        np.array([_price(model) for model in models], np.float32).reshape(len(models), 3).T,
        np.where(there, table.verbosity[columns], 1.0).astype(np.float32)
        if there.any()
        else np.ones(len(models), np.float32),
        np.zeros(len(models), np.float32),
        np.zeros(TRADEOFFS, np.float32),
        np.full(len(models), -1, np.int64),
    )
    every = np.arange(len(models))
    slate = replace(slate, typical=_costs(slate, every, _TYPICAL_IN, _TYPICAL_OUT))
    return with_experience(replace(slate, weights=_weights(slate, table)), brain.experience)


def with_experience(slate: Slate, experience: Experience) -> Slate:
    """*slate* for somebody who has seen this."""
    own = {name: place for place, name in enumerate(experience.models)}
    return replace(slate, own=np.array([own.get(model, -1) for model in slate.models], np.int64))


def _on_scale(priors: Floats, there: NDArray[np.bool_], abilities: Floats, rows: NDArray[np.int64]) -> Floats:
    """*priors* moved, by their log odds, to where the table has the models that both know.

    A table of easy questions would else put every model that it knows above all that it does not.
    """
    said, known = _odds(abilities), _odds(priors[0, there])
    total = float(rows.sum())
    moved = float(((said - known) * rows).sum()) / (total + _PRIOR_ROWS)
    scaled: Floats = (1 / (1 + np.exp(-_odds(priors) - moved))).astype(np.float32)
    return scaled


def _odds(shares: Floats) -> Floats:
    kept = np.clip(shares, 0.02, 0.98)
    odds: Floats = np.log(kept / (1 - kept))
    return odds


def decide(prompt: Prompt, slate: Slate, brain: Brain, wishes: Wishes, dice: Random) -> Decision:
    """The models of *slate* in the order in which they suit *prompt*. Pure: the same arguments, the same answer.

    *dice* are thrown only where ``wishes.explore`` is above 0. A ranking is empty where nothing is left.
    """
    features = brain.read(prompt.text)
    signals = brain.table.signals(features)
    task = brain.tasks.task_of(prompt.text, features.words)
    among = np.arange(len(slate.models)) if wishes.among is None else np.array(wishes.among, np.int64)
    if not len(among):
        return Decision((), task, 0.0, 0.0, "catalog")
    told = judge(slate.view, brain.table.place(features, signals), signals)
    shifts, familiar, rows = told.shifts, told.familiar, told.rows
    if wishes.among is not None:
        shifts, familiar, rows = shifts[among], familiar[among], rows[among]
    place = TASKS.index(task.name)
    kind = KINDS.index("coding" if place in _CODE else "agentic" if prompt.tools else "general")
    quality = slate.priors[kind, among] + shifts
    sums, heard = brain.experience.heard(task.shares, slate.own[among])
    quality = np.clip(quality + np.float32(brain.experience.lift(quality, slate.own[among])), 0, 1)
    quality = np.clip(blended(quality, sums, heard), 0, 1)
    weight = np.float32(np.interp(wishes.tradeoff, _STEPS, slate.weights))
    nearby = float(rows.max()) / (float(rows.max()) + _ANSWERS)
    answer = nearby * told.tokens + (1 - nearby) * _TYPICAL_OUT
    costs = _costs(slate, among, max(1.0, float(prompt.tokens)), answer)
    plain = costs.copy()
    stay = _place_of(prompt.stay, slate, among)
    if stay is not None and prompt.cached:
        saved = min(prompt.cached, prompt.tokens) * (slate.prices[0, among[stay]] - slate.prices[2, among[stay]])
        plain[stay] -= saved
        costs[stay] -= saved
    spent = brain.experience.spent(task.shares, slate.own[among])
    worth = quality - weight * fair_costs(costs, slate.typical[among], familiar) + np.float32(_OF_SPENDING) * spent
    order = np.lexsort((plain, -worth))
    reason = _reason(familiar[order[0]], rows[order[0]], heard[order[0]])
    propensity = 1.0
    if stay is not None and worth[stay] >= worth[order[0]] - _STAY_MARGIN:
        order, reason = _first(order, stay), "session"
    elif wishes.explore > 0:
        tried = min(_EXPLORED, len(order))
        draw = dice.randrange(tried) if dice.random() < wishes.explore else 0
        propensity = wishes.explore / tried + (0.0 if draw else 1 - wishes.explore)
        if draw:
            order, reason = _first(order, order[draw]), "explored"
    shown = order[:_SHOWN]
    figures = (one[shown].tolist() for one in (quality, plain, familiar, rows, spent))
    names = (slate.models[place] for place in among[shown].tolist())
    ranking = tuple(map(Choice._make, zip(names, *figures, strict=True)))
    return Decision(ranking, task, told.nearest, answer, reason, propensity)


def fair_costs(costs: Floats, typical: Floats, familiar: Floats) -> Floats:
    """*costs* (…, models) as they are compared: in full on familiar prompts, by their proportions on others.

    That a long prompt costs more speaks for a cheap model only where its quality on such prompts is known.
    """
    scale = (costs / np.maximum(typical, 1e-12)).mean(-1, keepdims=True)
    fair: Floats = costs / np.maximum(scale, 1e-9) ** (1 - familiar.mean(-1, keepdims=True))
    return fair


def _reason(familiar: float, rows: float, heard: float) -> str:
    if heard >= 1:
        return "experience"
    return "neighbours" if familiar > 0.5 and rows >= 1 else "catalog"


def _first(order: NDArray[np.int64], one: int) -> NDArray[np.int64]:
    return np.concatenate(([one], order[order != one]))


def _place_of(model: str | None, slate: Slate, among: NDArray[np.int64]) -> int | None:
    if model is None or model not in slate.models:
        return None
    found = np.flatnonzero(among == slate.models.index(model))
    return int(found[0]) if len(found) else None


def _costs(slate: Slate, among: NDArray[np.int64], tokens: float, answer: float) -> Floats:
    prices = slate.prices[:, among]
    costs: Floats = prices[0] * np.float32(tokens) + prices[1] * (np.float32(answer) * slate.verbosity[among])
    return costs


def _price(model: Model) -> tuple[float, float, float]:
    price = cheapest(model)
    if price is None:
        return _UNPRICED / 1e6, 3 * _UNPRICED / 1e6, _UNPRICED / 1e6
    cached = price.prompt if price.input_cache_read is None else price.input_cache_read
    return price.prompt / PICO_PER_DOLLAR, price.completion / PICO_PER_DOLLAR, cached / PICO_PER_DOLLAR


def _bare(name: str) -> str:
    return name.lower().partition("/")[2] or name.lower()


def _places(names: Sequence[str]) -> Mapping[str, int]:
    """Names with and without their authors, to places; what the owner has called a model wins over a mere likeness."""
    return {_bare(name): place for place, name in enumerate(names)} | {name: place for place, name in enumerate(names)}


def _column(model: str, known: Mapping[str, int]) -> int:
    base = model.partition(":")[0]
    return known.get(model, known.get(base, known.get(_bare(base), -1)))


def _weights(slate: Slate, table: Table) -> Floats:
    """For each tradeoff the worth of a dollar at which the mean cost of a sample stands that far between the extremes.

    0 is quality alone, 10 the cheapest; between them the logarithm of the mean cost falls evenly, but no further than
    that saving all of it would be worth the square of the tradeoff, in hundredths: where models cost much the same,
    none is taken that is much worse.
    """
    count = len(slate.models)
    if not count:
        return np.zeros(TRADEOFFS, np.float32)
    among = np.arange(count)
    sample = np.linspace(0, len(table.vectors) - 1, min(_SAMPLE, len(table.vectors))).astype(int)
    quality, costs = [slate.priors[0]], [_costs(slate, among, _TYPICAL_IN, _TYPICAL_OUT)]
    for one in sample.tolist():
        signals = table.vectors[one, -len(table.hand_mean) :] * np.float32(np.sqrt(len(table.hand_mean)))
        told = judge(slate.view, table.vectors[one], signals)
        quality.append(slate.priors[0] + told.shifts)
        costs.append(_costs(slate, among, _TYPICAL_IN, told.tokens))
    judged, priced = np.stack(quality), np.stack(costs)
    rows = np.arange(len(judged))
    grid = np.concatenate(([0.0], np.geomspace(1e-2, 1e6, _GRID)))
    means = np.array([priced[rows, (judged - weight * priced).argmax(1)].mean() for weight in grid])
    logs = np.log(np.maximum(means, 1e-12))
    wanted = logs[0] + (np.log(max(1e-12, float(priced.min(1).mean()))) - logs[0]) * np.arange(TRADEOFFS) / (
        TRADEOFFS - 1
    )
    places = [
        int(np.flatnonzero(logs <= level + 1e-9)[0]) if (logs <= level + 1e-9).any() else _GRID for level in wanted
    ]
    worth = np.minimum(grid[places], np.square(_STEPS / _STEPS[-1]) / max(1e-12, float(means[0])))
    worth[-1] = grid[-1]
    weights: Floats = worth.astype(np.float32)
    return weights
