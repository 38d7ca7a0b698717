from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest

from examples import a_candidate, a_model, a_provider, a_request, an_endpoint, prices
from turnout.base.errors import BadRequest
from turnout.domain.provider import Policy
from turnout.domain.routing import Candidate
from turnout.engine.filters import exclusion, is_named


def judged(candidate: Candidate, **preferences: object) -> str | None:
    return exclusion(candidate, a_request(provider=preferences))


@pytest.mark.parametrize("name", ["deepinfra", "DeepInfra", "deepinfra/turbo", "DEEPINFRA/Turbo", "Deep Infra"])
def test_an_endpoint_is_named_by_slug_tag_or_display_name_in_any_case(name: str) -> None:
    endpoint = an_endpoint("deepinfra", tag="deepinfra/turbo")
    candidate = Candidate(a_model("acme/tiny", [endpoint]), endpoint, a_provider("deepinfra", name="Deep Infra"))
    assert is_named(candidate, name)


@pytest.mark.parametrize("name", ["", "deep", "deepinfra/", "deepinfra/fast", "deepinfra/turbo/x", "other"])
def test_other_names_mean_another_endpoint(name: str) -> None:
    assert not is_named(a_candidate("deepinfra", tag="deepinfra/turbo"), name)


def test_an_endpoint_without_a_credential_is_out_whatever_is_asked() -> None:
    endpoint = an_endpoint()
    candidate = Candidate(a_model("acme/tiny", [endpoint]), endpoint, a_provider(usable=False))
    assert exclusion(candidate, a_request()) == "no_credential"
    assert judged(candidate, only=["nobody"]) == "no_credential"


@pytest.mark.parametrize(
    ("preferences", "reason"),
    [
        ({}, None),
        ({"only": ["acme"]}, None),
        ({"only": ["other"]}, "allowed_providers"),
        ({"only": []}, "allowed_providers"),
        ({"ignore": ["acme"]}, "ignored_providers"),
        ({"ignore": ["other"]}, None),
        ({"only": ["acme"], "ignore": ["acme"]}, "ignored_providers"),
        ({"order": ["other"]}, None),
        ({"order": ["other"], "allow_fallbacks": True}, None),
        ({"order": ["other"], "allow_fallbacks": False}, "allow_fallbacks"),
        ({"order": ["other", "acme"], "allow_fallbacks": False}, None),
        ({"allow_fallbacks": False}, None),
    ],
)
def test_lists_of_providers_choose(preferences: dict[str, object], reason: str | None) -> None:
    assert judged(a_candidate("acme"), **preferences) == reason


@pytest.mark.parametrize(
    ("has", "wanted", "fits"),
    [
        ("fp8", ["fp8"], True),
        ("fp8", ["fp16", "fp8"], True),
        ("fp8", ["fp16"], False),
        ("mxfp8", ["fp8"], True),
        ("mxfp4", ["fp4"], True),
        ("nvfp4", ["fp4"], True),
        ("fp4", ["mxfp4"], False),
        ("fp8", ["fp4"], False),
        (None, ["fp8"], False),
        (None, ["unknown"], True),
        ("unknown", ["unknown"], True),
        ("bf16", ["unknown"], False),
        ("fp8", [], False),
    ],
)
def test_quantizations_are_matched_by_family(has: str | None, wanted: list[str], fits: bool) -> None:  # noqa: FBT001 - a column
    reason = judged(a_candidate(quantization=has), quantizations=wanted)
    assert reason == (None if fits else "quantization")


UNKNOWN, KEEPS, FORGETS = Policy(), Policy(data_collection="allow", zdr=False), Policy(data_collection="deny", zdr=True)


@pytest.mark.parametrize(
    ("policy", "preferences", "reason"),
    [
        (UNKNOWN, {"data_collection": "deny"}, "data_policy:training"),
        (KEEPS, {"data_collection": "deny"}, "data_policy:training"),
        (FORGETS, {"data_collection": "deny"}, None),
        (UNKNOWN, {"data_collection": "allow"}, None),
        (KEEPS, {"data_collection": "allow"}, None),
        (UNKNOWN, {"zdr": True}, "data_policy:zdr"),
        (KEEPS, {"zdr": True}, "data_policy:zdr"),
        (FORGETS, {"zdr": True}, None),
        (KEEPS, {"zdr": False}, None),
    ],
)
def test_an_unknown_data_policy_counts_as_the_worse(
    policy: Policy, preferences: dict[str, object], reason: str | None
) -> None:
    assert judged(a_candidate(policy=policy), **preferences) == reason


def test_the_policy_of_an_endpoint_comes_before_that_of_its_provider() -> None:
    def candidate(own: Policy | None) -> Candidate:
        endpoint = an_endpoint(policy=own)
        return Candidate(a_model("acme/tiny", [endpoint]), endpoint, a_provider(policy=KEEPS))

    assert judged(candidate(FORGETS), zdr=True) is None
    assert judged(candidate(None), zdr=True) == "data_policy:zdr"


@pytest.mark.parametrize("limit", [3, 3.0, "3", "3.0", "3e0", "3.000000000000"])
@pytest.mark.parametrize("name", ["prompt", "input"])
def test_a_price_cap_may_be_a_number_or_a_text_under_either_name_and_is_met_exactly(name: str, limit: object) -> None:
    assert judged(a_candidate(prompt="0.000003"), max_price={name: limit}) is None
    assert judged(a_candidate(prompt="0.000003000001"), max_price={name: limit}) == "max_price"


@pytest.mark.parametrize(
    ("pricing", "cap", "fits"),
    [
        ({"completion": "0.000003"}, {"completion": 3}, True),
        ({"completion": "0.000004"}, {"output": "3"}, False),
        ({"prompt": "1", "completion": "1"}, {}, True),
        ({"request": "0.01"}, {"request": 0.01}, True),
        ({"request": "0.01"}, {"request": 0.009}, False),
        ({"image": "0.5"}, {"image": 0.4}, False),
        ({}, {"image": 0, "request": 0, "prompt": 0, "completion": 0, "audio": 0}, True),
        ({"prompt": "0.0000001"}, {"prompt": 0.1}, True),
        ({"prompt": "0.0000003"}, {"prompt": 0.3}, True),
        ({"prompt": "0.000000000001"}, {"prompt": "0"}, False),
        ({"prompt": "0.000003"}, {"prompt": 3, "input": 1}, True),
    ],
)
def test_price_caps_count_tokens_by_the_million_and_the_rest_by_the_piece(
    pricing: dict[str, str],
    cap: dict[str, object],
    fits: bool,  # noqa: FBT001 - a column
) -> None:
    endpoint = an_endpoint(pricing=prices(**pricing))
    candidate = Candidate(a_model("acme/tiny", [endpoint]), endpoint, a_provider())
    assert judged(candidate, max_price=cap) == (None if fits else "max_price")


@pytest.mark.parametrize("limit", ["", "cheap", "nan", "inf", "-1", "1/3", "0x10", "1e", "--1"])
def test_a_price_cap_that_is_no_amount_is_a_bad_request(limit: str) -> None:
    with pytest.raises(BadRequest, match="max_price"):
        judged(a_candidate(), max_price={"prompt": limit})


@pytest.mark.parametrize("limit", ["1e999999999", "1e-999999999", "9" * 100_000, "0." + "0" * 100_000 + "1"])
def test_a_huge_price_cap_costs_no_time(limit: str) -> None:
    began = time.thread_time()
    with suppress(BadRequest):
        judged(a_candidate(), max_price={"prompt": limit})
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({"temperature": 1}, True),
        ({"temperature": 1, "max_tokens": 5}, True),
        ({"tools": []}, False),
        ({"seed": 1}, False),
        ({"reasoning": {"effort": "low"}}, False),
        ({"user": "x", "unheard_of": 1, "stream": True, "models": ["acme/tiny"]}, True),
    ],
)
def test_required_parameters_must_all_be_supported(fields: dict[str, object], fits: bool) -> None:  # noqa: FBT001 - a column
    candidate = a_candidate(supported_parameters=("temperature", "max_tokens"))
    request = a_request(provider={"require_parameters": True}, **fields)
    assert exclusion(candidate, request) == (None if fits else "require_parameters")
    assert exclusion(candidate, a_request(**fields)) is None


def test_an_endpoint_that_states_no_parameters_supports_all() -> None:
    request = a_request(provider={"require_parameters": True}, tools=[], seed=1)
    assert exclusion(a_candidate(supported_parameters=None), request) is None


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_an_endpoint_that_cannot_write_as_much_is_out(name: str) -> None:
    fields: dict[str, Any] = {name: 101}
    assert exclusion(a_candidate(max_completion_tokens=100), a_request(**fields)) == "max_tokens"
    assert exclusion(a_candidate(max_completion_tokens=101), a_request(**fields)) is None
    assert exclusion(a_candidate(max_completion_tokens=None), a_request(**fields)) is None


def test_only_a_prompt_that_cannot_fit_by_any_count_is_out() -> None:
    def asked(characters: int) -> str | None:
        request = a_request(messages=[{"role": "user", "content": "x" * characters}])
        return exclusion(a_candidate(context_length=1_000), request)

    assert asked(3_000) is None
    assert asked(100_000) == "context_length"
