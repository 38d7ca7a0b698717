"""What errands cost, who else is tried when one fails, and what providers of each kind are sent."""

from __future__ import annotations

import asyncio
import http.client
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conservation import assert_conserved, settled
from gateway import API_KEY, FakeServer, Gateway, Reply, model_tables, provider_table, running
from patience import until
from turnout.base.ids import digest_of_key
from turnout.base.money import Pico
from turnout.base.multipart import read_form
from turnout.domain.budget import Budget
from turnout.stores.sqlite import SQLiteStore
from vectors_upstream import Answer, Asked, Scripted, scripted

_PICO = 10**12
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
_IMAGE = b64encode(_PNG).decode()
_WAV = b"RIFF____WAVEfmt ____" + bytes(8) + (32_000).to_bytes(4, "little") + bytes(12) + bytes(48_000)
_KINDS = {
    "rerank": ("rerank", '{ request = "0.002", prompt = "0.00000005" }'),
    "image": ("image", '{ prompt = "0.000005", image_output = "0.00004", output_image = "0.01" }'),
    "speech": ("speech", '{ character = "0.000015" }'),
    "transcribe": ("transcription", '{ audio_second = "0.0001" }'),
}
_BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "rerank": ("/rerank", {"query": "cat", "documents": ["x" * 40] * 150}),
    "image": ("/images", {"prompt": "x" * 40, "n": 2}),
    "speech": ("/audio/speech", {"input": "äb" * 50, "response_format": "mp3"}),
    "transcribe": (
        "/audio/transcriptions", {"input_audio": {"data": b64encode(_WAV).decode(), "format": "wav"}},
    ),
}  # fmt: skip
_COSTS = {
    "rerank": 2 * 2 * 10**9 + 150 * 10 * 50_000,
    "image": 10 * 5_000_000 + 2 * 272 * 40_000_000 + 2 * 10**10,
    "speech": 100 * 15_000_000,
    "transcribe": 150_000_000,
}
"""In pico-dollars, by hand: searches and tokens; tokens and images; characters; a second and a half."""
_FAULTS = {"status-500": 502, "status-429": 429, "reset": 502, "hang": 504, "html": 502, "malformed": 502}
_IMPATIENT = "{ first_byte = 1.5, idle = 1.5, total = 3.0 }"


class Works(NamedTuple):
    """A gateway with sound and faulty fake providers, and one that tests script."""

    gateway: Gateway
    fake: FakeServer
    vendor: Scripted
    script: list[object]


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    script: list[object] = [None]
    faulty, sound = (FakeServer(tmp_path_factory.mktemp(name), name) for name in ("faulty", "sound"))

    def play(asked: Asked) -> Answer:
        said = script[0](asked) if callable(script[0]) else script[0]
        return said if isinstance(said, Answer) else Answer(said)

    with running(faulty, sound), scripted(play) as vendor:
        toml = "[catalog]\nbundled = false\n" + provider_table("sound", sound.base_url)
        toml += provider_table("faulty", faulty.base_url, timeouts=_IMPATIENT)
        toml += provider_table("plain", f"{vendor.url}/v1")
        toml += provider_table("voyage", f"{vendor.url}/v1", capabilities='{ embeddings = "voyage" }')
        toml += provider_table("cohere", vendor.url, dialect='"cohere"')
        toml += provider_table("google", vendor.url, dialect='"google"')
        for kind, (made, price) in _KINDS.items():
            toml += _model(f"one/{kind}", made, [("sound", kind, price)])
            for fault in _FAULTS:
                word = f"{kind}-{fault}"
                toml += _model(f"one/{word}", made, [("faulty", word, price)])
                toml += _model(f"two/{word}", made, [("faulty", word, price), ("sound", kind, price)])
        toml += _model("two/image-reset-after-1", "image", [("faulty", "image-reset-after-1", _KINDS["image"][1])])
        toml += _model("two/speech-reset-after-1", "speech", [("faulty", "speech-reset-after-1", _KINDS["speech"][1])])
        toml += _model("one/speech-gap-400", "speech", [("sound", "speech-gap-400", _KINDS["speech"][1])])
        for provider in ("plain", "voyage", "cohere"):
            toml += _model(f"rank/{provider}", "rerank", [(provider, "rank-1", _KINDS["rerank"][1])])
        toml += _model("draw/gpt-image-1", "image", [("plain", "gpt-image-1", "{}")])
        toml += _model("draw/flux", "image", [("plain", "flux", "{}")])
        toml += _model("draw/gemini", "image", [("google", "gemini-image", '{ completion = "0.00003" }')])
        with Gateway(tmp_path_factory.mktemp("gateway"), toml) as gateway:
            yield Works(gateway, sound, vendor, script)
            assert "mistake of ours" not in gateway.log()
            assert "Traceback" not in gateway.log()


def _model(name: str, made: str, endpoints: list[tuple[str, str, str]]) -> str:
    return model_tables(name, endpoints).replace(f'id = "{name}"', f'id = "{name}"\noutput_modalities = ["{made}"]')


def _ask(gateway: Gateway, kind: str, model: str, **fields: object) -> Reply:
    path, body = _BODIES[kind]
    return gateway.request("POST", f"/api/v1{path}", body | {"model": model} | fields)


@pytest.mark.parametrize("kind", _KINDS)
def test_each_kind_costs_what_its_units_cost_to_the_pico_dollar(works: Works, kind: str) -> None:
    reply = _ask(works.gateway, kind, f"one/{kind}")
    assert reply.status == 200
    assert round(works.gateway.generation(reply)["total_cost"] * _PICO) == _COSTS[kind]
    if kind != "speech":
        assert round(reply.json()["usage"]["cost"] * _PICO) == _COSTS[kind]


def test_a_streamed_image_costs_as_much_as_a_whole_one(works: Works) -> None:
    reply = _ask(works.gateway, "image", "one/image", stream=True, partial_images=1)
    *_, last, end = reply.events()
    assert end == "[DONE]"
    assert round(last["usage"]["cost"] * _PICO) == _COSTS["image"]


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("fault", ["status-500", "hang", "html"])
def test_another_endpoint_answers_where_one_fails(works: Works, kind: str, fault: str) -> None:
    reply = _ask(works.gateway, kind, f"two/{kind}-{fault}", provider={"order": ["faulty", "sound"]})
    assert reply.status == 200, reply.body
    record = works.gateway.generation(reply)
    assert [one["provider_name"] for one in record["provider_responses"]] == ["faulty", "sound"]
    assert round(record["total_cost"] * _PICO) == _COSTS[kind]


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_fault_without_others_is_told_as_what_it_is(works: Works, fault: str) -> None:
    reply = _ask(works.gateway, "rerank", f"one/rerank-{fault}")
    assert reply.status == reply.json()["error"]["code"] == _FAULTS[fault]
    assert works.gateway.generation(reply)["total_cost"] == 0


def test_sound_that_breaks_off_is_broken_off_for_the_client_too(works: Works) -> None:
    with pytest.raises(http.client.IncompleteRead):
        _ask(works.gateway, "speech", "two/speech-reset-after-1")


def test_a_stream_of_images_that_breaks_off_ends_in_an_error_event(works: Works) -> None:
    reply = _ask(works.gateway, "image", "two/image-reset-after-1", stream=True, partial_images=2)
    draft, last = reply.events()
    assert draft["type"] == "image_generation.partial_image"
    assert (last["type"], last["error"]["code"]) == ("error", "502")


def test_a_form_and_json_reach_the_provider_as_the_same_form(works: Works) -> None:
    boundary, body = b"b0", b""
    for name, extra, value in (
        (b"model", b"", b"one/transcribe"),
        (b"file", b'; filename="my talk.WAV"', _WAV),
        (b"language", b"", b"de"),
        (b"timestamp_granularities[]", b"", b"word"),
    ):
        body += b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (boundary, name, extra, value)
    headers = {"Content-Type": "multipart/form-data; boundary=b0"}
    path = "/v1/audio/transcriptions"
    first = works.gateway.request("POST", path, body + b"--b0--\r\n", headers=headers)
    assert first.status == 200, first.body
    second = _ask(works.gateway, "transcribe", "one/transcribe", language="de", timestamp_granularities=["word"])
    assert first.json() == second.json()
    sent = [one for one in works.fake.journal() if one["t"] == "request" and one["path"] == path][-2:]
    one, other = ({part.name: part for part in read_form(entry["body"].encode())} for entry in sent)
    assert one == other
    assert one["file"].file == "audio.wav"
    assert one["file"].content == _WAV


_RANKED = {"index": 1, "relevance_score": 0.5}


@pytest.mark.parametrize(
    ("provider", "path", "top", "answer"),
    [
        ("plain", "/v1/rerank", "top_n", {"results": [_RANKED | {"document": {"text": "b"}}]}),
        ("voyage", "/v1/rerank", "top_k", {"data": [_RANKED], "usage": {"total_tokens": 7}}),
        ("cohere", "/v2/rerank", "top_n", {"results": [_RANKED], "meta": {"billed_units": {"search_units": 3}}}),
    ],
)
def test_rerankers_are_asked_in_their_own_words(
    works: Works, provider: str, path: str, top: str, answer: object
) -> None:
    works.script[0] = answer
    body = {"model": f"rank/{provider}", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1}
    reply = works.gateway.request("POST", "/api/v1/rerank", body)
    assert reply.status == 200, reply.body
    told = reply.json()
    assert told["results"] == [{"index": 1, "relevance_score": 0.5, "document": {"text": "b"}}]
    asked = works.vendor.asked[-1]
    assert asked.path == path
    assert asked.body == {"model": "rank-1", "query": "q", "documents": ["a", "b"], top: 1}
    searches, tokens = {"plain": (1, 6), "voyage": (1, 7), "cohere": (3, 0)}[provider]
    assert round(told["usage"]["cost"] * _PICO) == searches * 2 * 10**9 + tokens * 50_000


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"results": []},
        {"results": [{"index": 2, "relevance_score": 1.0}]},
        {"results": [{"index": -1, "relevance_score": 1.0}]},
        {"results": [{"index": 0, "relevance_score": 1.0}] * 2},
        {"results": [{"index": 0}]},
        {"error": {"message": "overloaded", "code": 503}},
        [],
        None,
    ],
    ids=repr,
)
def test_a_ranking_that_makes_no_sense_is_no_answer(works: Works, answer: object) -> None:
    works.script[0] = answer
    body = {"model": "rank/plain", "query": "q", "documents": ["a", "b"]}
    reply = works.gateway.request("POST", "/api/v1/rerank", body)
    assert reply.status in {502, 503}
    assert works.gateway.generation(reply)["total_cost"] == 0


def test_shapes_become_sizes_that_the_model_has(works: Works) -> None:
    works.script[0] = {"data": [{"b64_json": _IMAGE}], "usage": {"input_tokens": 5, "output_tokens": 9}}
    body = {"prompt": "x", "aspect_ratio": "16:9", "resolution": "2K", "seed": 5, "quality": "high", "style": "vivid"}
    reply = works.gateway.request("POST", "/v1/images", body | {"model": "draw/gpt-image-1"})
    assert reply.status == 200, reply.body
    assert reply.json()["data"] == [{"b64_json": _IMAGE, "media_type": "image/png"}]
    sent = works.vendor.asked[-1].body
    assert sent == {
        "model": "gpt-image-1", "prompt": "x", "n": 1, "size": "1536x1024", "quality": "high", "style": "vivid",
    }  # fmt: skip
    assert set(reply.headers["x-turnout-dropped"].split(",")) == {"aspect_ratio", "resolution", "seed"}
    reply = works.gateway.request("POST", "/v1/images", body | {"model": "draw/flux"})
    sent = works.vendor.asked[-1].body
    assert (sent["size"], sent["response_format"], sent["seed"]) == ("2736x1536", "b64_json", 5)
    assert "x-turnout-dropped" not in reply.headers


def test_a_model_that_draws_in_conversations_draws_here_too(works: Works) -> None:
    works.script[0] = {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"inlineData": {"mimeType": "image/png", "data": _IMAGE}}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1290, "totalTokenCount": 1294},
    }
    body: dict[str, object] = {"model": "draw/gemini", "prompt": "a house", "size": "1024x1536"}
    body |= {"input_references": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_IMAGE}"}}]}
    reply = works.gateway.request("POST", "/v1/images", body)
    assert reply.status == 200, reply.body
    assert reply.json()["data"] == [{"b64_json": _IMAGE, "media_type": "image/png"}]
    assert round(reply.json()["usage"]["cost"] * _PICO) == 1290 * 30_000_000
    asked = works.vendor.asked[-1]
    assert asked.path.endswith("/models/gemini-image:generateContent")
    config = asked.body["generationConfig"]
    assert config["imageConfig"] == {"aspectRatio": "2:3", "imageSize": "1K"}
    assert [next(iter(part)) for part in asked.body["contents"][0]["parts"]] == ["text", "inlineData"]
    streamed = works.gateway.request("POST", "/v1/images", body | {"stream": True}).events()
    assert [one if isinstance(one, str) else one["type"] for one in streamed] == [
        "image_generation.completed",
        "[DONE]",
    ]
    works.script[0] = {"candidates": [{"content": {"parts": [{"text": "No."}]}, "finishReason": "STOP"}]}
    assert works.gateway.request("POST", "/v1/images", body).status == 502


def test_images_to_start_from_go_up_as_a_form(works: Works) -> None:
    reference = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_IMAGE}"}}
    body = {"model": "one/image", "prompt": "wider", "input_references": [reference, reference], "background": "opaque"}
    assert works.gateway.request("POST", "/v1/images", body).status == 200
    sent = [one for one in works.fake.journal() if one["t"] == "request" and one["path"] == "/v1/images/edits"][-1]
    assert sent["body"].count('name="image[]"; filename="image-') == 2
    assert 'name="background"\r\n\r\nopaque\r\n' in sent["body"]
    reference["image_url"] = {"url": "data:image/png\r\nX: y;base64,AAAA"}
    assert works.gateway.request("POST", "/v1/images", body).status == 200
    sent = [one for one in works.fake.journal() if one["t"] == "request" and one["path"] == "/v1/images/edits"][-1]
    assert "\r\nX: y" not in sent["body"]
    reference["image_url"] = {"url": "http://127.0.0.1:1/picture.png"}
    assert works.gateway.request("POST", "/v1/images", body).status == 400


@pytest.mark.parametrize("address", ["", "/v1/models"])
def test_an_image_that_stands_elsewhere_is_read_there_or_refused(works: Works, address: str) -> None:
    where = f"{works.fake.base_url.removesuffix('/v1')}{address}" if address else "http://127.0.0.1:1/secret.png"
    works.script[0] = {"data": [{"url": where}]}
    reply = works.gateway.request("POST", "/v1/images", {"model": "draw/flux", "prompt": "x"})
    assert reply.status == 502
    assert "127.0.0.1" not in reply.body.decode()


def test_a_request_that_is_repeated_is_charged_once(works: Works) -> None:
    once = {"Idempotency-Key": "errand-1"}
    body = {"model": "one/rerank", "query": "cat", "documents": ["a cat"]}
    first, second = (works.gateway.request("POST", "/v1/rerank", body, headers=once) for _ in range(2))
    assert first.body == second.body
    assert second.headers["idempotent-replayed"] == "true"
    once = {"Idempotency-Key": "errand-2"}
    spoken = {"model": "one/speech", "input": "once"}
    first, second = (works.gateway.request("POST", "/v1/audio/speech", spoken, headers=once) for _ in range(2))
    assert (first.status, len(first.body)) == (200, 4 * 2400)
    assert second.status == 409


def test_a_preset_lends_its_model_to_an_errand(works: Works) -> None:
    made = works.gateway.request("POST", "/api/v1/presets/voice/chat/completions", {"model": "one/speech"})
    assert made.status == 200, made.body
    spoken = {"model": "@preset/voice", "input": "x", "response_format": "wav"}
    reply = works.gateway.request("POST", "/v1/audio/speech", spoken)
    assert reply.status == 200, reply.body
    assert reply.body[:4] == b"RIFF"
    assert works.gateway.generation(reply)["model"] == "one/speech"


def test_a_listener_who_leaves_pays_for_what_was_spoken(works: Works) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", works.gateway.port, timeout=10)
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    body = b'{"model":"one/speech-gap-400","input":"Hello there"}'
    connection.request("POST", "/v1/audio/speech", body, headers)
    answer = connection.getresponse()
    answer.read(10)
    generation_id = answer.headers["x-generation-id"]
    connection.close()
    answer.close()
    path = f"/api/v1/generation?id={generation_id}"
    until(lambda: works.gateway.request("GET", path).status == 200)
    record = works.gateway.request("GET", path).json()["data"]
    assert record["cancelled"] is True
    assert round(record["total_cost"] * _PICO) == 11 * 15_000_000


def test_a_provider_without_the_kind_is_not_asked(works: Works) -> None:
    reply = works.gateway.request("POST", "/v1/moderations", {"model": "draw/gemini", "input": "x"})
    assert reply.status == 404
    assert "moderation" in reply.json()["error"]["message"]


_BUDGET = Budget(
    account_id="default", scope="key", subject=digest_of_key(API_KEY), window="lifetime", limit=Pico(11 * 10**9)
)


async def _put(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    await store.put_budget(_BUDGET)
    await store.close()


def test_a_budget_is_held_before_and_never_exceeded(tmp_path: Path) -> None:
    with FakeServer(tmp_path) as fake:
        toml = "[catalog]\nbundled = false\n" + provider_table("acme", fake.base_url)
        toml += _model("acme/rank", "rerank", [("acme", "rerank-slow-20", '{ request = "0.001" }')])
        toml += _model("acme/speak", "speech", [("acme", "speech", '{ character = "0.001" }')])
        with Gateway(tmp_path, toml) as gateway:
            asyncio.run(_put(gateway.data_dir / "turnout.sqlite"))
            time.sleep(3.0)
            assert _ask(gateway, "speech", "acme/speak").status == 402
            with ThreadPoolExecutor(8) as pool:
                replies = list(pool.map(lambda _: _ask(gateway, "rerank", "acme/rank"), range(20)))
            answered = [reply for reply in replies if reply.status == 200]
            assert {reply.status for reply in replies} == {200, 402}
            records = settled(gateway, len(answered))
            assert sum(one.cost for one in records) == len(answered) * 2 * 10**9
            assert len(answered) == 5
            assert_conserved(gateway, {"acme": fake}, {"acme/rank": {"acme": "rerank-slow-20"}})
