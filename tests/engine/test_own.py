"""The caller's own credentials in plans."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from examples import a_model, a_provider, a_request, a_snapshot, an_endpoint, prices
from turnout.base.errors import NoEndpoints
from turnout.domain.catalog import Model
from turnout.domain.credential import Credential
from turnout.domain.provider import Policy
from turnout.domain.routing import Outlook, OwnWay, Plan
from turnout.engine.afford import exposure
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes

_PROVIDERS = [
    a_provider("one"),
    a_provider("two"),
    replace(a_provider("locked"), usable=False),
    replace(a_provider("strict"), policy=Policy(zdr=True)),
]


def _offer(model: str, **priced: str) -> Model:
    return a_model(model, [an_endpoint(slug, model, pricing=prices(price, price)) for slug, price in priced.items()])


_MODELS = [
    _offer("acme/tiny", one="0.001", two="0.002", locked="0.003"),
    _offer("acme/big", two="0.005", strict="0.009"),
    _offer("acme/closed", locked="0.001"),
]
ROUTES = Routes(a_snapshot(_MODELS, _PROVIDERS))


def way(slug: str, name: str = "", **fields: Any) -> OwnWay:  # noqa: ANN401 - any field of a credential
    credential = Credential(
        id=name or slug, account_id="ann", provider=slug, label="", sealed=b"", created=0.0, updated=0.0, **fields
    )
    return OwnWay(credential, replace(a_provider(slug), usable=True), f"{slug}#{name}")


def planned(*ways: OwnWay, **fields: Any) -> Plan:  # noqa: ANN401 - any field of a request
    own: Mapping[str, tuple[OwnWay, ...]] = {}
    for one in ways:
        slug = one.credential.provider
        own = {**own, slug: (*own.get(slug, ()), one)}
    return make_plan(a_request(**fields), ROUTES, Outlook({}, Random(1), own=own))


def names(plan: Plan) -> list[str]:
    """Providers in the order of the plan, own ones with their credential."""
    return [f"{one.provider.slug}{f'#{one.credential.id}' if one.credential else ''}" for one in plan.candidates]


def test_prioritised_ones_come_before_the_gateways_and_fallbacks_after_them() -> None:
    plan = planned(way("two", "b", fallback=True), way("two", "a"), way("one", "c", fallback=True))
    assert names(plan)[0] == "two#a"
    assert sorted(names(plan)[1:3]) == ["one", "two"]
    assert sorted(names(plan)[3:]) == ["one#c", "two#b"]
    assert plan.candidates[0].access == "two#a"
    assert {one.access for one in plan.candidates[1:3]} == {"one", "two"}


def test_several_of_a_provider_are_tried_in_their_order() -> None:
    assert names(planned(way("two", "x"), way("two", "a"), way("two", "m")))[:3] == ["two#x", "two#a", "two#m"]


def test_an_explicit_order_does_not_come_before_them() -> None:
    assert names(planned(way("two"), provider={"order": ["one"]})) == ["two#two", "one", "two"]


def test_they_open_providers_that_the_gateway_has_no_credential_for() -> None:
    with pytest.raises(NoEndpoints):
        planned(model="acme/closed")
    plan = planned(way("locked"), model="acme/closed")
    assert names(plan) == ["locked#locked"]
    assert plan.excluded == ()
    assert names(planned(way("locked", fallback=True)))[-1] == "locked#locked"


def test_each_model_of_a_list_has_its_own_first() -> None:
    plan = planned(way("two"), models=["acme/tiny", "acme/big"], model=None)
    assert [(one.model.id, one.credential is not None) for one in plan.candidates] == [
        ("acme/tiny", True), ("acme/tiny", False), ("acme/tiny", False),
        ("acme/big", True), ("acme/big", False), ("acme/big", False),
    ]  # fmt: skip


def test_they_are_used_for_their_models_only() -> None:
    only_big = way("two", models=("acme/big",))
    assert "two#two" not in names(planned(only_big))
    assert names(planned(only_big, model="acme/big"))[0] == "two#two"


def test_filters_hold_for_them_too() -> None:
    plan = planned(way("two"), model="acme/big", provider={"zdr": True})
    assert names(plan) == ["strict"]


def test_required_ones_shut_out_the_gateways_for_their_models_and_byok_only_for_all() -> None:
    required = way("two", required=True, models=("acme/tiny",))
    assert names(planned(required)) == ["two#two", "one"]
    assert "two" in names(planned(required, model="acme/big"))
    only = way("two", byok_only=True, models=("acme/tiny",))
    plan = planned(only, model="acme/big")
    assert names(plan) == ["strict"]
    assert [entry.reason for entry in plan.excluded] == ["byok_only"]
    with pytest.raises(NoEndpoints) as caught:
        planned(only, model="acme/big", provider={"only": ["two"]})
    assert caught.value.availability is not None


def test_without_fallbacks_only_the_first_is_tried() -> None:
    assert names(planned(way("two"), provider={"allow_fallbacks": False})) == ["two#two"]


def test_what_is_billed_elsewhere_needs_no_budget_here() -> None:
    request = a_request(model="acme/closed", max_tokens=10)
    plan = planned(way("locked"), model="acme/closed", max_tokens=10)
    assert exposure(plan, request).cost == 0
    assert exposure(plan, request, own=True).cost > 0
