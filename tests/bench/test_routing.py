"""The simulation of routing: the same for the same seed, honest in its sums, and what it shows of the default."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
import routing
from routing_day import Result, simulate, summary
from routing_picture import picture
from routing_policies import POLICIES
from routing_world import DAY, a_day

RIVALS = ["round robin", "random", "always cheapest", "least latency", "two choices, peak EWMA"]


@pytest.mark.parametrize("name", ["Turnout", "two choices, peak EWMA"])
def test_a_day_is_the_same_for_the_same_seed_and_every_request_of_it_is_recorded(name: str) -> None:
    days = [summary(name, [simulate(name, a_day(seed, 1000), seed)]) for seed in (3, 3, 4)]
    assert days[0] == days[1]
    assert days[0] != days[2]
    assert days[0].requests == len(a_day(3, 1000).arrivals)


def test_a_day_has_twenty_endpoints_with_incidents_of_every_kind() -> None:
    world = a_day(1, 1000)
    assert len(world.shops) == 20
    incidents = [one for shop in world.shops.values() for one in shop.incidents]
    assert {one.kind for one in incidents} == {"refusing", "silent", "partial", "slow"}
    assert all(0 <= one.start < DAY for one in incidents)


def test_who_is_no_better_in_anything_is_dominated() -> None:
    middle = Result("middle", 10, 0.99, 1.0, 4.0, 5.0, 1.0)
    better = middle._replace(name="better", p99=3.0)
    cheaper = middle._replace(name="cheaper", cost=4.0, success=0.98)
    assert routing.dominated_by(middle, [middle._replace(name="equal"), better, cheaper]) == ["better"]


def test_the_picture_is_svg_for_light_and_dark_pages_and_names_every_policy() -> None:
    results = [
        Result(name, 10, 0.99 + place / 1e4, 1.0, 2.0 + place, 4.0 + place, 1.0) for place, name in enumerate(POLICIES)
    ]
    drawn = picture(results, "Turnout", "Turnout")
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    assert "prefers-color-scheme: dark" in drawn
    texts = [text.text for text in root.iter() if text.tag.endswith("text")]
    assert all(texts.count(name) == 2 for name in POLICIES)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_default_is_on_the_pareto_front(seed: int) -> None:
    default, *rivals = routing.compare(["Turnout", *RIVALS], [seed], 60_000)
    assert routing.dominated_by(default, rivals) == []
