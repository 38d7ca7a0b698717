"""Every ordering by its name."""

from __future__ import annotations

from turnout.contracts.strategy import Strategy
from turnout.strategies.balanced import balanced
from turnout.strategies.exacto import balanced_exacto, by_exacto
from turnout.strategies.latency import by_latency
from turnout.strategies.price import by_price
from turnout.strategies.throughput import by_throughput

__all__ = ["STRATEGIES"]

STRATEGIES: dict[str, Strategy] = {
    "balanced": balanced,
    "balanced_exacto": balanced_exacto,
    "exacto": by_exacto,
    "latency": by_latency,
    "price": by_price,
    "throughput": by_throughput,
}
"""The names without ``balanced`` are what ``provider.sort`` may say."""
