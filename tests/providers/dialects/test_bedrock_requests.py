"""Bedrock: what a chat request becomes for each family of models, and how it is signed."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from examples import a_provider, a_request, an_endpoint
from turnout.base.errors import BadRequest, UpstreamError
from turnout.base.secrets import Secret
from turnout.contracts.provider import Fetched, Outgoing, Outside
from turnout.domain.provider import Provider
from turnout.providers.dialects.bedrock import DIALECT, BedrockAdapter
from turnout.providers.dialects.bedrock.families import family_of

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD_CLAUDE = "anthropic.claude-3-5-haiku-20241022-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
QWEN = "qwen.qwen3-32b-v1:0"
MOMENT = 1_780_000_000.0
PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0xLjQ="
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "now", "description": "Tells the time.", "parameters": {}},
}
SPEC = {
    "toolSpec": {
        "name": "now",
        "description": "Tells the time.",
        "inputSchema": {"json": {"type": "object", "properties": {}}},
    }
}
CALL: dict[str, Any] = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
LOOP: list[dict[str, Any]] = [
    {"role": "user", "content": "What time is it?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "reply", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
}


async def _fetch(_: str) -> Fetched:
    raise AssertionError("nothing is fetched")


async def _post(*_: object) -> tuple[int, bytes]:
    raise AssertionError("nothing is posted")


OUTSIDE = Outside(lambda: MOMENT, _fetch, _post)


def provider(**fields: Any) -> Provider:  # noqa: ANN401 - any field of a provider
    usual: dict[str, Any] = {"base_url": "https://bedrock-runtime.eu-west-1.amazonaws.com"}
    return a_provider("bedrock", dialect="bedrock", **(usual | fields))


def sent(model: str, supported: tuple[str, ...] | None = None, **fields: object) -> Outgoing:
    adapter = BedrockAdapter(provider(credential=Secret("an-api-key")), OUTSIDE)
    endpoint = an_endpoint("bedrock", upstream_model=model, supported_parameters=supported)
    return adapter.outgoing(a_request(**fields), endpoint)


def body(model: str, **fields: Any) -> Any:  # noqa: ANN401 - JSON
    return json.loads(sent(model, **fields).body)


# -- addresses and credentials --


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-west-1", "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("evil.example/", ""),
        (None, ""),
    ],
)
def test_the_address_is_made_of_the_region(region: str | None, address: str) -> None:
    assert DIALECT.address is not None
    assert DIALECT.address(provider(base_url="", region=region)) == address


def test_a_provider_is_usable_with_a_key_or_with_a_pair_and_a_region() -> None:
    assert DIALECT.usable is not None
    pair = {"access_key_id": Secret("AKID"), "secret_access_key": Secret("hidden")}
    assert DIALECT.usable(provider(credential=Secret("k")))
    assert DIALECT.usable(provider(**pair))  # the host names the region
    assert DIALECT.usable(provider(**pair, region="us-east-1", base_url="http://127.0.0.1:9"))
    assert not DIALECT.usable(provider(**pair, base_url="http://127.0.0.1:9"))
    assert not DIALECT.usable(provider(access_key_id=Secret("AKID")))
    assert not DIALECT.usable(provider(credential=Secret("k"), base_url=""))


def test_nothing_of_the_environment_makes_it_usable() -> None:
    assert all(known.credential == () for known in DIALECT.providers)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (CLAUDE, "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse",
        ),
        ("a b\r\nX: y/../..", "/model/a%20b%0D%0AX%3A%20y%2F..%2F../converse"),
    ],
)
def test_any_name_of_a_model_is_one_segment_of_the_path(model: str, path: str) -> None:
    assert sent(model).head.startswith(f"POST {path} HTTP/1.1\r\n".encode())
    assert sent(model, stream=True).head.startswith(f"POST {path}-stream HTTP/1.1\r\n".encode())


def test_an_api_key_is_shown_as_it_is_and_wins() -> None:
    both = provider(credential=Secret("an-api-key"), access_key_id=Secret("AKID"), secret_access_key=Secret("hidden"))
    head = BedrockAdapter(both, OUTSIDE).outgoing(a_request(), an_endpoint("bedrock", upstream_model=CLAUDE)).head
    assert b"Authorization: Bearer an-api-key\r\n" in head
    assert b"AKID" not in head


def test_a_pair_signs_each_request_as_of_now() -> None:
    now = [MOMENT]
    outside = Outside(lambda: now[0], _fetch, _post)
    pair = provider(access_key_id=Secret("AKID"), secret_access_key=Secret("hidden"), session_token=Secret("a-session"))
    adapter, endpoint = BedrockAdapter(pair, outside), an_endpoint("bedrock", upstream_model=CLAUDE)
    heads = [adapter.outgoing(a_request(), endpoint).head]
    now[0] += 1
    heads.append(adapter.outgoing(a_request(), endpoint).head)
    heads.append(adapter.outgoing(a_request(temperature=0.5), endpoint).head)
    assert len(set(heads)) == 3
    for head in heads:
        assert b"Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260528/eu-west-1/bedrock/aws4_request, " in head
        assert b"SignedHeaders=host;x-amz-date;x-amz-security-token, " in head
        assert b"X-Amz-Security-Token: a-session\r\n" in head
        assert b"hidden" not in head
        assert head.endswith(b"\r\nContent-Length: ")


@pytest.mark.parametrize("fields", [{"region": "nowhere!"}, {"access_key_id": Secret("a\r\nb")}])
def test_what_cannot_be_signed_with_is_found_at_the_start(fields: dict[str, Any]) -> None:
    pair = {"access_key_id": Secret("AKID"), "secret_access_key": Secret("hidden")}
    with pytest.raises(ValueError, match="bedrock"):
        BedrockAdapter(provider(**(pair | fields)), OUTSIDE)


# -- conversations --


def test_turns_alternate_and_instructions_go_to_the_top() -> None:
    made = body(
        CLAUDE,
        messages=[
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "One."},
            {"role": "user", "content": "Two.", "name": "Ann"},
            {"role": "developer", "content": "Be brief."},
            {"role": "assistant", "content": "Three."},
            {"role": "assistant", "content": "Four."},
            {"role": "user", "content": [{"type": "text", "text": " "}, {"type": "text", "text": "Five."}]},
        ],
    )
    assert made["system"] == [{"text": "Be kind."}, {"text": "Be brief."}]
    assert made["messages"] == [
        {"role": "user", "content": [{"text": "One."}, {"text": "Ann: Two."}]},
        {"role": "assistant", "content": [{"text": "Three."}, {"text": "Four."}]},
        {"role": "user", "content": [{"text": "Five."}]},
    ]


def test_parallel_results_join_in_one_turn_with_their_failures() -> None:
    calls = [CALL | {"id": "a"}, CALL | {"id": "b"}]
    made = body(
        CLAUDE,
        messages=[
            {"role": "user", "content": "Go."},
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": "no", "is_error": True},
            {"role": "user", "content": "And?"},
        ],
        tools=[TOOL],
    )
    assert made["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}},
        {"toolResult": {"toolUseId": "b", "content": [{"text": "no"}], "status": "error"}},
        {"text": "And?"},
    ]


@pytest.mark.parametrize(("model", "turns"), [(CLAUDE, 5), (NOVA, 3), (LLAMA, 5), (MISTRAL, 5)])
def test_a_document_stands_beside_results_only_where_it_may(model: str, turns: int) -> None:
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}
    question = {"role": "user", "content": [{"type": "text", "text": "And this?"}, file]}
    made = body(model, messages=[*LOOP, question], tools=[TOOL])
    assert len(made["messages"]) == turns
    assert [turn["role"] for turn in made["messages"]] == ["user", "assistant"] * (turns // 2) + ["user"]


def test_results_stay_json_for_mistral_where_they_are() -> None:
    def told(content: str) -> Any:  # noqa: ANN401 - JSON
        made = body(MISTRAL, messages=[*LOOP[:2], LOOP[2] | {"content": content}], tools=[TOOL])
        return made["messages"][2]["content"][0]["toolResult"]["content"]

    assert told('{"a": 1}') == [{"json": {"a": 1}}]
    assert told("{noon}") == [{"text": "{noon}"}]


def test_files_are_named_by_format_and_no_two_have_one_name() -> None:
    def document(name: str | None, url: str) -> dict[str, Any]:
        return {"type": "file", "file": {"file_data": url} | ({"filename": name} if name else {})}

    text = "data:text/plain;base64,aGk="
    parts = [
        document("My report (final).v2.pdf", PDF),
        document("My report (final).v2.pdf", PDF),
        document(None, text),
        document("notes.md", text),
        document("../../etc/passwd", text),
        document(None, "JVBERi0xLjQ="),
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
    ]
    blocks = body(NOVA, messages=[{"role": "user", "content": parts}])["messages"][0]["content"]
    assert blocks[0] == {"text": "."}  # no document without a word
    documents = [block["document"] for block in blocks if "document" in block]
    assert [(one["name"], one["format"]) for one in documents] == [
        ("My report (final)-v2", "pdf"),
        ("My report (final)-v2 (2)", "pdf"),
        ("Document 3", "txt"),
        ("notes", "md"),
        ("etc-passwd", "txt"),
        ("Document 6", "pdf"),
    ]
    assert blocks[-3:] == [
        {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
        {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
        {"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "s3://bucket/of-the-operator.png"}},
        {"type": "file", "file": {"file_data": "s3://bucket/of-the-operator.pdf"}},
        {"type": "video_url", "video_url": {"url": "s3://bucket/of-the-operator.mp4"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}},
        {"type": "file", "file": {"file_data": "data:application/zip;base64,AAAA"}},
    ],
)
def test_what_only_the_operators_account_could_read_or_no_model_takes_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(UpstreamError, match="does not take") as caught:
        body(CLAUDE, messages=[{"role": "user", "content": [part]}])
    assert (caught.value.elsewhere, caught.value.health) == ("endpoint", "ignored")


def test_marks_become_cache_points_where_there_are_any() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    long = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "Long.", **long}]},
        {"role": "user", "content": [{"type": "text", "text": "A", **mark}, {"type": "text", "text": "B"}]},
    ]
    made = body(CLAUDE, messages=messages, tools=[TOOL | mark])
    assert made["system"] == [{"text": "Long."}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert made["messages"][0]["content"] == [{"text": "A"}, {"cachePoint": {"type": "default"}}, {"text": "B"}]
    assert made["toolConfig"]["tools"] == [SPEC, {"cachePoint": {"type": "default"}}]
    assert body(NOVA, messages=messages, tools=[TOOL | mark])["toolConfig"]["tools"] == [SPEC]
    assert "cachePoint" not in json.dumps(body(LLAMA, messages=messages, tools=[TOOL | mark]))


def test_a_mark_on_the_request_is_one_at_its_end() -> None:
    mark = {"type": "ephemeral"}
    assert body(CLAUDE, cache_control=mark)["messages"][-1]["content"][-1] == {"cachePoint": {"type": "default"}}
    assert sent(LLAMA, cache_control=mark).dropped == ("cache_control",)


def test_thoughts_go_back_sealed_and_in_order() -> None:
    form = {"format": "anthropic-claude-v1"}
    wrapped = b64encode(b"EroBCkYIBxgCKkDQ").decode()
    details = [
        {"type": "reasoning.text", "text": "Two ", "index": 0, "format": "unknown"},
        {"type": "reasoning.text", "text": "pieces.", "index": 0, "format": "unknown"},
        {"type": "reasoning.text", "text": "", "signature": "c2ln", "index": 0, **form},
        {"type": "reasoning.encrypted", "data": wrapped, "index": 1, **form},
        {"type": "reasoning.encrypted", "data": "EroBCkYIBxgCKkDQ", "index": 2, **form},
        {"type": "reasoning.text", "text": "Unsealed.", "index": 3, "format": "unknown"},
        {"type": "reasoning.encrypted", "data": "x", "index": 4, "format": "openai-responses-v1"},
    ]
    messages = [LOOP[0], LOOP[1] | {"reasoning_details": details}, LOOP[2]]
    made = body(CLAUDE, messages=messages, tools=[TOOL], reasoning={"max_tokens": 2000}, max_tokens=8000)
    assert made["messages"][1]["content"][:-1] == [
        {"reasoningContent": {"reasoningText": {"text": "Two pieces.", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": wrapped}},
        {"reasoningContent": {"redactedContent": wrapped}},  # as Claude's own maker gives it
    ]
    assert made["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2000}}


def test_lost_thoughts_are_not_thought_on() -> None:
    outgoing = sent(CLAUDE, messages=LOOP, tools=[TOOL], reasoning={"max_tokens": 2000}, max_tokens=8000)
    made = json.loads(outgoing.body)
    assert "additionalModelRequestFields" not in made
    assert made["inferenceConfig"] == {"maxTokens": 8000}
    assert outgoing.dropped == ("reasoning",)


def test_ids_of_other_providers_are_made_to_fit() -> None:
    strange = "call|1/" + "x" * 100
    messages = [
        LOOP[0],
        {"role": "assistant", "tool_calls": [CALL | {"id": strange}]},
        LOOP[2] | {"tool_call_id": strange},
    ]
    made = body(CLAUDE, messages=messages, tools=[TOOL])
    call = made["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert call == made["messages"][2]["content"][0]["toolResult"]["toolUseId"]
    assert len(call) <= 64


# -- tools and structured answers --


@pytest.mark.parametrize(
    ("model", "choice", "expected"),
    [
        (CLAUDE, "auto", {"auto": {}}),
        (CLAUDE, "required", {"any": {}}),
        (NOVA, {"type": "function", "function": {"name": "now"}}, {"tool": {"name": "now"}}),
        (LLAMA, "auto", None),
        (LLAMA, "required", {"any": {}}),  # what it says to that is the client's to read
        (CLAUDE, None, None),
    ],
)
def test_choices_are_said_in_the_providers_words(model: str, choice: object, expected: object) -> None:
    config = body(model, tools=[TOOL], tool_choice=choice)["toolConfig"]
    assert config["tools"] == [SPEC]
    assert config.get("toolChoice") == expected


def test_forbidden_calls_leave_no_tools_unless_some_were_called() -> None:
    made = body(CLAUDE, tools=[TOOL], tool_choice="none")
    assert "toolConfig" not in made
    made = body(CLAUDE, messages=LOOP, tools=[TOOL], tool_choice="none")
    assert made["toolConfig"] == {"tools": [SPEC]}
    assert "Do not call" in made["system"][-1]["text"]
    made = body(CLAUDE, messages=LOOP)  # the provider refuses results without tools
    assert [tool["toolSpec"]["name"] for tool in made["toolConfig"]["tools"]] == ["now"]
    assert "Do not call" in made["system"][-1]["text"]


def test_one_call_at_a_time_is_asked_of_claudes_and_listed_for_others() -> None:
    own = body(CLAUDE, tools=[TOOL], parallel_tool_calls=False)["additionalModelRequestFields"]
    assert own == {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    assert sent(NOVA, tools=[TOOL], parallel_tool_calls=False).dropped == ("parallel_tool_calls",)


@pytest.mark.parametrize("model", [CLAUDE, QWEN, GPT, "google.gemma-3-27b-it", "moonshot.kimi-k2-thinking"])
def test_schemas_are_enforced_where_they_can_be(model: str) -> None:
    made = body(model, response_format=SCHEMA)
    told = made["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(told["schema"])["properties"] == {"n": {"type": "integer"}}
    assert "toolConfig" not in made


@pytest.mark.parametrize(
    ("model", "choice", "instructed"),
    [(OLD_CLAUDE, {"tool": {"name": "answer_in_json"}}, False), (NOVA, {"tool": {"name": "answer_in_json"}}, False),
     (LLAMA, None, True)],
)  # fmt: skip
def test_elsewhere_the_answer_is_the_input_of_a_tool(model: str, choice: object, instructed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    for wanted in (SCHEMA, {"type": "json_object"}):
        made = body(model, response_format=wanted)
        assert [tool["toolSpec"]["name"] for tool in made["toolConfig"]["tools"]] == ["answer_in_json"]
        assert made["toolConfig"].get("toolChoice") == choice
        assert ("system" in made) is instructed
    beside = body(NOVA, response_format=SCHEMA, tools=[TOOL])["toolConfig"]
    assert len(beside["tools"]) == 2
    assert beside["toolChoice"] == {"any": {}}


def test_bounds_that_cannot_be_enforced_are_told_to_the_model() -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "How many."},
            "s": {"type": "string", "minLength": 2},
            "l": {"type": "array", "items": {"type": "object"}, "minItems": 3},
        },
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    told = body(CLAUDE, response_format=wanted)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(told["schema"]) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "n": {"type": "integer", "description": "How many. (minimum: 1)"},
            "s": {"type": "string", "minLength": 2},
            "l": {
                "type": "array",
                "items": {"type": "object", "additionalProperties": False},
                "description": "(minItems: 3)",
            },
        },
    }


def test_tools_of_the_provider_are_passed_on_and_those_of_others_refused() -> None:
    own = {"systemTool": {"name": "nova_code_interpreter"}}
    assert body(NOVA_2, tools=[own, TOOL])["toolConfig"]["tools"] == [own, SPEC]
    computer = {"type": "computer_20250124", "name": "computer", "display_width_px": 10, "display_height_px": 10}
    assert body(CLAUDE, tools=[computer])["additionalModelRequestFields"] == {"tools": [computer]}
    with pytest.raises(UpstreamError, match="tools of type"):
        body(NOVA, tools=[{"type": "web_search_preview"}])


# -- parameters --


@pytest.mark.parametrize(
    ("model", "fields", "own"),
    [
        ("anthropic.claude-sonnet-4-6", {"reasoning": {"effort": "high"}},
         {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        (CLAUDE, {"reasoning": {"max_tokens": 10_000}}, {"thinking": {"type": "enabled", "budget_tokens": 10_000}}),
        (CLAUDE, {"reasoning": {"effort": "medium"}, "max_tokens": 8000},
         {"thinking": {"type": "enabled", "budget_tokens": 4000}}),
        (GPT, {"reasoning": {"effort": "high"}}, {"reasoning_effort": "high"}),
        (GPT, {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
        (GPT, {"reasoning": {"max_tokens": 4000}, "max_tokens": 8000}, {"reasoning_effort": "medium"}),
        (QWEN, {"reasoning": {"enabled": True}}, {"reasoning_config": "medium"}),
        (NOVA_2, {"reasoning": {"effort": "low"}},
         {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (NOVA_2, {"reasoning": {"enabled": False}}, {"reasoningConfig": {"type": "disabled"}}),
        (CLAUDE, {"top_k": 20}, {"top_k": 20}),
        (NOVA, {"top_k": 20}, {"inferenceConfig": {"topK": 20}}),
        (NOVA, {"additionalModelRequestFields": {"a": 1}, "top_k": 2}, {"a": 1, "inferenceConfig": {"topK": 2}}),
    ],
)  # fmt: skip
def test_what_only_some_models_know_is_said_in_their_own_words(
    model: str, fields: dict[str, Any], own: dict[str, Any]
) -> None:
    outgoing = sent(model, **fields)
    assert json.loads(outgoing.body)["additionalModelRequestFields"] == own
    assert outgoing.dropped == ()


@pytest.mark.parametrize(
    ("model", "fields", "dropped"),
    [
        (LLAMA, {"reasoning": {"effort": "high"}, "top_k": 5, "seed": 1, "n": 2}, ("n", "reasoning", "seed", "top_k")),
        (GPT, {"reasoning": {"effort": "none"}}, ("reasoning",)),
        (NOVA_2, {"reasoning": {"effort": "high"}, "temperature": 0.5}, ("temperature",)),
        (CLAUDE, {"service_tier": "scale", "verbosity": "low"}, ("service_tier", "verbosity")),
        (CLAUDE, {"stop": [" ", "x"]}, ("stop",)),
        (LLAMA, {"reasoning": {"enabled": False}}, ()),
    ],
)
def test_what_cannot_be_said_is_listed(model: str, fields: dict[str, Any], dropped: tuple[str, ...]) -> None:
    assert sent(model, **fields).dropped == dropped


def test_limits_and_samplers_have_names_of_their_own() -> None:
    made = body(NOVA, max_tokens=9, temperature=1.5, top_p=0.5, stop="END", service_tier="priority")
    assert made["inferenceConfig"] == {"maxTokens": 9, "temperature": 1.0, "topP": 0.5, "stopSequences": ["END"]}
    assert made["serviceTier"] == {"type": "priority"}
    assert body(NOVA)["inferenceConfig"] == {}
    outgoing = sent(NOVA, supported=("top_p",), temperature=0.5, top_p=0.5, stop="x", service_tier="flex")
    assert json.loads(outgoing.body)["inferenceConfig"] == {"topP": 0.5}
    assert outgoing.dropped == ("service_tier", "stop", "temperature")


@pytest.mark.parametrize("name", ["guardrailConfig", "performanceConfig", "requestMetadata"])
def test_the_providers_own_fields_go_on_as_sent(name: str) -> None:
    assert body(NOVA, **{name: {"x": "y"}})[name] == {"x": "y"}


def test_an_endpoint_that_is_a_tier_is_asked_for_it() -> None:
    adapter = BedrockAdapter(provider(credential=Secret("an-api-key")), OUTSIDE)
    endpoint = an_endpoint("bedrock", upstream_model=NOVA, service_tier="flex")
    made = json.loads(adapter.outgoing(a_request(service_tier="priority"), endpoint).body)
    assert made["serviceTier"] == {"type": "flex"}


@pytest.mark.parametrize("messages", [[{"role": "user", "content": " "}], [{"role": "assistant", "content": None}]])
def test_messages_that_say_nothing_are_refused(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(BadRequest, match="say nothing"):
        body(CLAUDE, messages=messages)


# -- names of models --


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        (CLAUDE, ""),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
        ("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
        ("arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
        ("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/x1", "anthropic/claude-sonnet-4.5"),
    ],
)
def test_a_model_is_known_under_all_its_names(name: str, model_id: str) -> None:
    assert family_of(name, model_id) == family_of(CLAUDE)


@pytest.mark.parametrize("place", ["", "us.", "eu.", "apac.", "global.", "jp.", "us-gov."])
def test_places_do_not_hide_the_maker(place: str) -> None:
    assert family_of(f"{place}meta.llama4-scout-17b-instruct-v1:0") == family_of(LLAMA)
    assert family_of(f"{place}amazon.nova-lite-v1:0") == family_of(NOVA)
    assert family_of(f"{place}meta.llama4-scout-17b-instruct-v1:0") != family_of(f"{place}amazon.nova-lite-v1:0")


def test_a_profile_of_ones_own_is_known_by_the_catalogs_name() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    assert family_of(arn, "mistralai/mistral-large").json_results
    assert not family_of(arn, "meta-llama/llama-3.3-70b").chooses
    assert family_of(arn).chooses
