"""A tally in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from turnout.base.money import Pico, json_number
from turnout.observe.tally import Attempts, Histogram, Tally

__all__ = ["exposition"]


def exposition(tally: Tally) -> bytes:
    """What ``GET /metrics`` answers."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_TallyCollector(tally))
    return generate_latest(registry)


class _TallyCollector(Collector):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        tally = self._tally
        requests = CounterMetricFamily("turnout_requests", "Requests that ended, by outcome.", labels=["outcome"])
        for outcome, count in tally.requests.items():
            requests.add_metric([outcome], count)
        yield requests
        errors = CounterMetricFamily(
            "turnout_errors", "Requests answered with an error, by type.", labels=["error_type"]
        )
        for error_type, count in tally.refusals.items():
            errors.add_metric([error_type], count)
        yield errors
        yield GaugeMetricFamily("turnout_open_requests", "Requests under way.", tally.open_requests)
        yield from _per_provider(tally.providers)


def _per_provider(providers: dict[str, Attempts]) -> Iterator[Metric]:
    attempts = CounterMetricFamily("turnout_attempts", "Upstream calls.", labels=["provider", "outcome"])
    tokens = CounterMetricFamily("turnout_tokens", "Tokens of answered calls.", labels=["provider", "kind"])
    spent = CounterMetricFamily("turnout_cost_usd", "Cost of answered calls in US dollars.", labels=["provider"])
    first = HistogramMetricFamily(
        "turnout_first_byte_seconds", "Time to the provider's first byte.", labels=["provider"]
    )
    whole = HistogramMetricFamily("turnout_attempt_seconds", "Time to the provider's last byte.", labels=["provider"])
    for slug, counts in providers.items():
        for outcome in ("answered", "failed", "cancelled"):
            attempts.add_metric([slug, outcome], getattr(counts, outcome))
        tokens.add_metric([slug, "prompt"], counts.prompt_tokens)
        tokens.add_metric([slug, "completion"], counts.completion_tokens)
        spent.add_metric([slug], json_number(Pico(counts.cost_pico)))
        first.add_metric([slug], _cumulative(counts.first_byte), counts.first_byte.total)
        whole.add_metric([slug], _cumulative(counts.duration), counts.duration.total)
    yield from (attempts, tokens, spent, first, whole)


def _cumulative(histogram: Histogram) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    running = 0
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        running += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), running))
    return buckets
