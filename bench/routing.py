"""Compares Turnout's choice among endpoints with other ways, on simulated days of drift, outages and rate limits.

routing.py [--requests N] [--days N] [--seed N] [--jobs N] [--svg FILE] [--enforce]

One Markdown table, the same for the same seed; half a minute on two cores. `--enforce`: the exit status is 1 when
Turnout's default is not on the Pareto front of success, p99 latency and cost.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from routing_day import Records, Result, simulate, summary
from routing_picture import picture
from routing_policies import POLICIES
from routing_world import a_day

__all__ = ["compare", "dominated_by", "main"]

_DEFAULT, _OURS = "Turnout", "Turnout"


def main() -> int:
    """Print the table, and write the picture if one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=60_000, help="on each day")
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the first day")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--svg", type=Path, help="where to write the picture")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when the default is not on the front")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.days)
    results = compare(list(POLICIES), seeds, options.requests, options.jobs)
    print(_table(results))
    rivals = [one for one in results if not one.name.startswith(_OURS)]
    better = dominated_by(results[0], rivals)
    print(
        f"\n{_DEFAULT} is " + (f"no better in anything than {', '.join(better)}" if better else "on the Pareto front")
    )
    if options.svg:
        options.svg.parent.mkdir(parents=True, exist_ok=True)
        options.svg.write_text(picture(results, _OURS, _DEFAULT), encoding="utf-8")
    return 1 if better and options.enforce else 0


def compare(names: Sequence[str], seeds: Sequence[int], requests: int, jobs: int = 1) -> list[Result]:
    """The policies of those *names* over one day for each of *seeds*, with about so many *requests* each."""
    works = [(name, seed, requests) for name in names for seed in seeds]
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as pool:
            days = list(pool.map(_day, works))
    else:
        days = [_day(work) for work in works]
    number = len(seeds)
    return [summary(name, days[place * number : (place + 1) * number]) for place, name in enumerate(names)]


def dominated_by(one: Result, others: Sequence[Result]) -> list[str]:
    """Names of *others* that are at least as good as *one* in success, p99 latency and cost, and better in one."""
    return [
        other.name
        for other in others
        if other.success >= one.success
        and other.p99 <= one.p99
        and other.cost <= one.cost
        and (other.success, -other.p99, -other.cost) != (one.success, -one.p99, -one.cost)
    ]


def _day(work: tuple[str, int, int]) -> Records:
    name, seed, requests = work
    return simulate(name, a_day(seed, requests), seed)


def _table(results: Sequence[Result]) -> str:
    lines = [
        "| policy | success % | p50 s | p99 s | $ per 1,000 | attempts |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {one.name} | {one.success:.3%} | {one.p50:.2f} | {one.p99:.2f} | {one.cost:.2f} | {one.attempts:.3f} |"
        for one in results
    ]
    return "\n".join(lines).replace("% |", " |")


if __name__ == "__main__":
    sys.exit(main())
