"""What providers of embeddings said, served again: vectors, counts and what the provider is sent."""

from __future__ import annotations

import json
from array import array
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from gateway import Gateway, Reply, model_tables, provider_table
from recordings import Exchange, StandIn, exchanges, stand_in

_FILES = ("openai-embeddings", "google-embeddings", "cohere-embeddings")
_ALL = [one for name in _FILES for one in exchanges(name)]
_WITHOUT_DATA = pytest.mark.skip(reason="TURNOUT_TEST_DATA names no folder with recorded-traffic")
_PRICE = '{ prompt = "0.00000002" }'
_PICO = 20_000


class Stage(NamedTuple):
    """A gateway, and the stand-in for every provider behind it. ``models`` are ours by the provider's place of each."""

    gateway: Gateway
    provider: StandIn
    models: dict[tuple[str, str], str]


class Told(NamedTuple):
    """What an exchange says. *vectors* are float32, in the order of the inputs."""

    inputs: list[str]
    vectors: list[array[float]]
    tokens: int | None
    extras: dict[str, Any]


def _cases() -> list[Any]:
    return [pytest.param(one, id=one.id) for one in _ALL] or [pytest.param(None, marks=_WITHOUT_DATA)]


def _model(exchange: Exchange) -> str:
    named: str = exchange.request.get("model") or exchange.path.rpartition("/")[2].rpartition(":")[0]
    return named


def _floats(vector: str | list[float]) -> array[float]:
    if isinstance(vector, list):
        return array("f", vector)
    numbers = array("f")
    numbers.frombytes(b64decode(vector))
    return numbers


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    places = sorted({(one.provider.removesuffix("-embeddings"), _model(one)) for one in _ALL})
    models = {place: f"recorded/vectors-{number}" for number, place in enumerate(places)}
    with stand_in() as server:
        toml = "[catalog]\nbundled = false\n" + provider_table("openai", f"{server.url}/v1")
        toml += provider_table("google", server.url) + provider_table("cohere", server.url)
        for (provider, upstream), model in models.items():
            toml += model_tables(model, [(provider, upstream, _PRICE)])
        with Gateway(tmp_path_factory.mktemp("gateway"), toml) as gateway:
            yield Stage(gateway, server, models)
            assert "mistake of ours" not in gateway.log()


@pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
@pytest.mark.parametrize("form", ["float", "base64", None])
@pytest.mark.parametrize("exchange", _cases())
def test_the_client_reads_the_vectors_and_counts_of_the_provider(
    stage: Stage,
    exchange: Exchange,
    form: str | None,
    sliced: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    stage.provider.play(exchange, sliced=sliced)
    told = _told(exchange)
    reply = _ask(stage, exchange, told, form)
    assert reply.status == 200, reply.body
    answer = reply.json()
    data = answer["data"]
    assert [one["index"] for one in data] == list(range(len(told.inputs)))
    assert all(isinstance(one["embedding"], str if form == "base64" else list) for one in data)
    assert [_floats(one["embedding"]) for one in data] == told.vectors
    usage = answer["usage"]
    if told.tokens is not None:
        assert usage["prompt_tokens"] == usage["total_tokens"] == told.tokens
    assert round(usage["cost"] * 1e12) == usage["prompt_tokens"] * _PICO


@pytest.mark.parametrize("exchange", _cases())
def test_the_provider_is_sent_what_it_was_sent(stage: Stage, exchange: Exchange) -> None:
    stage.provider.play(exchange)
    form = exchange.request.get("encoding_format")
    _ask(stage, exchange, _told(exchange), form)
    [received] = stage.provider.received
    assert received.path == exchange.path
    assert json.loads(received.body) == {name: value for name, value in exchange.request.items() if value is not None}
    headers = {name.lower(): value for name, value in received.headers.items()}
    credential = headers["x-goog-api-key" if "google" in exchange.provider else "authorization"]
    assert credential.removeprefix("Bearer ") == "sk-upstream-secret"
    assert stage.gateway.key not in str(received)


def _ask(stage: Stage, exchange: Exchange, told: Told, form: str | None) -> Reply:
    model = stage.models[exchange.provider.removesuffix("-embeddings"), _model(exchange)]
    body = {"model": model, "input": told.inputs} | told.extras
    return stage.gateway.request(
        "POST", "/api/v1/embeddings", body if form is None else body | {"encoding_format": form}
    )


def _told(exchange: Exchange) -> Told:
    """The exchange in the words of our API: read from the provider's schema, not with our own code."""
    asked, said = exchange.request, exchange.response
    if exchange.provider.startswith("openai"):
        given = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        extras: dict[str, Any] = {name: asked[name] for name in ("dimensions", "user") if name in asked}
        rows = sorted(said["data"], key=lambda row: row["index"])
        return Told(given, [_floats(row["embedding"]) for row in rows], said["usage"]["prompt_tokens"], extras)
    if exchange.provider.startswith("google"):
        each = asked["requests"]
        texts = ["".join(part["text"] for part in one["content"]["parts"]) for one in each]
        extras = {"input_type": each[0].get("taskType"), "dimensions": each[0].get("outputDimensionality")}
        tokens = said.get("usageMetadata", {}).get("promptTokenCount")
        vectors = [_floats(one["values"]) for one in said["embeddings"]]
        return Told(texts, vectors, tokens, {name: value for name, value in extras.items() if value is not None})
    extras = {"input_type": asked["input_type"], "dimensions": asked.get("output_dimension")}
    extras |= {name: asked[name] for name in ("truncate", "max_tokens") if asked.get(name) is not None}
    units = said["meta"]["billed_units"]
    tokens = int(units["input_tokens"]) + int(units.get("image_tokens", 0))
    vectors = [_floats(one) for one in said["embeddings"]["float"]]
    return Told(asked["texts"], vectors, tokens, {name: value for name, value in extras.items() if value is not None})
