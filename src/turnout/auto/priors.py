"""What the catalog lets one expect of a model before anybody has tried it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from turnout.auto.table import Floats
from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.catalog import Benchmarks, Model
from turnout.domain.usage import Pricing

__all__ = ["KINDS", "cheapest", "expected", "logit_line"]

KINDS = ("general", "coding", "agentic")
"""Rows of :func:`expected`: what ordinary prompts, programming and work with tools call for."""

_YEAR = 365.25 * 86400
_START = np.array([22.0, 13.0, -9.0, 12.0])
"""Index where nothing is known, per tenfold price, per year of age, for reasoning: where the fit starts from."""
_PULL = np.array([4.0, 2.0, 2.0, 2.0])
_MIDDLE, _SPREAD = 30.0, 14.0
_LOWEST_PRICE = 0.01


def expected(models: Sequence[Model], now: float) -> Floats:
    """Quality from 0 to 1 by kind of work and model: from benchmarks where there are any, else from a fitted line.

    The line is in the logarithm of the price, the age and whether it reasons; it is fitted on the models that have
    benchmarks, and starts from what was typical of them in 2025. *now* is in unix seconds.
    """
    facts = np.array([_facts(model, now) for model in models]).reshape(len(models), 4)
    rows = []
    for kind in ("intelligence_index", "coding_index", "agentic_index"):
        known = [_index(model.benchmarks, kind) for model in models]
        rows.append(_filled(facts, known))
    quality = 1 / (1 + np.exp(-(np.array(rows) - _MIDDLE) / _SPREAD))
    found: Floats = quality.astype(np.float32)
    return found


def logit_line(facts: Floats, means: Floats, penalty: float = 0.1) -> Floats:
    """Weights by which *facts* (models, facts; the last a constant) foretell the log odds of *means*.

    Source: docs/auto-router.md, "A model without a history".
    """
    odds = np.log(np.clip(means, 0.02, 0.98) / (1 - np.clip(means, 0.02, 0.98)))
    pull = penalty * np.eye(facts.shape[1])
    pull[-1, -1] = 1e-6
    weights: Floats = np.linalg.solve(facts.T @ facts + pull, facts.T @ odds).astype(np.float32)
    return weights


def cheapest(model: Model) -> Pricing | None:
    """The lowest priced offer of *model*, completion counted thrice; None where nobody states a price."""
    offers = [one.pricing for one in model.endpoints if one.priced and one.service_tier is None]
    return min(offers, key=lambda price: price.prompt + 3 * price.completion, default=None)


def _facts(model: Model, now: float) -> tuple[float, float, float, float]:
    price = cheapest(model)
    dollars = (price.prompt + 3 * price.completion) / 4 * 1e6 / PICO_PER_DOLLAR if price else 1.0
    age = (now - model.created) / _YEAR if model.created else 1.0
    # Free offers are of models that cost something elsewhere: no price says nothing.
    tens = np.log10(max(_LOWEST_PRICE, dollars)) if dollars else -0.5
    return 1.0, float(tens), min(4.0, max(0.0, age)), float(model.reasoning)


def _index(benchmarks: Benchmarks | None, kind: str) -> float | None:
    if benchmarks is None:
        return None
    found: float | None = getattr(benchmarks, kind)
    return benchmarks.intelligence_index if found is None else found


def _filled(facts: Floats, known: Sequence[float | None]) -> Floats:
    there = np.array([one is not None for one in known], bool)
    values = np.array([one if one is not None else 0.0 for one in known])
    own = facts[there]
    weights = _START
    if len(own):
        pull = np.diag(_PULL)
        weights = np.linalg.solve(own.T @ own + pull, own.T @ values[there] + pull @ _START)
    filled: Floats = np.where(there, values, facts @ weights)
    return filled
