from __future__ import annotations

from random import Random

import pytest
from msgspec import convert

from examples import a_model, a_provider, a_snapshot, an_endpoint, prices
from turnout.base.errors import BadRequest
from turnout.base.money import Pico
from turnout.domain.account import AttemptRecord, Generation, Outcome
from turnout.domain.routing import Preferences
from turnout.domain.usage import Usage
from turnout.engine.replay import Past, Replayed, remember, replay
from turnout.engine.routes import Routes

USED = Usage(fresh=1_000, completion=100)
PROVIDERS = [a_provider("cheap"), a_provider("dear", policy=a_provider().policy)]
MODEL = a_model(
    "acme/tiny",
    [
        an_endpoint("cheap", pricing=prices("0.000001", "0.000002"), quantization="fp4"),
        an_endpoint("dear", pricing=prices("0.000003", "0.000006"), quantization="bf16"),
    ],
)
ROUTES = Routes(a_snapshot([MODEL], PROVIDERS))


def served(provider: str, number: int, latency: float, outcome: Outcome = "answered", failed: str = "") -> Generation:
    """A generation that *provider* ended, after *failed* had a try of 50 ms."""
    began = 60.0 if failed else 10.0
    earlier = (
        AttemptRecord(
            endpoint_id=f"acme/tiny|{failed}|{failed}",
            model="acme/tiny",
            provider=failed,
            provider_name=failed,
            outcome="failed",
            started_ms=10.0,
            ended_ms=60.0,
        ),
    )
    cost = 1_200_000_000 if provider == "cheap" else 3_600_000_000
    return Generation(
        id=f"gen-1-{number:04}",
        account_id="a",
        key_hash="k",
        created=1_800_000_000.0,
        outcome=outcome,
        model="acme/tiny",
        provider=provider,
        endpoint_id=f"acme/tiny|{provider}|{provider}",
        api="chat",
        requested_model="acme/tiny",
        usage=USED,
        cost=Pico(cost) if outcome == "answered" else Pico(0),
        started_ms=began,
        latency_ms=latency if outcome == "answered" else None,
        ended_ms=began + latency + 1_000,
        earlier=earlier if failed else (),
    )


def replayed(generations: list[Generation], **policy: object) -> Replayed:
    past = Past()
    remember(past, generations)
    return replay(past, ROUTES, convert(policy, Preferences), Random(1))


MIXED = [served("cheap", n, 100.0) for n in range(30)] + [served("dear", n, 400.0) for n in range(30, 40)]


def test_the_past_is_summed_as_it_was() -> None:
    recorded = replayed(MIXED).recorded
    assert recorded.requests == 40
    assert recorded.success == 1.0
    assert recorded.cost == pytest.approx(30 * 0.0012 + 10 * 0.0036)
    assert recorded.latency_mean == pytest.approx(185.0)
    assert recorded.endpoints == {"acme/tiny|cheap|cheap": 0.75, "acme/tiny|dear|dear": 0.25}


@pytest.mark.parametrize(
    ("policy", "cost", "latency", "endpoint"),
    [
        ({"sort": "price"}, 40 * 0.0012, 100.0, "cheap"),
        ({"only": ["dear"]}, 40 * 0.0036, 400.0, "dear"),
        ({"quantizations": ["bf16"]}, 40 * 0.0036, 400.0, "dear"),
        ({"sort": "latency"}, 40 * 0.0012, 100.0, "cheap"),
    ],
)
def test_a_policy_is_estimated_by_what_its_endpoints_did(
    policy: dict[str, object], cost: float, latency: float, endpoint: str
) -> None:
    found = replayed(MIXED, **policy)
    assert found.estimated.cost == pytest.approx(cost)
    assert found.estimated.latency_mean == pytest.approx(latency)
    assert found.estimated.endpoints == {f"acme/tiny|{endpoint}|{endpoint}": 1.0}
    assert found.unserved == 0
    assert "estimate" in found.note


def test_failures_lower_success_where_there_is_no_fallback_and_cost_time_where_there_is() -> None:
    past = [served("dear", n, 400.0, failed="cheap") for n in range(50)]
    past += [served("cheap", n, 100.0) for n in range(50, 100)]
    alone = replayed(past, only=["cheap"]).estimated
    assert alone.success == pytest.approx(0.5)
    both = replayed(past, sort="price").estimated
    assert both.success == pytest.approx(1.0)
    assert both.latency_mean == pytest.approx(0.5 * 100 + 0.5 * (50 + 400))
    assert both.cost == pytest.approx(100 * (0.5 * 0.0012 + 0.5 * 0.0036))


def test_what_a_policy_leaves_without_endpoints_is_counted() -> None:
    found = replayed(MIXED, max_price={"prompt": 0})
    assert (found.unserved, found.estimated.success, found.estimated.cost) == (40, 0.0, 0.0)


def test_endpoints_without_a_past_are_told_apart() -> None:
    found = replayed([served("cheap", n, 100.0) for n in range(20)], only=["dear"])
    assert found.without_record == 1.0
    assert found.estimated.cost == pytest.approx(20 * 0.0036)


def test_given_up_generations_are_no_part_of_it() -> None:
    assert replayed([served("cheap", 1, 5.0, outcome="cancelled")]).recorded.requests == 0
    assert replayed([]).estimated.success is None


def test_a_policy_that_makes_no_sense_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match=r"provider\.max_price"):
        replayed(MIXED, max_price={"prompt": "cheap"})
