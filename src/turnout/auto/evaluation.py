"""Finds out how good the router is on scored prompts that it was not trained on, and on kinds it has never seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from turnout.auto.corpus import Corpus, family, groups_of
from turnout.auto.decide import fair_costs
from turnout.auto.embedding import Embedding
from turnout.auto.features import Features, features_of
from turnout.auto.fit import Lessons, fit_table
from turnout.auto.judge import judge, view_of
from turnout.auto.measure import (
    Interval,
    Points,
    apgr,
    calibration_error,
    calls_needed,
    frontier,
    gap_closed,
    interval,
    points,
    recovered,
    saved_at,
)  # fmt: skip
from turnout.auto.priors import logit_line
from turnout.auto.table import Floats, Table
from turnout.base.errors import BadRequest

__all__ = ["Evaluation", "PairRow", "PoolRow", "evaluate", "suite_of"]

Numbers = NDArray[np.floating]
Places = NDArray[np.int64]

_FOLDS = 5
_COVERED = (0.95, 0.5)
"""Models of a pool were asked this share of each data set; the second where the first leaves fewer than two."""
_RATIOS = (3, 1, 2, 4, 5, 8)
_COLD = 11
_FEWEST_BENCHMARKED = 5


class PairRow(NamedTuple):
    """One row of the table of two models: a way to choose, on one data set."""

    dataset: str
    router: str
    prompts: int
    apgr: Interval
    cpt50: float
    cpt80: float


class PoolRow(NamedTuple):
    """One row of the table of pools.

    Attributes:
        suite: the pool; or the data set that was left out.
        unseen: whether training went without the data set.
        gap: share of the way from ignoring the prompt to the oracle.
        saved: cost saved at 95 % of the best model's quality.
        saved_blind: what ignoring the prompt saves already.
        best: best quality that is reached against the best model's.
        error: calibration error.
        curves: cost and quality of router, prompt-blind mixture, oracle.
    """

    suite: str
    unseen: bool
    prompts: int
    models: int
    gap: Interval
    saved: float
    saved_blind: float
    best: float
    error: float
    curves: tuple[tuple[Numbers, Numbers], ...]


class Evaluation(NamedTuple):
    """All figures. ``cold``: gap closed with a model's results, without them, and without the model; means."""

    pairs: tuple[PairRow, ...]
    pools: tuple[PoolRow, ...]
    calibration: float
    cold: tuple[float, float, float] | None


class _Judged(NamedTuple):
    """What the router says of prompts: arrays are (prompts, models of the corpus), NaN where it was not asked."""

    quality: Floats
    familiar: Floats
    cost: Floats
    typical: Floats
    blind: Floats


def suite_of(dataset: str) -> str:
    """The pool that a data set belongs to: what stands before the first hyphen."""
    return dataset.partition("-")[0]


def evaluate(
    corpus: Corpus,
    *,
    seed: int = 0,
    resamples: int = 200,
    embedding: Embedding | None = None,
    progress: Callable[[str, int, int], None],
) -> Evaluation:
    """Five folds by prompt, and each data set without its family; no near-duplicate of a test prompt is trained on.

    Raises:
        BadRequest: there is no pool of two models, or of more with prices.
    """
    bench = _Bench(corpus, seed, embedding)
    if all(len(columns) < 2 for columns in bench.suites.values()):
        raise BadRequest(
            "There is nothing to compare: no data sets have scores of the same two models, or of more with prices"
        )
    steps = _FOLDS + len(bench.families)
    inside, outside = _blank(corpus), _blank(corpus)
    for step, (test, train, unseen) in enumerate(bench.splits()):
        progress("trainings", step, steps)
        bench.judge_into(outside if unseen else inside, train, test)
    progress("trainings", steps, steps)
    dice = np.random.default_rng(seed)
    pairs = (
        *_pairs(bench, inside, dice, resamples, unseen=False),
        *_pairs(bench, outside, dice, resamples, unseen=True),
    )
    pools = [row for suite in bench.suites for row in bench.pool_rows(suite, inside, outside, dice, resamples)]
    error = calibration_error(inside.quality[np.isfinite(inside.quality)], corpus.scores[np.isfinite(inside.quality)])
    return Evaluation(tuple(pairs), tuple(pools), error, bench.cold())


def _blank(corpus: Corpus) -> _Judged:
    return _Judged(*(np.full(corpus.scores.shape, np.nan, np.float32) for _ in range(5)))


class _Bench:
    """A corpus with all that is made once of it."""

    def __init__(self, corpus: Corpus, seed: int, embedding: Embedding | None) -> None:
        self.corpus, self.seed, self.embedding = corpus, seed, embedding
        read = features_of if embedding is None else embedding.features_of
        self.features: list[Features] = [read(text) for text in corpus.texts]
        self.groups = groups_of(corpus.texts)
        draw = np.random.default_rng(seed).permutation(len(corpus.texts))
        self.folds = draw[self.groups] % _FOLDS
        self.lengths = np.array([len(text) for text in corpus.texts], np.float32) / 4
        by_name = {name: family(name) for name in np.unique(corpus.datasets).tolist()}
        self.family = np.array([by_name[name] for name in corpus.datasets.tolist()])
        self.suite = np.array([suite_of(name) for name in corpus.datasets.tolist()])
        self.families = sorted(set(by_name.values()))
        self.suites = {name: self._pool(name) for name in sorted(set(self.suite.tolist()))}

    def _pool(self, suite: str) -> Places:
        """The models that were asked almost every prompt of each data set of *suite*; of many, those with a price."""
        seen = np.isfinite(self.corpus.scores)
        sets = np.unique(self.corpus.datasets[self.suite == suite])
        share = np.min([seen[self.corpus.datasets == one].mean(0) for one in sets], axis=0)
        everywhere = next((share > least for least in _COVERED if (share > least).sum() > 1), share > _COVERED[0])
        if everywhere.sum() == 2:  # two models are compared without prices
            return np.flatnonzero(everywhere)
        priced = np.isfinite(self.corpus.costs[self.suite == suite]).any(0)
        return np.array([
            place for place in np.flatnonzero(everywhere).tolist()
            if priced[place] or np.isfinite(_listed(self.corpus, place)[0])
        ], np.int64)  # fmt: skip

    def splits(self) -> Iterator[tuple[Places, Places, bool]]:
        """Test, training, and whether the test is of an unseen family."""
        for fold in range(_FOLDS):
            yield np.flatnonzero(self.folds == fold), np.flatnonzero(self.folds != fold), False
        for name in self.families:
            test = self.family == name
            yield np.flatnonzero(test), np.flatnonzero(~test & ~np.isin(self.groups, self.groups[test])), True

    def fit(self, train: Places) -> Table:
        """The table that *train* teaches."""
        lessons = Lessons(
            self.corpus.models, [self.features[place] for place in train],
            self.corpus.scores[train], self.corpus.tokens_out[train], self.embedding,
        )  # fmt: skip
        return fit_table(lessons, made="", sources=(), seed=self.seed)

    def judge_into(self, judged: _Judged, train: Places, test: Places) -> None:
        """Fill in the rows *test* of *judged*."""
        if not len(train) or not len(test):
            return
        table = self.fit(train)
        for suite in np.unique(self.suite[test]).tolist():
            columns = self.suites[suite]
            if len(columns) < 2:
                continue
            rows = test[self.suite[test] == suite]
            quality, familiar, answers = self.judged(table, rows, columns)
            taught = train[self.suite[train] == suite]
            cost, typical = self._costs(table, rows, taught if len(taught) else train, columns, answers)
            cells = np.ix_(rows, columns)
            judged.quality[cells], judged.familiar[cells] = np.clip(quality, 0, 1), familiar
            judged.cost[cells], judged.typical[cells] = cost, typical
            judged.blind[cells] = table.abilities[columns]

    def judged(
        self, table: Table, rows: Places, columns: Places, known: Places | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """Quality and familiarity (rows, columns), lengths of answers; *known*: the columns as the table has them."""
        asked = columns if known is None else known
        quality, familiar = (
            np.zeros((len(rows), len(columns)), np.float32),
            np.zeros((len(rows), len(columns)), np.float32),
        )
        answers = np.zeros(len(rows), np.float32)
        view = view_of(table, asked)
        for place, row in enumerate(rows.tolist()):
            signals = table.signals(self.features[row])
            told = judge(view, table.place(self.features[row], signals), signals)
            quality[place], familiar[place], answers[place] = told.shifts, told.familiar, told.tokens
        return quality + table.abilities[columns], familiar, answers

    def _costs(
        self, table: Table, rows: Places, taught: Places, columns: Places, answers: Floats
    ) -> tuple[Floats, Floats]:
        """What each model is expected to cost on *rows*, and on a usual prompt."""
        counted = np.isfinite(self.corpus.tokens_out[np.ix_(taught, columns)]).any()
        written = answers if counted else answers * 0
        usual_in = float(self.lengths[taught].mean())
        usual_out = float(np.expm1(table.tokens).mean()) if counted else 0.0
        cost, typical = np.zeros((len(rows), len(columns)), np.float32), np.zeros(len(columns), np.float32)
        for place, column in enumerate(columns.tolist()):
            price_in, price_out = self._prices(column, taught)
            price_out *= float(table.verbosity[column])
            cost[:, place] = self.lengths[rows] * price_in + written * price_out
            typical[place] = usual_in * price_in + usual_out * price_out
        return cost, typical

    def _prices(self, column: int, taught: Places) -> tuple[float, float]:
        """Dollars for a token in and out: by the list, else what reported costs come to."""
        reported = self.corpus.costs[taught, column]
        paid = np.flatnonzero(np.isfinite(reported) & (reported > 0))
        listed = _listed(self.corpus, column)
        if not len(paid):
            return listed if np.isfinite(listed[0]) else (1e-6, 3e-6)
        written = np.nan_to_num(self.corpus.tokens_out[taught, column])[paid]
        best = (np.inf, 0.0, 0.0)
        for ratio in _RATIOS:  # the first, which is the commonest, stays unless another fits clearly better
            size = self.lengths[taught][paid] + ratio * written
            price = float(np.median(reported[paid] / size))
            error = float(np.abs(np.log(price * size / reported[paid])).mean())
            if error < 0.95 * best[0]:
                best = (error, price, ratio * price)
        return best[1], best[2]

    def true_costs(self, rows: Places, columns: Places) -> Floats:
        """What *rows* cost with each of *columns*: as reported, else list price times tokens."""
        cells = np.ix_(rows, columns)
        counts_in = np.where(
            np.isfinite(self.corpus.tokens_in[cells]), self.corpus.tokens_in[cells], self.lengths[rows][:, None]
        )
        counts_out = np.nan_to_num(self.corpus.tokens_out[cells])
        prices = np.array([_listed(self.corpus, column) for column in columns.tolist()], np.float32)
        listed = counts_in * prices[:, 0] + counts_out * prices[:, 1]
        reported = self.corpus.costs[cells]
        return np.where(np.isfinite(reported), reported, np.nan_to_num(listed, nan=1e-6)).astype(np.float32)

    def pool_rows(
        self, suite: str, inside: _Judged, outside: _Judged, dice: np.random.Generator, resamples: int
    ) -> list[PoolRow]:
        """The row of *suite* in-domain, and one for each of its data sets left out."""
        columns = self.suites[suite]
        if len(columns) < 3:
            return []
        found = []
        rows = np.flatnonzero(self.suite == suite)
        for judged, name, places in (
            (inside, suite, rows),
            *(
                (outside, one, rows[self.corpus.datasets[rows] == one])
                for one in np.unique(self.corpus.datasets[rows]).tolist()
            ),
        ):
            cells = np.ix_(places, columns)
            if np.isfinite(judged.quality[cells]).all():
                part = _Judged(*(array[cells] for array in judged))
                found.append(self._pool_row(name, judged is outside, part, places, columns, dice, resamples))
        return found

    def _pool_row(  # noqa: PLR0913, PLR0917 - one place calls it
        self,
        name: str,
        unseen: bool,  # noqa: FBT001 - as above
        judged: _Judged,
        rows: Places,
        columns: Places,
        dice: np.random.Generator,
        resamples: int,
    ) -> PoolRow:
        scores = self.corpus.scores[np.ix_(rows, columns)]
        means = np.nan_to_num(np.nanmean(scores, axis=0), nan=0.0)
        truth, paid = np.where(np.isfinite(scores), scores, means), self.true_costs(rows, columns)
        fair = fair_costs(judged.cost, judged.typical, judged.familiar)
        ways = (
            points(judged.quality, fair, truth, paid),
            points(judged.blind, judged.typical, truth, paid),
            points(truth, paid, truth, paid),
        )
        shares = dice.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), resamples) / len(rows)
        gaps = np.array([_gap(ways, truth, paid, share)[0] for share in shares])
        gap, curves = _gap(ways, truth, paid, np.full(len(rows), 1 / len(rows)))
        best = int(truth.mean(0).argmax())
        quality, cost = float(truth[:, best].mean()), float(paid[:, best].mean())
        return PoolRow(
            name, unseen, len(rows), len(columns), interval(gap, gaps),
            saved_at(curves[0], quality, cost, 0.95), saved_at(curves[1], quality, cost, 0.95),
            float(curves[0][1].max()) / quality - 1, calibration_error(judged.quality, scores), curves,
        )  # fmt: skip

    def cold(self) -> tuple[float, float, float] | None:
        """Gap closed warm, cold and without one model, meaned over some models of the suite with most benchmarks.

        Cold: the results of the model are hidden; its ability is guessed from benchmark and price by the others'.
        """
        suite, columns = max(
            ((name, self._benchmarked(found)) for name, found in self.suites.items()), key=lambda pair: len(pair[1])
        )
        rows = np.flatnonzero(self.suite == suite)
        test, train = rows[self.folds[rows] == 0], np.flatnonzero(self.folds != 0)
        if len(columns) < _FEWEST_BENCHMARKED or not len(test):
            return None
        table = self.fit(train)
        quality, familiar, answers = self.judged(table, test, columns)
        cost, typical = self._costs(table, test, train[self.suite[train] == suite], columns, answers)
        truth, paid = np.nan_to_num(self.corpus.scores[np.ix_(test, columns)]), self.true_costs(test, columns)
        abilities = table.abilities[columns]
        blind = points(np.broadcast_to(abilities, truth.shape), np.broadcast_to(typical, truth.shape), truth, paid)
        oracle, even = points(truth, paid, truth, paid), np.full(len(test), 1 / len(test))

        def closed(said: Floats, near: Floats, kept: Places) -> float:
            fair = fair_costs(cost[:, kept], typical[kept], near[:, kept])
            router = points(said[:, kept], fair, truth[:, kept], paid[:, kept])
            return _gap((router, blind, oracle), truth, paid, even)[0]

        every, figures = np.arange(len(columns)), []
        for one in np.unique(np.linspace(0, len(columns) - 1, _COLD).astype(int)).tolist():
            hidden = columns.copy()
            hidden[one] = -1
            guessed, far, _ = self.judged(table, test, columns, hidden)
            guessed[:, one] += self._guess(table, columns, one) - abilities[one]
            others = np.delete(every, one)
            figures.append(
                (closed(quality, familiar, every), closed(guessed, far, every), closed(quality, familiar, others))
            )
        warm, cold, without = np.array(figures).mean(0).tolist()
        return warm, cold, without

    def _benchmarked(self, columns: Places) -> Places:
        known = (self.corpus.facts.get(self.corpus.models[column]) for column in columns.tolist())
        return columns[[facts is not None and bool(np.isfinite(facts.benchmark)) for facts in known]]

    def _guess(self, table: Table, columns: Places, one: int) -> float:
        """The ability of one model, by the line that the others' benchmarks and prices give."""
        facts = self.corpus.facts
        told = np.array([
            (facts[self.corpus.models[column]].benchmark / 20, np.log10(_listed(self.corpus, column)[1] * 1e6), 1.0)
            for column in columns.tolist()
        ])  # fmt: skip
        others = np.delete(np.arange(len(columns)), one)
        line = logit_line(told[others], table.abilities[columns[others]])
        return float(1 / (1 + np.exp(-float(told[one] @ line))))


def _listed(corpus: Corpus, column: int) -> tuple[float, float]:
    """Dollars for a token in and out by the list; where none is known, by the size in the name (open models)."""
    name = corpus.models[column]
    facts = corpus.facts.get(name)
    if facts is not None and np.isfinite(facts.price_in) and np.isfinite(facts.price_out):
        return facts.price_in / 1e6, facts.price_out / 1e6
    size = _size(name)
    return (float("nan"), float("nan")) if size is None else ((0.1 + 0.0115 * size) / 1e6,) * 2


def _size(name: str) -> float | None:
    """Billions of parameters, as many names of open models tell: ``8x7b``, ``1.5-70b``."""
    found = [
        float(times or 1) * float(size) for times, size in re.findall(r"(?:(\d+)x)?(\d+(?:\.\d+)?)b\b", name.lower())
    ]
    return max(found, default=None)


def _gap(
    ways: Sequence[Points], truth: Numbers, paid: Numbers, share: Numbers
) -> tuple[float, tuple[tuple[Numbers, Numbers], ...]]:
    """Gap closed and the three curves, where each prompt counts by *share*."""
    curves = tuple(frontier(one.cost @ share, one.quality @ share) for one in ways)
    means, costs = share @ truth, share @ paid
    ends = float(costs.min()), float(costs[int(means.argmax())])
    return gap_closed(curves[0], curves[1], curves[2], ends), curves


def _pairs(
    bench: _Bench, judged: _Judged, dice: np.random.Generator, resamples: int, *, unseen: bool
) -> Iterator[PairRow]:
    """Rows for suites of two models: strong is the one with the better mean."""
    corpus = bench.corpus
    for suite, columns in bench.suites.items():
        if len(columns) != 2:
            continue
        for dataset in np.unique(corpus.datasets[bench.suite == suite]).tolist():
            rows = np.flatnonzero(corpus.datasets == dataset)
            scores = corpus.scores[np.ix_(rows, columns)]
            rows, scores = rows[np.isfinite(scores).all(1)], scores[np.isfinite(scores).all(1)]
            weak, strong = np.argsort(scores.mean(0)).tolist()
            quality = judged.quality[np.ix_(rows, columns)]
            if not np.isfinite(quality).all() or not len(rows):
                continue
            ways = {
                "this router": quality[:, strong] - quality[:, weak],
                "random": np.zeros(len(rows)),
                "length": bench.lengths[rows],
                "oracle": scores[:, strong] - scores[:, weak],
            }
            for way, preference in ways.items():
                curve = recovered(preference, scores[:, strong], scores[:, weak], dice)
                drawn = (dice.integers(0, len(rows), len(rows)) for _ in range(resamples))
                again = [apgr(recovered(preference[d], scores[d, strong], scores[d, weak], dice)) for d in drawn]
                name = f"{dataset}, unseen" if unseen else dataset
                yield PairRow(
                    name,
                    way,
                    len(rows),
                    interval(apgr(curve), np.array(again)),
                    calls_needed(curve, 0.5),
                    calls_needed(curve, 0.8),
                )
