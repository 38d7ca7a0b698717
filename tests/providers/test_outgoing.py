from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import a_provider, a_request, an_endpoint
from turnout.api.chat import ChatSurface
from turnout.base.secrets import Secret
from turnout.contracts.provider import Outgoing
from turnout.domain.provider import Capabilities
from turnout.providers.openai import OpenAIAdapter

GATEWAY_FIELDS = {
    "models": ["acme/tiny"],
    "provider": {"only": ["acme"]},
    "plugins": [],
    "route": "fallback",
    "preset": "mine",
    "session_id": "s",
    "trace": {},
    "transforms": [],
    "usage": {"include": True},
    "metadata": {"a": "b"},
    "debug": {"echo_upstream_body": True},
    "cache_control": {"type": "ephemeral"},
    "include_reasoning": True,
    "stream_options": {"include_usage": False},
    "max_tool_calls": 3,
    "image_config": {},
    "prompt": "x",
}


def sent(capabilities: Capabilities | None = None, parameters: tuple[str, ...] | None = None, **fields: object) -> Any:  # noqa: ANN401 - JSON
    return json.loads(outgoing(capabilities, parameters, **fields).body)


def outgoing(
    capabilities: Capabilities | None = None, parameters: tuple[str, ...] | None = None, **fields: object
) -> Outgoing:
    adapter = OpenAIAdapter(a_provider(capabilities=capabilities or Capabilities()), lambda: 0.0)
    return adapter.outgoing(a_request(**fields), an_endpoint(supported_parameters=parameters))


def test_the_provider_reads_its_own_name_of_the_model() -> None:
    assert sent()["model"] == "tiny-1"
    assert sent(model=..., models=["acme/tiny"])["model"] == "tiny-1"


@pytest.mark.parametrize("asked", [..., "auto", "priority"])
def test_an_endpoint_of_a_service_tier_is_asked_for_that_tier(asked: object) -> None:
    adapter = OpenAIAdapter(a_provider(), lambda: 0.0)
    body = adapter.outgoing(a_request(service_tier=asked), an_endpoint(service_tier="flex")).body
    assert json.loads(body)["service_tier"] == "flex"
    assert sent(service_tier=asked).get("service_tier", ...) == asked


@pytest.mark.parametrize("name", GATEWAY_FIELDS)
def test_what_is_meant_for_the_gateway_stays_here(name: str) -> None:
    assert name not in sent(**{name: GATEWAY_FIELDS[name]})  # type: ignore[arg-type]  # fields by parameter


UNKNOWN = st.dictionaries(
    st.from_regex(r"x_[a-z]{1,8}", fullmatch=True),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5
    ),
    max_size=4,
)


@given(UNKNOWN, st.booleans())
def test_unknown_fields_go_on_byte_for_byte(fields: dict[str, object], ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    spelled = {name: json.dumps(value, indent=1, ensure_ascii=ascii_only) for name, value in fields.items()}
    members = "".join(f',"{name}":{text}' for name, text in spelled.items())
    messages = '[ {"role" :"user", "content":"caf\\u00e9 \\/ 1.0"} ]'
    body = f'{{"model":"acme/tiny","messages":{messages}{members}}}'.encode()
    made = OpenAIAdapter(a_provider(), lambda: 0.0).outgoing(ChatSurface().decode(body), an_endpoint())
    assert messages.encode() in made.body
    for name, text in spelled.items():
        assert f'"{name}":{text}'.encode() in made.body
    assert json.loads(made.body).keys() == {"model", "messages", *fields}


@pytest.mark.parametrize("number", ["1.0", "1e0", "0.70000000000000006661338147750939", "-0.0", "18446744073709551616"])
def test_numbers_are_not_written_anew(number: str) -> None:
    body = b'{"model":"acme/tiny","messages":[{"role":"user","content":"x"}],"x_number":%b}' % number.encode()
    made = OpenAIAdapter(a_provider(), lambda: 0.0).outgoing(ChatSurface().decode(body), an_endpoint())
    assert b'"x_number":%b' % number.encode() in made.body


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("asked", ["max_tokens", "max_completion_tokens"])
def test_the_output_limit_goes_under_the_providers_name(asked: str, field: Any) -> None:  # noqa: ANN401 - a literal
    body = sent(Capabilities(max_tokens_field=field), **{asked: 7})  # type: ignore[arg-type]  # fields by parameter
    assert {name: body[name] for name in body if name.startswith("max_")} == {field: 7}


def test_usage_is_asked_of_streams_where_the_provider_takes_it() -> None:
    assert sent(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in sent(stream=False)
    assert "stream_options" not in sent(Capabilities(stream_usage=False), stream=True)


def test_parameters_that_the_provider_refuses_are_dropped_and_named() -> None:
    made = outgoing(Capabilities(drop=frozenset({"seed", "top_k", "unsent"})), seed=1, top_k=2, temperature=1)
    body = json.loads(made.body)
    assert made.dropped == ("seed", "top_k")
    assert body.keys() == {"model", "messages", "temperature"}


def test_tuning_that_the_endpoint_lacks_is_dropped_and_named_but_no_contract_is() -> None:
    made = outgoing(
        parameters=("temperature",), temperature=1, seed=2, tools=[], response_format={"type": "text"}, x_y=1
    )
    assert made.dropped == ("seed",)
    assert json.loads(made.body).keys() == {"model", "messages", "temperature", "tools", "response_format", "x_y"}


def test_the_names_of_dropped_parameters_stand_in_the_same_order_each_time() -> None:
    fields = {"seed": 1, "top_k": 2, "min_p": 0.1, "logit_bias": {}, "presence_penalty": 1}
    made = outgoing(Capabilities(drop=frozenset({"seed"})), (), **fields)
    assert list(made.dropped) == ["seed", *sorted(fields.keys() - {"seed"})]


def test_nothing_is_filled_in_that_the_client_left_out() -> None:
    assert sent().keys() == {"model", "messages"}


def test_the_head_carries_the_credential_and_ends_where_the_length_begins() -> None:
    provider = a_provider(
        base_url="https://api.acme.example/openai/v1", credential=Secret("sk-1"), headers=(("X-Org", "a"),)
    )
    head = OpenAIAdapter(provider, lambda: 0.0).outgoing(a_request(), an_endpoint()).head.decode()
    lines = head.split("\r\n")
    assert lines[0] == "POST /openai/v1/chat/completions HTTP/1.1"
    assert lines[-1] == "Content-Length: "
    assert {"Host: api.acme.example", "Authorization: Bearer sk-1", "X-Org: a", "Accept-Encoding: identity"} <= set(
        lines
    )


def test_a_name_in_the_address_is_no_part_of_the_host() -> None:
    provider = a_provider(base_url="http://someone:canary@127.0.0.1:9/v1")
    head = OpenAIAdapter(provider, lambda: 0.0).outgoing(a_request(), an_endpoint()).head
    assert b"Host: 127.0.0.1:9\r\n" in head
    assert b"canary" not in head


def test_a_provider_without_a_credential_gets_none() -> None:
    head = OpenAIAdapter(a_provider(), lambda: 0.0).outgoing(a_request(), an_endpoint()).head
    assert b"uthorization" not in head


@pytest.mark.parametrize(
    "fields",
    [
        {"credential": Secret("sk-1\r\nX-Evil: 1")},
        {"headers": (("X-Org", "a\nb"),)},
        {"headers": (("X-Org\r\nX-Evil", "a"),)},
        {"base_url": "http://a.example/\x00"},
    ],
)
def test_control_characters_never_become_part_of_a_head(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="control characters"):
        OpenAIAdapter(a_provider(**fields), lambda: 0.0)


def test_a_complaint_about_a_credential_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="acme") as caught:
        OpenAIAdapter(a_provider(credential=Secret("sk-canary\n")), lambda: 0.0)
    assert "canary" not in str(caught.value)


def test_client_headers_and_keys_are_never_sent_on() -> None:
    made = outgoing(user="u")
    assert b"acme/tiny" not in made.head + made.body
