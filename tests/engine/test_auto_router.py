from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from examples import a_model, a_provider, a_request, a_snapshot, an_endpoint, prices
from patience import PATIENCE
from turnout.app.auto import slated
from turnout.auto import decide
from turnout.auto.decide import Brain, make_slate
from turnout.auto.experience import Heard, experience_of
from turnout.auto.table import empty_table
from turnout.auto.tasks import shared_tasks
from turnout.base.errors import BadRequest, NoEndpoints
from turnout.base.jsons import encode
from turnout.domain.catalog import Benchmarks, Model
from turnout.domain.credential import Credential
from turnout.domain.health import Vitals
from turnout.domain.routed import Routed
from turnout.domain.routing import Outlook, OwnWay, Plan
from turnout.engine import auto_router
from turnout.engine.auto_router import AutoPolicy, AutoRouter, Learned, prior_order, text_in
from turnout.engine.auto_settings import BANDS, AutoWishes, allowed, bands_of, check_auto_entry
from turnout.engine.auto_signs import Outcome, Signs
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes


def _model(name: str, price: str, index: float, **fields: Any) -> Model:  # noqa: ANN401 - any field of an endpoint
    endpoint = an_endpoint("one", name, pricing=prices(price), **fields)
    return a_model(name, [endpoint], benchmarks=Benchmarks(intelligence_index=index))


SMART = _model("acme/smart", "0.00001", 60.0)
PLAIN = _model("acme/plain", "0.000001", 30.0, supported_parameters=("temperature",), context_length=8_000)
GIFT = _model("acme/gift:free", "0", 30.0)
SNAPSHOT = a_snapshot([SMART, PLAIN, GIFT], [a_provider("one")])


@pytest.fixture(autouse=True)
def _patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes no decision slow, but where that is what a test is about."""
    if "is_slow" not in request.node.name:
        monkeypatch.setattr(auto_router, "_DEADLINE_SECONDS", PATIENCE)
        monkeypatch.setattr(auto_router, "_LONGEST_SECONDS", PATIENCE)


@cache
def learned() -> Learned:
    brain = Brain(empty_table(), shared_tasks(), experience_of(()))
    models = [SMART, PLAIN, GIFT]
    return Learned(brain, make_slate(models, brain, 1.8e9), {one.id: place for place, one in enumerate(models)})


def routed_by(router: AutoRouter, outlook: Outlook | None = None, **fields: Any) -> Plan:  # noqa: ANN401 - any field of a request
    routes = Routes(SNAPSHOT, pickers=router.pickers())
    return make_plan(a_request(**{"model": "turnout/auto", **fields}), routes, outlook or Outlook({}, Random(1)))


def taught() -> AutoRouter:
    router = AutoRouter()
    router.learned = {"openrouter/auto": learned()}
    return router


def models_of(plan: Plan) -> list[str]:
    return [one.model.id for one in plan.candidates]


def routed(plan: Plan) -> Routed:
    assert plan.routed is not None
    return plan.routed


def test_without_anything_learned_the_order_is_one_of_benchmarks_and_prices() -> None:
    plan = routed_by(AutoRouter())
    assert routed(plan).reason == "prior"
    assert models_of(plan) == prior_order([SMART, PLAIN], 5)
    assert prior_order([PLAIN, SMART], 0) == ["acme/smart", "acme/plain"]
    assert prior_order([SMART, PLAIN], 10) == ["acme/plain", "acme/smart"]


@pytest.mark.parametrize("how", ["slow", "broken"])
def test_a_brain_that_is_slow_or_fails_is_done_without_and_left_alone_for_a_while(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = decide.decide, list[float]()

    def hampered(*arguments: Any) -> Any:  # noqa: ANN401 - those of a decision
        asked.append(0)
        if how == "broken":
            raise ValueError
        time.sleep(0.06)
        return real(*arguments)

    monkeypatch.setattr(decide, "decide", hampered)
    router, reported = taught(), list[Exception]()
    router.report = reported.append
    for now in (1.0, 2.0, 3.0, 4.0, 5.0):
        plan = routed_by(router, Outlook({}, Random(1), now=now))
        assert routed(plan).reason == "prior"
        assert models_of(plan) == prior_order([SMART, PLAIN], 5)
    assert len(asked) == 3
    routed_by(router, Outlook({}, Random(1), now=100.0))
    assert len(asked) == 4
    assert bool(reported) is (how == "broken")


def test_needs_of_the_request_leave_only_models_that_have_them() -> None:
    function = {"type": "function", "function": {"name": "f"}}
    assert models_of(routed_by(taught(), tools=[function])) == ["acme/smart"]
    assert models_of(routed_by(taught(), response_format={"type": "json_object"})) == ["acme/smart"]
    long = [{"role": "user", "content": "word " * 10_000}]
    assert models_of(routed_by(taught(), messages=long)) == ["acme/smart"]
    assert models_of(routed_by(taught(), provider={"max_price": {"prompt": 2}})) == ["acme/plain"]


def test_a_model_in_an_outage_is_left_while_others_are() -> None:
    down = {SMART.endpoints[0].id: Vitals(outage=True)}
    assert models_of(routed_by(taught(), Outlook(down, Random(1)))) == ["acme/plain"]


def test_free_variants_are_chosen_where_they_are_named_or_nothing_else_is_left() -> None:
    assert "acme/gift:free" not in models_of(routed_by(taught()))
    assert [one.id for one in allowed([GIFT], AutoWishes())] == ["acme/gift:free"]
    assert allowed([SMART, GIFT], AutoWishes(allowed_models=["*:free"])) == [GIFT]


def test_a_pattern_may_have_a_thousand_letters_or_none() -> None:
    check_auto_entry({"id": Raw(b'"auto-router"'), "excluded_models": Raw(encode(["z" * 1024, ""]))})
    with pytest.raises(BadRequest):
        check_auto_entry({"id": Raw(b'"auto-router"'), "excluded_models": Raw(encode(["z" * 1025]))})


def test_the_message_of_an_empty_result_is_exact() -> None:
    with pytest.raises(NoEndpoints, match=r"^No models match your request and model restrictions$"):
        routed_by(taught(), plugins=[{"id": "auto-router", "allowed_models": ["other/*"]}])


def test_experience_of_the_account_alone_decides() -> None:
    router = taught()
    rows = [Heard("translation", "acme/plain", 1.0)] * 4 + [Heard("translation", "acme/smart", 0.0)] * 4
    router.learn("mine", experience_of(rows))
    messages = [{"role": "user", "content": "Translate into French: good morning"}]
    plugins = [{"id": "auto-router", "cost_quality_tradeoff": 0}]
    mine = routed_by(router, Outlook({}, Random(1), account_id="mine"), messages=messages, plugins=plugins)
    other = routed_by(router, Outlook({}, Random(1), account_id="other"), messages=messages, plugins=plugins)
    assert (models_of(mine)[0], routed(mine).reason) == ("acme/plain", "experience")
    assert models_of(other)[0] == "acme/smart"
    assert routed(other).reason == "catalog"


def test_exploring_draws_and_records_its_chance() -> None:
    router = taught()
    router.policies = {"openrouter/auto": AutoPolicy(explore=0.5)}
    drawn = [routed(routed_by(router, Outlook({}, Random(seed)))) for seed in range(40)]
    assert {one.models[0] for one in drawn} == {"acme/smart", "acme/plain"}
    assert {(one.reason == "explored", one.propensity) for one in drawn} == {(True, 0.25), (False, 0.75)}


def test_the_operator_s_word_holds_where_overriding_is_prevented() -> None:
    router = taught()
    router.defaults, router.fixed = AutoWishes(allowed_models=["acme/plain"]), True
    plugins = [{"id": "auto-router", "allowed_models": ["acme/smart"]}]
    assert models_of(routed_by(router, plugins=plugins)) == ["acme/plain"]
    router.fixed = False
    assert models_of(routed_by(router, plugins=plugins)) == ["acme/smart"]


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=40))
def test_bands_rise_with_prices_and_the_dearest_is_in_the_last(amounts: list[int]) -> None:
    models = [_model(f"acme/m{place}", f"{amount}e-12", 1.0) for place, amount in enumerate(amounts)]
    bands = bands_of(models)
    if len(models) == 1:
        assert set(bands.values()) == {None}
        return
    places = [
        BANDS.index(band)
        for _, name in sorted((amount, f"acme/m{n}") for n, amount in enumerate(amounts))
        if (band := bands[name])
    ]
    assert places == sorted(places)
    if amounts.count(max(amounts)) == 1:
        assert places[-1] == 4
    assert places[0] == 0


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ('[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]', "c"),
        ('[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}}]}]', "a\n"),
        ('[{"role":"system","content":"a"}]', ""),
        ('[{"role":"user","content":null}]', ""),
        ('[{"role":"user","content":5}]', ""),
        ("[1]", ""),
        ("[" * 5_000, ""),
    ],
)
def test_the_last_text_of_the_user_is_what_counts(messages: str, text: str) -> None:
    assert text_in(messages.encode()) == text


CLOSED = a_model(
    "acme/closed",
    [an_endpoint("locked", "acme/closed", pricing=prices("0.00002"))],
    benchmarks=Benchmarks(intelligence_index=70.0),
)
WIDER = a_snapshot([SMART, PLAIN, CLOSED], [a_provider("one"), replace(a_provider("locked"), usable=False)])


def _routed_with(slug: str, router: AutoRouter, wishes: Mapping[str, object] | None = None, **terms: Any) -> Plan:  # noqa: ANN401 - any field of a credential
    credential = Credential(
        id="c", account_id="ann", provider=slug, label="", sealed=b"", created=0, updated=0, **terms
    )
    way = OwnWay(credential, replace(a_provider(slug), usable=True), f"{slug}#c")
    request = a_request(
        model="turnout/auto", plugins=[{"id": "auto-router", "cost_quality_tradeoff": 0, **(wishes or {})}]
    )
    return make_plan(request, Routes(WIDER, pickers=router.pickers()), Outlook({}, Random(1), own={slug: (way,)}))


@pytest.mark.parametrize("known", [True, False])
def test_models_that_only_the_caller_s_own_credential_reaches_may_be_chosen(known: bool) -> None:  # noqa: FBT001 - a parameter of the test
    router = taught() if known else AutoRouter()
    if known:
        brains = {"openrouter/auto": learned().brain}
        router.wider[frozenset({"locked"})] = slated(brains, Routes(WIDER), 1.8e9, frozenset({"locked"}))
    plan = _routed_with("locked", router)
    assert models_of(plan)[0] == "acme/closed"
    assert plan.candidates[0].credential is not None
    assert (routed(plan).reason != "prior") is known
    top = {"cost_tier": "max"}
    assert models_of(_routed_with("locked", router, top)) == ["acme/closed"]
    assert "acme/closed" not in models_of(_routed_with("one", router))


def test_what_a_credential_is_not_for_is_not_chosen() -> None:
    others = frozenset({"acme/plain"})
    assert "acme/closed" not in models_of(_routed_with("locked", taught(), models=others))
    assert models_of(_routed_with("one", taught(), models=others, byok_only=True)) == ["acme/plain"]


async def test_own_credentials_have_their_models_prepared_once() -> None:
    router, asked = taught(), list[frozenset[str]]()
    router.learn("ann", experience_of(()))

    async def prepare(_account_id: str, opened: frozenset[str]) -> None:
        asked.append(opened)
        router.wider[opened] = {}

    router.prepare = prepare
    for opened in (frozenset[str](), frozenset({"locked"}), frozenset({"locked"})):
        await router.ready("ann", opened)
    assert asked == [{"locked"}]


def test_a_request_that_names_a_model_after_the_router_did_is_a_sign_unless_it_was_judged() -> None:
    signs, decision = Signs(), Routed(router="turnout/auto", task="math", tasks=(("math", 1.0),))
    request = a_request(model="turnout/auto")

    def heard(
        name: str, decided: Routed | None, now: float, *, sound: bool | None = None, healed: bool = False
    ) -> None:
        signs.heard(Outcome("mine", "k", name, request, f"m/{name}", decided, sound, healed, now, 1.0))

    heard("one", decision, 1.0)
    heard("two", None, 2.0)
    assert [(one.source, one.model, one.tasks) for one in signs.take()] == [("switched", "m/one", '[["math",1.0]]')]
    heard("three", decision, 3.0)
    signs.judged("three")
    heard("four", decision, 4.0)
    assert signs.take() == []
    heard("five", decision, 1e6, sound=False, healed=True)
    assert [one.source for one in signs.take()] == ["tool_calls", "json"]
    assert signs.prompt("mine", "two") == bytes(request.fields["messages"])
    assert signs.prompt("other", "two") is None
