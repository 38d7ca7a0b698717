from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest

from examples import a_candidate, a_model, a_provider, a_request, a_snapshot, an_endpoint, prices
from turnout.domain.chat import ChatRequest
from turnout.domain.health import Vitals
from turnout.domain.routing import Candidate, Outlook
from turnout.domain.usage import Usage
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes
from turnout.engine.sticky import StickyMemory

CHEAP_READS = prices("0.000002", input_cache_read="0.0000002")
FRESH, CACHED = Usage(fresh=5000, completion=5), Usage(fresh=100, cache_read=4900, completion=5)
LONG = "a system prompt of many words " * 200
PROVIDERS = [a_provider("one"), a_provider("two")]
MODEL = a_model("acme/tiny", [an_endpoint("one", pricing=CHEAP_READS), an_endpoint("two", pricing=CHEAP_READS)])
ROUTES = Routes(a_snapshot([MODEL], PROVIDERS))


def talk(*said: str, system: str = LONG, **fields: Any) -> ChatRequest:  # noqa: ANN401 - any field of a request
    turns = [{"role": "user" if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(said)]
    return a_request(messages=[{"role": "system", "content": system}, *turns], **fields)


def candidate(slug: str, cached: str | None = "0.0000002") -> Candidate:
    pricing = prices("0.000002") if cached is None else prices("0.000002", input_cache_read=cached)
    return a_candidate(slug, pricing=pricing)


def test_what_one_worker_remembers_others_hear_once_in_a_while() -> None:
    one, other = Desk(), Desk()
    told: list[bytes] = []
    one.memory.tell = told.append
    for at in (0.0, 10.0, 59.0, 70.0):
        one.answered(talk("hi", session_id="s"), at=at)
    assert len(told) == 2
    one.answered(talk("hi", session_id="s"), "one", at=71.0, by=candidate("one"))
    assert len(told) == 3
    one.answered(talk("hi", prompt_cache_key="s" * 3000), at=71.0)
    assert len(told) == 3  # it is remembered here alone
    other.memory.hear(told[0], 5_000.0)
    assert other.stays(talk("hi", session_id="s"), at=5_599.0) == "acme/tiny|two|two"
    assert other.stays(talk("hi", session_id="s"), at=5_601.0) is None
    with pytest.raises(msgspec.DecodeError):
        other.memory.hear(b"[1]", 0.0)


class Desk:
    """A memory and what is asked of it."""

    def __init__(self) -> None:
        self.memory = StickyMemory()

    def answered(self, request: ChatRequest, slug: str = "two", usage: Usage = FRESH, **how: Any) -> None:  # noqa: ANN401 - see _session
        at = how.get("at", 0.0)
        if (session := self._session(request, **how)) is not None:
            session.answered(how.get("by") or candidate(slug), usage, at)

    def stays(self, request: ChatRequest, **how: Any) -> str | None:  # noqa: ANN401 - see _session
        session = self._session(request, **how)
        return None if session is None else session.endpoint("acme/tiny")

    def _session(self, request: ChatRequest, **how: Any) -> Any:  # noqa: ANN401 - a session or None
        return self.memory.session(request, how.get("headers", {}), how.get("account", "a"), how.get("at", 0.0))


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"session_id": "s"}, {}),
        ({}, {b"x-session-id": b"s"}),
        ({"prompt_cache_key": "s"}, {}),
    ],
)
def test_a_named_session_stays_with_the_first_that_answers(fields: dict[str, Any], headers: dict[bytes, bytes]) -> None:
    desk = Desk()
    desk.answered(talk("hi", **fields), headers=headers)
    assert desk.stays(talk("something else", system="x", **fields), headers=headers) == "acme/tiny|two|two"
    assert desk.stays(talk("hi", **fields), headers=headers, account="b") is None
    assert desk.stays(talk("hi", session_id="t")) is None


def test_the_body_names_the_session_before_the_header() -> None:
    desk = Desk()
    desk.answered(talk("hi", session_id="s"))
    assert desk.stays(talk("hi", session_id="s"), headers={b"x-session-id": b"t"}) is not None
    assert desk.stays(talk("hi", session_id="t"), headers={b"x-session-id": b"s"}) is None


def test_a_conversation_without_a_name_stays_once_it_was_read_from_a_cache() -> None:
    desk = Desk()
    desk.answered(talk("hi"), usage=FRESH)
    assert desk.stays(talk("hi")) is None
    desk.answered(talk("hi"), usage=CACHED)
    assert desk.stays(talk("hi", "hello", "and now?")) == "acme/tiny|two|two"
    assert desk.stays(talk("bye")) is None
    assert desk.stays(talk("hi", system=LONG + "!")) is None


@pytest.mark.parametrize("cached", [None, "0.000002", "0.000003"])
def test_a_cache_that_saves_nothing_is_no_reason_to_stay(cached: str | None) -> None:
    desk = Desk()
    desk.answered(talk("hi"), usage=CACHED, by=candidate("two", cached))
    assert desk.stays(talk("hi")) is None


def test_what_is_too_short_for_any_cache_is_not_remembered() -> None:
    desk = Desk()
    desk.answered(talk("hi", system="short"), usage=CACHED)
    assert len(desk.memory) == 0


def test_after_ten_idle_minutes_nothing_is_left_and_each_answer_renews_them() -> None:
    desk = Desk()
    desk.answered(talk("hi", session_id="s"))
    assert desk.stays(talk("hi", session_id="s"), at=599.0) is not None
    assert desk.stays(talk("hi", session_id="s"), at=600.0) is None
    desk.answered(talk("hi", session_id="s"), at=500.0)
    assert desk.stays(talk("hi", session_id="s"), at=1099.0) is not None


def test_a_cache_that_was_asked_to_live_for_an_hour_is_stayed_with_for_an_hour() -> None:
    mark = {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    messages = [{"role": "system", "content": [mark]}, {"role": "user", "content": "hi"}]
    desk = Desk()
    desk.answered(a_request(messages=messages), usage=CACHED)
    assert desk.stays(a_request(messages=messages), at=3599.0) is not None
    assert desk.stays(a_request(messages=messages), at=3600.0) is None


def test_an_order_of_providers_knows_no_sessions() -> None:
    desk = Desk()
    desk.answered(talk("hi", session_id="s"))
    assert desk.stays(talk("hi", session_id="s", provider={"order": ["one"]})) is None


def test_the_memory_is_bounded() -> None:
    memory = StickyMemory()
    for n in range(20_100):
        memory.keep((str(n),), "e", 1.0)
    assert len(memory) == 20_000
    assert memory.find(("20099",), 0.0) == "e"
    assert memory.find(("0",), 0.0) is None


@pytest.mark.parametrize("model", ["acme/tiny", "acme/tiny:floor"])
def test_the_sticky_endpoint_is_tried_first_and_the_others_after_it(model: str) -> None:
    for seed in range(20):
        outlook = Outlook({}, Random(seed), sticky=lambda _model: "acme/tiny|two|two")
        plan = make_plan(a_request(model=model), ROUTES, outlook)
        assert [one.provider.slug for one in plan.candidates] == ["two", "one"]


@pytest.mark.parametrize("vitals", [Vitals(outage=True), Vitals(limited_until=5.0)])
def test_nobody_stays_with_an_endpoint_that_is_out(vitals: Vitals) -> None:
    outlook = Outlook({"acme/tiny|two|two": vitals}, Random(1), sticky=lambda _model: "acme/tiny|two|two")
    plan = make_plan(a_request(), ROUTES, outlook)
    assert [one.provider.slug for one in plan.candidates] == ["one", "two"]
