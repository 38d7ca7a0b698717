from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from examples import a_candidate, a_request
from line import KEY, Paper, Records, a_call
from turnout.accounts.keys import KeyRing
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Internal, UpstreamError
from turnout.base.ids import GenerationIds
from turnout.base.money import Pico
from turnout.domain.health import UNKNOWN
from turnout.domain.routing import Candidate
from turnout.domain.usage import PriceOverride, Usage, cost
from turnout.engine.draft import Draft
from turnout.engine.house import House, Rails
from turnout.health.book import HealthBook
from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox
from turnout.observe.tally import new_tally

USAGE = Usage(fresh=3, completion=2)
FIRST, SECOND = a_candidate("one", "0.000001", "0.000002"), a_candidate("two", "0.000003", "0.000004")


class Hands:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0
        self.clock = Clock(lambda: 1_790_000_000.5, lambda: self.now)


class _Still:
    """An outbox from which nothing leaves."""

    def wake(self) -> None:
        """Nothing is waited for."""


def a_house() -> tuple[House, Records, Hands]:
    records, hands = Records(), Hands()
    absent: Any = None
    house = House(
        rails=cast("Rails", absent),
        keys=cast("KeyRing", absent),
        client=cast("Client", absent),
        deadlines=cast("Deadlines", absent),
        recorder=records,
        outbox=cast("Outbox", _Still()),
        health=HealthBook(),
        tally=new_tally(),
        ids=GenerationIds(Random(1)),
        clock=hands.clock,
        dice=Random(1),
        loop=cast("asyncio.AbstractEventLoop", absent),
        report=lambda _: None,
    )
    return house, records, hands


def a_draft(house: House, **fields: Any) -> Draft:  # noqa: ANN401 - any field of a request
    call = a_call(Paper(), **fields)
    return Draft(type(call)(call.surface, None, b"", call.reply, 100.0, call.headers), KEY, a_request(**fields), house)


STEPS: dict[str, Callable[[Draft], object]] = {
    "attempt": lambda draft: draft.attempt(FIRST),
    "another": lambda draft: draft.attempt(SECOND),
    "failed": lambda draft: draft.failed(UpstreamError("down")),
    "failed late": lambda draft: draft.failed(UpstreamError("down", may_be_billed=True), USAGE),
    "answered": lambda draft: draft.answered(USAGE),
    "broke": lambda draft: draft.broke(BadRequest("no")),
    "stumbled": lambda draft: draft.stumbled(USAGE),
    "cancelled": lambda draft: draft.cancelled(),
    "cancelled late": lambda draft: draft.cancelled(USAGE),
}
NEED_AN_ATTEMPT = {"failed", "failed late", "answered"}
ENDINGS = {"answered", "broke", "cancelled", "cancelled late"}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_a_request_is_settled_exactly_once_whatever_is_called_in_whatever_order(steps: list[str]) -> None:
    house, records, _ = a_house()
    draft = a_draft(house)
    begun = ended = False
    for step in steps:
        if step in NEED_AN_ATTEMPT and not begun:
            continue
        STEPS[step](draft)
        begun = begun or step in {"attempt", "another"}
        ended = ended or step in ENDINGS
        assert len(records.generations) == ended
        assert house.tally.open_requests == (not ended)
        assert sum(house.tally.requests.values()) == ended
    for generation in records.generations:
        last = generation.attempts[-1] if generation.attempts else None
        assert generation.cost == (last.cost if last else 0)
        assert generation.usage == (last.usage if last else Usage())
        assert all(attempt.cost >= 0 for attempt in generation.attempts)


def test_an_answer_is_priced_with_the_prices_of_who_served_and_keeps_them() -> None:
    house, records, hands = a_house()
    draft = a_draft(house, user="u", session_id="s")
    draft.attempt(FIRST)
    hands.now = 100.25
    draft.failed(UpstreamError("down", upstream_status=503, error_type="provider_overloaded"))
    draft.attempt(SECOND)
    hands.now = draft.first_byte_at = 100.5
    hands.now = 101.5
    price = draft.answered(USAGE)
    record = records.only
    assert price == cost(USAGE, SECOND.endpoint.pricing)
    assert (record.cost, record.pricing, record.provider) == (price.total, SECOND.endpoint.pricing, "two")
    assert (record.latency_ms, record.generation_ms) == (250.0, 1250.0)
    assert (record.user, record.session_id, record.user_agent) == ("u", "s", "test")
    first, second = record.attempts
    assert (first.status, first.error_type, first.started_ms, first.ended_ms) == (
        503,
        "provider_overloaded",
        0.0,
        250.0,
    )
    assert (second.started_ms, second.first_byte_ms, second.ended_ms) == (250.0, 500.0, 1500.0)


def test_a_long_prompt_is_charged_at_its_own_price_and_the_record_keeps_that_price() -> None:
    house, records, _ = a_house()
    override = PriceOverride(prices={"prompt": Pico(5_000_000)}, min_prompt_tokens=200_000)
    pricing = replace(FIRST.endpoint.pricing, overrides=(override,))
    candidate = Candidate(FIRST.model, replace(FIRST.endpoint, pricing=pricing), FIRST.provider)
    prompt = FIRST.endpoint.pricing.prompt
    for tokens, price in ((200_000, prompt), (200_001, 5_000_000)):
        draft = a_draft(house)
        draft.attempt(candidate)
        charged = draft.answered(Usage(fresh=tokens - 10, cache_read=10, completion=2))
        generation = records.generations[-1]

        assert charged.prompt == tokens * price
        assert generation.cost == charged.total == cost(generation.usage, generation.pricing).total
        assert (generation.pricing.prompt, generation.pricing.overrides) == (price, ())


def test_waiting_for_the_provider_is_no_overhead_of_ours() -> None:
    house, _, hands = a_house()
    draft = a_draft(house)
    hands.now = 100.25
    draft.attempt(FIRST)
    hands.now = draft.first_byte_at = 109.0
    hands.now = 109.5
    assert draft.overhead_ms() == pytest.approx(750)
    draft.cancelled()


def test_what_reached_the_client_before_a_failure_is_charged() -> None:
    house, records, _ = a_house()
    draft = a_draft(house)
    draft.attempt(FIRST)
    error = UpstreamError("down", may_be_billed=True)
    draft.failed(error, USAGE)
    draft.broke(error)
    assert records.only.cost == cost(USAGE, FIRST.endpoint.pricing).total
    assert records.only.outcome == "failed"
    assert records.only.finish_reason == "error"


@pytest.mark.parametrize(
    ("error", "ailing"),
    [
        (UpstreamError("cannot be reached"), True),
        (UpstreamError("down", upstream_status=500), False),
        (UpstreamError("late", may_be_billed=True), False),
        (UpstreamError("slow down", upstream_status=429, health="rate_limited"), False),
    ],
)
def test_only_a_failure_to_connect_is_an_outage_at_once(error: UpstreamError, ailing: bool) -> None:  # noqa: FBT001 - a column
    house, _, _ = a_house()
    draft = a_draft(house)
    draft.attempt(FIRST)
    draft.failed(error)
    draft.broke(error)
    assert house.health.known.get(FIRST.endpoint_id, UNKNOWN).outage is ailing
    assert error.provider == "One"


def test_a_stumble_after_the_answer_was_settled_adds_nothing() -> None:
    house, records, _ = a_house()
    draft = a_draft(house)
    draft.attempt(FIRST)
    draft.answered(USAGE)
    draft.stumbled(USAGE)
    draft.broke(Internal())
    assert [attempt.outcome for attempt in records.only.attempts] == ["answered"]


def test_headers_of_the_client_are_kept_short() -> None:
    house, records, _ = a_house()
    call = a_call(Paper())
    headers = {b"http-referer": b"https://a.example/" + b"x" * 1_000, b"x-title": "T\xfc".encode("latin-1")}
    draft = Draft(type(call)(call.surface, None, b"", call.reply, 100.0, headers), KEY, a_request(), house)
    draft.cancelled()
    assert len(records.only.referer or "") == 256
    assert records.only.title == "T\xfc"


@given(st.lists(st.sampled_from(["answered", "failed late", "cancelled late"]), min_size=1, max_size=8))
def test_the_tally_counts_what_was_recorded(endings: list[str]) -> None:
    house, records, _ = a_house()
    for ending in endings:
        draft = a_draft(house)
        draft.attempt(FIRST)
        STEPS[ending](draft)
        draft.broke(Internal())
    counts = house.tally.provider("one")
    assert (counts.answered, counts.failed, counts.cancelled) == tuple(
        endings.count(name) for name in ("answered", "failed late", "cancelled late")
    )
    charged = [record.cost for record in records.generations if record.outcome == "answered"]
    assert counts.cost_pico == sum(charged)
    assert house.tally.requests == {
        outcome: count
        for outcome in ("answered", "failed", "cancelled")
        if (count := sum(record.outcome == outcome for record in records.generations))
    }
