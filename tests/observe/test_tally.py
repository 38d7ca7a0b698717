from __future__ import annotations

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from turnout.observe.exposition import exposition
from turnout.observe.tally import SECONDS, Tally, merged, new_tally

COUNTS = st.integers(0, 10**9)
DURATIONS = st.lists(st.floats(0, 1000) | st.sampled_from(SECONDS), max_size=6)
SLUGS = st.sampled_from(["acme", "other", 'odd"slug\\\n'])


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    tally = new_tally()
    tally.open_requests = draw(st.integers(0, 100))
    for outcome in draw(st.lists(st.sampled_from(["answered", "failed", "cancelled"]), max_size=6)):
        tally.request(outcome)
    for error_type in draw(st.lists(st.sampled_from(["timeout", "server"]), max_size=4)):
        tally.refused(error_type)
    for slug in draw(st.lists(SLUGS, max_size=3)):
        counts = tally.provider(slug)
        counts.answered += draw(COUNTS)
        counts.failed += draw(COUNTS)
        counts.cancelled += draw(COUNTS)
        counts.prompt_tokens += draw(COUNTS)
        counts.completion_tokens += draw(COUNTS)
        counts.cost_pico += draw(st.integers(0, 10**15))
        for seconds in draw(DURATIONS):
            counts.first_byte.observe(seconds)
            counts.duration.observe(seconds * 2)
    return tally


def _samples(tally: Tally) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(exposition(tally).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@given(tallies())
def test_what_prometheus_reads_is_what_was_counted(tally: Tally) -> None:
    samples = _samples(tally)
    assert samples["turnout_open_requests", ()] == tally.open_requests
    for outcome, count in tally.requests.items():
        assert samples["turnout_requests_total", (("outcome", outcome),)] == count
    for error_type, count in tally.refusals.items():
        assert samples["turnout_errors_total", (("error_type", error_type),)] == count
    for slug, counts in tally.providers.items():
        provider = ("provider", slug)
        assert samples["turnout_attempts_total", (("outcome", "failed"), provider)] == counts.failed
        assert samples["turnout_tokens_total", (("kind", "prompt"), provider)] == counts.prompt_tokens
        assert math.isclose(samples["turnout_cost_usd_total", (provider,)], counts.cost_pico / 10**12)
        for name, histogram in (
            ("turnout_first_byte_seconds", counts.first_byte),
            ("turnout_attempt_seconds", counts.duration),
        ):
            assert samples[f"{name}_count", (provider,)] == sum(histogram.counts)
            assert math.isclose(samples[f"{name}_sum", (provider,)], histogram.total)
            assert samples[f"{name}_bucket", (("le", "+Inf"), provider)] == sum(histogram.counts)
            buckets = [samples[f"{name}_bucket", (("le", str(bound)), provider)] for bound in SECONDS]
            assert buckets == sorted(buckets)


@given(DURATIONS)
def test_a_bucket_counts_what_is_at_most_its_bound(durations: list[float]) -> None:
    tally = new_tally()
    for seconds in durations:
        tally.provider("acme").duration.observe(seconds)
    samples = _samples(tally)
    for bound in SECONDS if durations else ():
        counted = samples["turnout_attempt_seconds_bucket", (("le", str(bound)), ("provider", "acme"))]
        assert counted == sum(seconds <= bound for seconds in durations)


def _numbers(tally: Tally) -> dict[str, float]:
    numbers: dict[str, float] = {"open": tally.open_requests}
    numbers |= {f"requests {outcome}": count for outcome, count in tally.requests.items()}
    numbers |= {f"refusals {kind}": count for kind, count in tally.refusals.items()}
    for slug, counts in tally.providers.items():
        fields = ("answered", "failed", "cancelled", "prompt_tokens", "completion_tokens", "cost_pico")
        numbers |= {f"{slug} {name}": getattr(counts, name) for name in fields}
        numbers |= {f"{slug} duration {n}": count for n, count in enumerate(counts.duration.counts)}
        numbers[f"{slug} seconds"] = counts.duration.total
    return numbers


@given(st.lists(tallies(), max_size=4))
def test_the_sum_of_workers_is_the_sum_of_everything_they_counted(parts: list[Tally]) -> None:
    before = [msgspec.msgpack.encode(part) for part in parts]
    whole = _numbers(merged(parts))
    for name, value in whole.items():
        assert math.isclose(value, math.fsum(_numbers(part).get(name, 0) for part in parts), abs_tol=1e-6)
    assert set().union(*(_numbers(part) for part in parts)) <= whole.keys() | {"open"}
    assert [msgspec.msgpack.encode(part) for part in parts] == before


@given(tallies())
def test_a_tally_survives_being_written(tally: Tally) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(tally), type=Tally) == tally


def test_nothing_counted_is_still_readable() -> None:
    assert _samples(new_tally()) == {("turnout_open_requests", ()): 0}
