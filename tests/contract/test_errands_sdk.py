"""Reranking, images, sound and judgements through the SDKs of OpenAI and OpenRouter."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode

import openai
import pytest
from openai import OpenAI
from openrouter import OpenRouter, errors

from gateway import Gateway
from openrouter_schema import check, check_operation

_PNG = b"\x89PNG\r\n\x1a\n"
_DOCUMENTS = ["a dog barks", "the cat sat on the mat", "cat"]


def _wav(openai_client: OpenAI) -> bytes:
    return openai_client.audio.speech.create(
        model="fake/speech", voice="tone", input="0123456789", response_format="wav"
    ).content


def test_the_openrouter_sdk_reads_a_ranking(openrouter_client: OpenRouter) -> None:
    answer = openrouter_client.rerank.rerank(
        model="fake/rerank", query="the cat", documents=_DOCUMENTS, top_n=2, retries=None
    )
    assert not isinstance(answer, str)
    assert [(one.index, one.document.text) for one in answer.results] == [(1, _DOCUMENTS[1]), (2, "cat")]
    assert answer.results[0].relevance_score == 1.0
    assert answer.usage is not None
    assert (answer.usage.search_units, answer.usage.cost) == (1, 0)


def test_the_openai_sdk_reads_images(openai_client: OpenAI) -> None:
    raw = openai_client.images.with_raw_response.generate(model="fake/image", prompt="a house", n=2, size="1024x1024")
    answer = raw.parse()
    assert answer.data is not None
    pictures = [b64decode(one.b64_json or "") for one in answer.data]
    assert [one[:8] for one in pictures] == [_PNG] * 2
    assert pictures[0] != pictures[1]
    assert answer.usage is not None
    assert answer.usage.output_tokens == 544
    assert raw.headers["X-Generation-Id"].startswith("gen-")


def test_the_openai_sdk_reads_drafts_and_then_the_image(openai_client: OpenAI) -> None:
    events = list(openai_client.images.generate(model="fake/image", prompt="a house", stream=True, partial_images=2))
    kinds = [one.type for one in events]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert [one.partial_image_index for one in events[:2]] == [0, 1]  # type: ignore[union-attr]  # as their types say
    assert b64decode(events[2].b64_json)[:8] == _PNG


def test_the_openrouter_sdk_reads_images_whole_and_streamed(openrouter_client: OpenRouter) -> None:
    whole = openrouter_client.images.generate(model="fake/image", prompt="a house", aspect_ratio="16:9", retries=None)
    assert b64decode(whole.data[0].b64_json)[:8] == _PNG
    assert whole.usage is not None
    assert whole.usage.cost == 0
    with openrouter_client.images.generate(model="fake/image", prompt="a house", stream=True, retries=None) as stream:
        events = list(stream)
    assert len(events) == 1
    assert events[0].type == "image_generation.completed"


def test_the_openai_sdk_hears_speech_and_has_it_written_down(openai_client: OpenAI) -> None:
    wav = _wav(openai_client)
    assert wav[:4] == b"RIFF"
    plain = openai_client.audio.transcriptions.create(model="fake/transcribe", file=("a.wav", wav, "audio/wav"))
    assert plain.text == "I heard 0.5 seconds of sound."
    told = openai_client.audio.transcriptions.create(
        model="fake/transcribe", file=("a.wav", wav), response_format="verbose_json", language="en", temperature=0,
        timestamp_granularities=["word", "segment"],
    )  # fmt: skip
    assert told.duration == 0.5
    assert told.segments is not None
    assert told.segments[0].end == 0.5
    assert told.words is not None
    assert told.words[0].word == "I"


def test_speech_streams_and_is_pcm_unless_told_otherwise(openai_client: OpenAI) -> None:
    create = openai_client.audio.speech.with_streaming_response.create
    with create(model="fake/speech-gap-5", voice="tone", input="Hello") as answer:
        pieces = list(answer.iter_bytes())
        assert answer.headers["content-type"].startswith("audio/pcm")
        assert answer.headers["x-generation-id"].startswith("gen-")
    assert sum(map(len, pieces)) == 5 * 2400


def test_the_openrouter_sdk_hears_and_reads_sound(openai_client: OpenAI, openrouter_client: OpenRouter) -> None:
    spoken = openrouter_client.tts.create_speech(
        model="fake/speech", input="Hello", voice="tone", response_format="mp3", retries=None
    )
    assert spoken.read()[:2] == b"\xff\xfb"
    sound = {"data": b64encode(_wav(openai_client)).decode(), "format": "wav"}
    written = openrouter_client.stt.create_transcription(model="fake/transcribe", input_audio=sound, retries=None)  # type: ignore[arg-type]  # a dictionary will do
    assert written.text == "I heard 0.5 seconds of sound."
    assert written.usage is not None
    assert written.usage.seconds == 0.5


def test_the_openai_sdk_reads_judgements(openai_client: OpenAI) -> None:
    answer = openai_client.moderations.create(model="fake/moderate", input=["I hate mornings", "Good day"])
    assert [one.flagged for one in answer.results] == [True, False]
    parts = [{"type": "text", "text": "fine"}]
    assert not openai_client.moderations.create(model="fake/moderate", input=parts).results[0].flagged  # type: ignore[arg-type]  # of one kind


@pytest.mark.parametrize("mount", ["/api/v1", "/v1"])
def test_answers_are_as_the_schema_says_on_both_mounts(gateway: Gateway, mount: str) -> None:
    asked: dict[str, object] = {"model": "fake/rerank", "query": "cat", "documents": ["cat", {"text": "dog"}]}
    check_operation("POST", "/rerank", gateway.request("POST", f"{mount}/rerank", asked).json())
    for path in ("/images", "/images/generations"):
        reply = gateway.request("POST", mount + path, {"model": "fake/image", "prompt": "x"})
        check_operation("POST", "/images", reply.json())
    asked = {"model": "fake/image", "prompt": "x", "stream": True, "partial_images": 1}
    *events, end = gateway.request("POST", f"{mount}/images", asked).events()
    assert end == "[DONE]"
    for event in events:
        check("ImageStreamingResponse", {"data": event})
    sound = {"input_audio": {"data": b64encode(b"x" * 99).decode(), "format": "mp3"}, "model": "fake/transcribe"}
    for content in (b"RIFF0000WAVE", b"RIFF"):
        broken = sound | {"input_audio": {"data": b64encode(content).decode(), "format": "wav"}}
        assert gateway.request("POST", f"{mount}/audio/transcriptions", broken).status == 200
    check_operation(
        "POST", "/audio/transcriptions", gateway.request("POST", f"{mount}/audio/transcriptions", sound).json()
    )
    reply = gateway.request("POST", f"{mount}/audio/speech", {"model": "fake/speech", "input": "x"})
    assert (reply.status, len(reply.body)) == (200, 2400)
    reply = gateway.request("POST", f"{mount}/moderations", {"model": "fake/moderate", "input": "x"})
    assert reply.json()["results"][0]["flagged"] is False


def test_each_errand_is_recorded_as_what_it_is(gateway: Gateway) -> None:
    reply = gateway.request("POST", "/api/v1/audio/speech", {"model": "fake/speech", "input": "x"})
    record = gateway.generation(reply)
    assert (record["api_type"], record["model"], record["provider_name"]) == ("tts", "fake/speech", "Fake")


def test_the_wrong_kind_of_model_is_told_where_the_right_ones_are_listed(
    openai_client: OpenAI, openrouter_client: OpenRouter
) -> None:
    with pytest.raises(openai.BadRequestError, match="output_modalities=image"):
        openai_client.images.generate(model="fake/echo", prompt="x")
    with pytest.raises(openai.BadRequestError, match="POST /rerank"):
        openai_client.chat.completions.create(model="fake/rerank", messages=[{"role": "user", "content": "Hello"}])
    with pytest.raises(errors.BadRequestResponseError, match="output_modalities=rerank"):
        openrouter_client.rerank.rerank(model="fake/echo", query="x", documents=["y"], retries=None)


@pytest.mark.parametrize("kind", ["rerank", "image", "speech", "transcription"])
def test_models_of_each_kind_are_listed(gateway: Gateway, kind: str) -> None:
    listed = gateway.request("GET", f"/api/v1/models?output_modalities={kind}").json()["data"]
    assert [one["architecture"]["output_modalities"] for one in listed] == [[kind]]
    assert listed[0]["supported_voices"] == (["tone"] if kind == "speech" else None)


_FORM = b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n--b--\r\n'
_HOSTILE = [
    ("/rerank", {"query": "x", "documents": []}, "documents"),
    ("/rerank", {"query": "x"}, "documents"),
    ("/rerank", {"query": "", "documents": ["x"]}, "query"),
    ("/rerank", {"query": "x", "documents": [{}]}, r"documents\[0\]"),
    ("/rerank", {"query": "x", "documents": [{"text": "a", "more": 1}]}, r"documents\[0\]"),
    ("/rerank", {"query": "x", "documents": ["x"], "top_n": 0}, "top_n"),
    ("/rerank", {"query": "x", "documents": ["x"] * 10_001}, "10000"),
    ("/images", {}, "prompt"),
    ("/images", {"prompt": "x", "n": 11}, "`n`"),
    ("/images", {"prompt": "x", "size": "1024x1024", "resolution": "1K"}, "resolution"),
    ("/images", {"prompt": "x", "size": "1024x1024", "aspect_ratio": "1:1"}, "aspect_ratio"),
    ("/images", {"prompt": "x", "size": "1K", "resolution": "2K"}, "different"),
    ("/images", {"prompt": "x", "size": "huge"}, "size"),
    ("/images", {"prompt": "x", "aspect_ratio": "5:0"}, "aspect_ratio"),
    ("/images", {"prompt": "x", "input_references": [{"type": "image_url"}]}, "input_references"),
    ("/audio/speech", {}, "input"),
    ("/audio/speech", {"input": "x", "speed": 0}, "speed"),
    ("/audio/speech", {"input": "x", "response_format": "midi"}, "response_format"),
    ("/audio/transcriptions", {}, "input_audio"),
    ("/audio/transcriptions", {"input_audio": {"data": "!!", "format": "mp3"}}, "base64"),
    ("/audio/transcriptions", {"input_audio": {"data": "", "format": "mp3"}}, "empty"),
    ("/audio/transcriptions", {"input_audio": {"data": "eA==", "format": "../x"}}, "format"),
    ("/audio/transcriptions", {"input_audio": {"data": "eA==", "format": "mp3"}, "response_format": "srt"}, "response"),
    ("/audio/transcriptions", _FORM % (b"model", b"", b"m"), "file"),
    ("/audio/transcriptions", _FORM % (b"file", b'; filename="a.mp3"', b"x"), "model"),
    ("/audio/transcriptions", _FORM % (b"other", b'; filename="a.mp3"', b"x"), "file"),
    ("/audio/transcriptions", _FORM % (b"model", b"", b"\xff"), "UTF-8"),
    ("/audio/transcriptions", b"--b\r\n", "cut off"),
    ("/moderations", {}, "input"),
    ("/moderations", {"input": 5}, "input"),
    ("/moderations", b"[]", "JSON"),
]


@pytest.mark.parametrize(("path", "body", "reason"), _HOSTILE, ids=lambda one: str(one)[:40])
def test_a_bad_body_is_a_400_that_names_the_field(gateway: Gateway, path: str, body: object, reason: str) -> None:
    model = {"/rerank": "rerank", "/images": "image", "/audio/speech": "speech", "/moderations": "moderate"}
    sent = {"model": f"fake/{model.get(path, 'transcribe')}"} | body if isinstance(body, dict) else body
    reply = gateway.request("POST", f"/api/v1{path}", sent)
    assert reply.status == 400, reply.body
    error = reply.json()["error"]
    assert error["code"] == 400
    assert reason.replace("\\", "") in error["message"]


def test_bodies_are_capped_and_keys_are_asked_for(gateway: Gateway) -> None:
    large = json.dumps({"model": "fake/transcribe", "input_audio": {"data": "A" * 400_000, "format": "mp3"}}).encode()
    assert gateway.request("POST", "/api/v1/audio/transcriptions", large).status == 413
    assert gateway.request("POST", "/api/v1/images", {"model": "fake/image", "prompt": "x"}, key=None).status == 401
    assert gateway.request("GET", "/api/v1/rerank").status == 405
