"""The Gemini API's requests, beyond what the recordings hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

import pytest

from gemini import a_call, answered, google_adapter, message_of, outgoing_of, sent_for, turns_for
from turnout.api.chat import ChatSurface
from turnout.base.errors import BadRequest, UpstreamError
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.providers.dialects.google import DIALECT

_SIGNED = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_WEATHER = {"type": "function", "function": {"name": "weather", "description": "Of today", "parameters": _SCHEMA}}


async def _awaited(waiting: Awaitable[ChatRequest]) -> ChatRequest:
    return await waiting


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("https://generativelanguage.googleapis.com", "/v1beta/models/gemini-2.5-flash:generateContent"),
        ("https://generativelanguage.googleapis.com/", "/v1beta/models/gemini-2.5-flash:generateContent"),
        ("http://127.0.0.1:8/google/v1", "/google/v1/models/gemini-2.5-flash:generateContent"),
        ("http://127.0.0.1:8/proxy", "/proxy/v1beta/models/gemini-2.5-flash:generateContent"),
    ],
)
def test_the_path_names_version_model_and_call(base_url: str, path: str) -> None:
    request = ChatSurface().decode(b'{"model":"g/x","messages":[{"role":"user","content":"hi"}]}')
    at = Endpoint(model_id="g/x", provider="google", tag="google", upstream_model="gemini-2.5-flash")
    head = google_adapter(base_url).outgoing(request, at).head.decode()
    assert head.startswith(f"POST {path} HTTP/1.1\r\n")
    assert "\r\nx-goog-api-key: AIza-1\r\n" in head
    assert head.endswith("\r\nContent-Length: ")


def test_a_stream_is_asked_for_by_its_own_call() -> None:
    assert b":streamGenerateContent?alt=sse HTTP" in outgoing_of({"stream": True}).head


def test_a_tuned_model_stands_in_its_own_collection() -> None:
    assert b"/v1beta/tunedModels/mine:generateContent" in outgoing_of({}, "tunedModels/mine").head


def test_a_models_name_cannot_leave_its_place_in_the_head() -> None:
    assert b"\r\nX: y" not in outgoing_of({}, "a b\r\nX: y").head
    assert b"?key=" not in outgoing_of({}, "a?key=1").head


def test_only_a_variable_of_geminis_own_is_read() -> None:
    [known] = DIALECT.providers
    assert "GEMINI_API_KEY" in known.credential
    assert "GOOGLE_API_KEY" not in known.credential


def test_all_system_messages_are_the_instruction() -> None:
    sent = sent_for({
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
            {"role": "developer", "content": "And kind."},
        ]
    })  # fmt: skip
    assert sent["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "And kind."}]}
    assert sent["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_an_instruction_alone_is_said_by_the_user() -> None:
    sent = sent_for({"messages": [{"role": "system", "content": "Say something."}]})
    assert sent == {"contents": [{"role": "user", "parts": [{"text": "Say something."}]}]}


def test_names_stand_before_what_their_bearers_say() -> None:
    assert turns_for({"role": "user", "name": "Ada", "content": "hi"})[0]["parts"] == [{"text": "Ada: hi"}]


def test_results_of_parallel_calls_are_one_turn_and_know_their_functions() -> None:
    contents = turns_for(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [a_call("a", "{}", "1"), a_call("b", '{"x": 1.0}', "2")]},
        {"role": "tool", "tool_call_id": "1", "content": '{"sun": true}'},
        {"role": "tool", "tool_call_id": "2", "content": "rain"},
    )
    assert contents[1]["parts"] == [
        {"functionCall": {"id": "1", "name": "a", "args": {}}},
        {"functionCall": {"id": "2", "name": "b", "args": {"x": 1.0}}},
    ]
    assert contents[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "1", "name": "a", "response": {"sun": True}}},
            {"functionResponse": {"id": "2", "name": "b", "response": {"output": "rain"}}},
        ],
    }


def test_pictures_that_a_tool_gives_stand_within_its_result_or_beside_it() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    result = {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "see"}, image]}
    messages = ({"role": "assistant", "content": None, "tool_calls": [a_call()]}, result)
    response = {"id": "c1", "name": "weather", "response": {"output": "see"}}
    blob = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    assert turns_for(*messages)[1]["parts"] == [{"functionResponse": response}, blob]
    newer = turns_for(*messages, upstream="gemini-3-flash-preview")[1]["parts"]
    assert newer == [{"functionResponse": response | {"parts": [blob]}}]


@pytest.mark.parametrize("arguments", ["", "[1]", "{broken", '"text"'])
def test_arguments_that_are_no_object_make_one(arguments: str) -> None:
    contents = turns_for({"role": "assistant", "content": "x", "tool_calls": [a_call(arguments=arguments)]})
    args = contents[0]["parts"][1]["functionCall"]["args"]
    assert args == ({"arguments": arguments} if arguments else {})


def test_a_call_of_another_model_gets_the_stand_in_signature_where_one_is_required() -> None:
    message = {"role": "assistant", "content": "Let me see", "tool_calls": [a_call(), a_call(call_id="c2")]}
    new = turns_for(message, upstream="gemini-3-pro-preview")[0]["parts"]
    assert [part.get("thoughtSignature") for part in new] == [None, _SIGNED, None]
    old = turns_for(message)[0]["parts"]
    assert not any("thoughtSignature" in part for part in old)


def test_thoughts_and_signatures_go_back_to_their_parts() -> None:
    details = [
        {"type": "reasoning.text", "text": "Hm, ", "format": "google-gemini-v1", "index": 0},
        {"type": "reasoning.text", "text": "well.", "format": "google-gemini-v1", "index": 0},
        {"type": "reasoning.text", "signature": "S/+1==", "format": "google-gemini-v1", "index": 1},
        {"type": "reasoning.encrypted", "data": "S-_2", "id": "c2", "format": "google-gemini-v1", "index": 2},
    ]
    calls = [a_call(call_id="c1"), a_call(call_id="c2")]
    message = {"role": "assistant", "content": "Yes", "tool_calls": calls, "reasoning_details": details}
    parts = turns_for(message, upstream="gemini-3-flash")[0]["parts"]
    assert parts == [
        {"text": "Hm, well.", "thought": True},
        {"text": "Yes", "thoughtSignature": "S/+1=="},
        {"functionCall": {"id": "c1", "name": "weather", "args": {}}},
        {"functionCall": {"id": "c2", "name": "weather", "args": {}}, "thoughtSignature": "S-_2"},
    ]


def test_signatures_of_other_providers_stay_away() -> None:
    details = [
        {"type": "reasoning.text", "text": "Hm", "signature": "sig", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "redacted", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "format": "openai-responses-v1"},
        "nonsense",
    ]
    [content] = turns_for({"role": "assistant", "content": "Yes", "reasoning_details": details})
    assert content["parts"] == [{"text": "Hm", "thought": True}, {"text": "Yes"}]


def test_files_are_inline_or_named() -> None:
    content = [
        {"type": "image_url", "image_url": {"url": "data:image/webp;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,CCCC"}},
        {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain,hi%21"}},
        {"type": "file", "file": {"file_id": "files/abc"}},
        {"type": "video_url", "video_url": {"url": "https://youtu.be/x"}},
        {"type": "image_url", "image_url": {"url": "gs://bucket/a.png"}},
    ]
    assert turns_for({"role": "user", "content": content})[0]["parts"] == [
        {"inlineData": {"mimeType": "image/webp", "data": "AAAA"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "BBBB"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "CCCC"}},
        {"inlineData": {"mimeType": "text/plain", "data": "aGkh"}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
        {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}},
        {"fileData": {"fileUri": "gs://bucket/a.png", "mimeType": "image/png"}},
    ]


def test_foreign_files_are_put_inline_and_googles_own_are_not() -> None:
    urls = ["https://example.com/a.png", "https://www.youtube.com/watch?v=1"]
    content = [
        {"type": "image_url", "image_url": {"url": urls[0]}},
        {"type": "video_url", "video_url": {"url": urls[1]}},
    ]
    body = {"model": "g/x", "messages": [{"role": "user", "content": content}]}
    request = ChatSurface().decode(json.dumps(body).encode())
    at = Endpoint(model_id="g/x", provider="google", tag="google", upstream_model="gemini-2.5-flash")
    adapter = google_adapter()
    assert adapter.prepare is not None
    prepared = asyncio.run(_awaited(adapter.prepare(request, at)))
    first, second = json.loads(adapter.outgoing(prepared, at).body)["contents"][0]["parts"]
    assert first["inlineData"]["mimeType"] == "image/png"
    assert second == {"fileData": {"fileUri": urls[1], "mimeType": "video/mp4"}}


def test_pictures_of_an_earlier_turn_go_back_with_their_signatures() -> None:
    answer = message_of(
        answered(
            {"text": "Here:", "thoughtSignature": "A"},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "B"},
        )
    )
    assert answer["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    [content] = turns_for({"role": "assistant"} | answer)
    assert content["parts"] == [
        {"text": "Here:", "thoughtSignature": "A"},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "B"},
    ]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "weather"}}, {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"name": "weather"}]}},
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
    ],
)  # fmt: skip
def test_every_tool_choice_has_its_mode(choice: object, config: dict[str, Any]) -> None:
    sent = sent_for({"tools": [_WEATHER], "tool_choice": choice})
    assert sent["toolConfig"] == {"functionCallingConfig": config}
    declared = {"name": "weather", "description": "Of today", "parametersJsonSchema": _SCHEMA}
    assert sent["tools"] == [{"functionDeclarations": [declared]}]


def test_a_strict_tool_has_its_arguments_validated() -> None:
    strict = {"type": "function", "function": {"name": "weather", "strict": True}}
    assert sent_for({"tools": [strict]})["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert "toolConfig" not in sent_for({"tools": [strict]}, "gemini-2.0-flash")


@pytest.mark.parametrize(
    ("tool", "own"),
    [
        ({"type": "google_search"}, {"googleSearch": {}}),
        ({"googleSearch": {"timeRangeFilter": {}}}, {"googleSearch": {"timeRangeFilter": {}}}),
        ({"type": "code_execution"}, {"codeExecution": {}}),
        ({"type": "url_context", "url_context": {"a": 1}}, {"urlContext": {"a": 1}}),
        ({"type": "file_search", "file_search_store_names": ["s"]}, {"fileSearch": {"file_search_store_names": ["s"]}}),
        ({"type": "web_search_preview", "search_context_size": "low"}, {"googleSearch": {}}),
    ],
)  # fmt: skip
def test_googles_own_tools_are_passed_on(tool: dict[str, Any], own: dict[str, Any]) -> None:
    assert sent_for({"tools": [tool]})["tools"] == [own]


def test_a_newer_model_is_asked_to_tell_of_the_tools_that_google_runs() -> None:
    assert sent_for({"tools": [{"type": "google_search"}]}, "gemini-3-flash")["toolConfig"] == {
        "includeServerSideToolInvocations": True
    }


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"type": "computer_20250124", "display_width_px": 1}]},
        {"tools": [_WEATHER], "tool_choice": {"type": "hosted"}},
        {"response_format": {"type": "grammar", "grammar": "root ::= x"}},
        {"response_format": {"type": "json_object"}, "tools": [_WEATHER]},  # newer models take both
    ],
)
def test_a_contract_that_google_has_no_words_for_is_refused_and_not_dropped(body: dict[str, Any]) -> None:
    with pytest.raises(UpstreamError) as caught:
        outgoing_of(body)
    assert caught.value.elsewhere == "endpoint"
    assert caught.value.health == "ignored"


def test_a_schema_goes_on_as_it_is() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": _SCHEMA}}
    assert sent_for({"response_format": wanted})["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": _SCHEMA,
    }
    assert sent_for({"response_format": {"type": "json_object"}})["generationConfig"] == {
        "responseMimeType": "application/json"
    }
    both = outgoing_of({"response_format": wanted, "tools": [_WEATHER]}, "gemini-3-flash-preview").body
    assert b'"responseJsonSchema"' in both


def test_settings_have_their_own_names() -> None:
    body = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 5, "seed": 7, "stop": "end", "max_tokens": 9, "presence_penalty": 1,
        "frequency_penalty": -1, "n": 2, "logprobs": True, "top_logprobs": 3, "modalities": ["image", "text"],
        "image_config": {"aspect_ratio": "16:9"}, "audio": {"voice": "Kore", "format": "wav"}, "service_tier": "flex",
    }  # fmt: skip
    sent = sent_for(body)
    assert sent["generationConfig"] == {
        "temperature": 0.5, "topP": 0.9, "topK": 5, "seed": 7, "stopSequences": ["end"], "maxOutputTokens": 9,
        "presencePenalty": 1, "frequencyPenalty": -1, "candidateCount": 2, "responseLogprobs": True, "logprobs": 3,
        "responseModalities": ["IMAGE", "TEXT"], "imageConfig": {"aspectRatio": "16:9"},
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }  # fmt: skip
    assert sent["serviceTier"] == "flex"


def test_an_endpoint_that_is_a_tier_is_asked_for_it() -> None:
    assert sent_for({}, service_tier="priority")["serviceTier"] == "priority"
    assert sent_for({"service_tier": "default"})["serviceTier"] == "standard"
    assert "serviceTier" not in sent_for({"service_tier": "auto"})


def test_a_seed_fits_into_googles_numbers() -> None:
    assert sent_for({"seed": 2**40 + 5})["generationConfig"]["seed"] == 5


def test_what_google_has_no_name_for_is_listed() -> None:
    outgoing = outgoing_of(
        {"logit_bias": {"1": 1}, "min_p": 0.1, "user": "u", "temperature": 1, "metadata": {"a": "b"}}
    )
    assert outgoing.dropped == ("logit_bias", "min_p", "user")


def test_what_the_endpoint_lacks_is_listed() -> None:
    outgoing = outgoing_of({"temperature": 1, "top_k": 2, "tools": [_WEATHER]}, supported_parameters=("temperature",))
    assert outgoing.dropped == ("top_k",)
    assert json.loads(outgoing.body)["generationConfig"] == {"temperature": 1}
    assert "tools" in json.loads(outgoing.body)


def test_googles_own_words_are_passed_on_and_ours_are_written_over_them() -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    sent = sent_for({
        "safety_settings": safety,
        "cached_content": "cachedContents/1",
        "generation_config": {"mediaResolution": "MEDIA_RESOLUTION_LOW", "temperature": 0},
        "temperature": 1,
    })  # fmt: skip
    assert sent["safetySettings"] == safety
    assert sent["cachedContent"] == "cachedContents/1"
    assert sent["generationConfig"] == {"mediaResolution": "MEDIA_RESOLUTION_LOW", "temperature": 1}


@pytest.mark.parametrize(
    ("model", "reasoning", "config"),
    [
        ("gemini-2.5-flash", {"effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", {"effort": "none"}, {"thinkingBudget": 128}),
        ("gemini-2.5-flash", {"max_tokens": 2000}, {"includeThoughts": True, "thinkingBudget": 2000}),
        ("gemini-2.5-flash-lite", {"max_tokens": 20}, {"includeThoughts": True, "thinkingBudget": 512}),
        ("gemini-2.5-flash", {"effort": "high"}, {"includeThoughts": True, "thinkingBudget": 19660}),
        ("gemini-2.5-flash", {"enabled": True, "exclude": True}, {"thinkingBudget": 12288}),
        ("gemini-3-pro-preview", {"effort": "medium"}, {"includeThoughts": True, "thinkingLevel": "high"}),
        ("gemini-3-pro-preview", {"effort": "minimal"}, {"includeThoughts": True, "thinkingLevel": "low"}),
        ("gemini-3.1-pro-preview", {"effort": "medium"}, {"includeThoughts": True, "thinkingLevel": "medium"}),
        ("gemini-3-flash-preview", {"effort": "none"}, {"thinkingLevel": "minimal"}),
        ("gemini-3-flash-preview", {"effort": "xhigh"}, {"includeThoughts": True, "thinkingLevel": "high"}),
        ("gemini-3-flash-preview", {"max_tokens": 99}, {"includeThoughts": True, "thinkingBudget": 99}),
        ("gemini-flash-latest", {"effort": "low"}, {"includeThoughts": True, "thinkingBudget": 4915}),
    ],
)
def test_effort_is_said_in_the_words_of_the_models_generation(
    model: str, reasoning: dict[str, Any], config: dict[str, Any]
) -> None:
    assert sent_for({"reasoning": reasoning}, model)["generationConfig"]["thinkingConfig"] == config


def test_a_share_of_the_output_limit_is_thought() -> None:
    config = sent_for({"reasoning": {"effort": "low"}, "max_tokens": 1000})["generationConfig"]
    assert config["thinkingConfig"]["thinkingBudget"] == 200


def test_models_that_do_not_think_are_not_asked_to() -> None:
    outgoing = outgoing_of({"reasoning": {"effort": "high"}}, "gemini-2.0-flash")
    assert outgoing.dropped == ("reasoning",)
    assert "generationConfig" not in json.loads(outgoing.body)
    assert "generationConfig" not in sent_for({})


def test_a_part_without_a_file_is_a_bad_request() -> None:
    with pytest.raises(BadRequest):
        turns_for({"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf"}}]})
