from __future__ import annotations

from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.health import Speed
from turnout.web.speeds import speeds_told


def _model(count: int) -> Model:
    endpoints = tuple(
        Endpoint(model_id="a/m", provider=f"p{n}", tag=f"p{n}/eu", upstream_model="m") for n in range(count)
    )
    return Model(id="a/m", canonical_slug="a/m", name="M", endpoints=endpoints)


def test_every_list_is_as_long_as_the_times_and_what_is_unknown_is_null() -> None:
    speeds = [
        Speed(endpoint_id="a/m|p0|p0/eu", at=1_800, latency_ms=1.239),
        Speed(endpoint_id="a/m|p1|p1/eu", at=3_600, uptime=99.0),
        Speed(endpoint_id="a/m|p1|p1/eu", at=7_200, uptime=98.0),  # its stretch is not over yet
        Speed(endpoint_id="a/m|p1|p1/eu", at=5_000, uptime=97.0),
        Speed(endpoint_id="b/other|x|x", at=3_600, uptime=1.0),
    ]
    told = speeds_told(CatalogSnapshot(models={}, providers={}, built=0.0), _model(2), speeds, 5_000)
    assert told["x"] == [1_800, 3_600, 5_000]
    assert [one["name"] for one in told["endpoints"]] == ["p0 eu", "p1 eu"]
    assert [one["uptime"] for one in told["endpoints"]] == [[None, None, None], [None, 99.0, 97.0]]
    assert told["endpoints"][0]["latency_ms"] == [1.24, None, None]
    assert told["more"] == 0


def test_of_many_endpoints_those_are_drawn_that_most_is_known_of() -> None:
    speeds = [Speed(endpoint_id=f"a/m|p{n}|p{n}/eu", at=at, uptime=1.0) for n in range(11) for at in range(n + 1)]
    told = speeds_told(CatalogSnapshot(models={}, providers={}, built=0.0), _model(12), speeds, 100)
    assert [one["name"] for one in told["endpoints"]] == [f"p{n} eu" for n in range(3, 11)]
    assert told["more"] == 3
