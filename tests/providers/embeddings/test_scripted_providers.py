"""Providers that no recording is of: asked in their own words, in batches that they take."""

from __future__ import annotations

from array import array
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from gateway import Gateway, Reply, model_tables, provider_table
from vectors_upstream import Scripted, azure, bedrock, mistral, scripted, vector, vertex, voyage

_PRICE = '{ prompt = "0.0000001" }'
_PIXEL = "data:image/png;base64,iVBORw0KGgo="
_KEYS = '[providers.bedrock]\nregion = "eu-central-1"\naccess_key_id = "AKIDEXAMPLE"\nsecret_access_key = "secret"\n'


class House(NamedTuple):
    """A gateway, and the providers behind it by their slugs."""

    gateway: Gateway
    providers: dict[str, Scripted]

    def embed(self, model: str, given: object, **fields: object) -> Reply:
        body = {"model": model, "input": given} | fields
        return self.gateway.request("POST", "/api/v1/embeddings", body)

    def bodies(self, slug: str) -> list[Any]:
        """What the provider was asked since this was last called."""
        asked = [one.body for one in self.providers[slug].asked]
        self.providers[slug].asked.clear()
        return asked


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    scripts = {"voyageai": voyage, "mistral": mistral, "bedrock": bedrock, "vertex": vertex, "azure": azure}
    with ExitStack() as stack:
        running = {slug: stack.enter_context(scripted(script)) for slug, script in scripts.items()}
        toml = "[catalog]\nbundled = false\n" + provider_table("voyageai", f"{running['voyageai'].url}/v1")
        toml += provider_table("mistral", f"{running['mistral'].url}/v1")
        toml += _KEYS + f'base_url = "{running["bedrock"].url}"\n'
        toml += provider_table("vertex", running["vertex"].url, project='"p-1"', location='"us-central1"')
        toml += provider_table("azure", running["azure"].url, api_version='"2024-10-21"')
        for model, slug, upstream in (
            ("v/voyage", "voyageai", "voyage-3.5"),
            ("v/mistral", "mistral", "mistral-embed"),
            ("v/titan", "bedrock", "amazon.titan-embed-text-v2:0"),
            ("v/picture", "bedrock", "amazon.titan-embed-image-v1"),
            ("v/old-titan", "bedrock", "amazon.titan-embed-text-v1"),
            ("v/cohere", "bedrock", "cohere.embed-english-v3"),
            ("v/gemini", "vertex", "gemini-embedding-001"),
            ("v/gemini-2", "vertex", "gemini-embedding-2"),
            ("v/gecko", "vertex", "text-embedding-005"),
            ("v/azure", "azure", "vectors"),
        ):
            toml += model_tables(model, [(slug, upstream, _PRICE)])
        toml += model_tables("v/both", [("bedrock", "cohere.embed-english-v3", "{}"), ("fake", "embed", _PRICE)])
        gateway = stack.enter_context(Gateway(tmp_path_factory.mktemp("gateway"), toml))
        yield House(gateway, running)
        assert "mistake of ours" not in gateway.log()


@pytest.fixture(autouse=True)
def _forget(house: House) -> None:
    for provider in house.providers.values():
        provider.asked.clear()


def _vectors(reply: Reply) -> list[list[float]]:
    assert reply.status == 200, reply.body
    answer = reply.json()
    assert [one["index"] for one in answer["data"]] == list(range(len(answer["data"])))
    return [one["embedding"] for one in answer["data"]]


@pytest.mark.parametrize(
    ("model", "slug", "count", "calls", "tokens_each"),
    [
        ("v/voyage", "voyageai", 2001, 3, 10),
        ("v/mistral", "mistral", 600, 2, 7),
        ("v/titan", "bedrock", 9, 9, 5),
        ("v/cohere", "bedrock", 200, 3, 2),
        ("v/gemini", "vertex", 5, 5, 6),
        ("v/gemini-2", "vertex", 5, 5, 4),
        ("v/gecko", "vertex", 251, 2, 6),
        ("v/azure", "azure", 2049, 2, 3),
    ],
)
def test_inputs_are_split_as_the_provider_takes_them_and_put_together_in_order(
    house: House, model: str, slug: str, count: int, calls: int, tokens_each: int
) -> None:
    texts = [f"text {number}" for number in range(count)]
    reply = house.embed(model, texts)
    assert _vectors(reply) == [vector(text) for text in texts]
    assert len(house.bodies(slug)) == calls
    usage = reply.json()["usage"]
    assert usage["prompt_tokens"] == usage["total_tokens"] == tokens_each * count
    assert round(usage["cost"] * 1e12) == usage["prompt_tokens"] * 100_000
    record = house.gateway.generation(reply)
    assert record["api_type"] == "embeddings"
    assert record["tokens_prompt"] == tokens_each * count
    assert len(record["provider_responses"]) == 1


@pytest.mark.parametrize("model", ["v/voyage", "v/mistral", "v/titan", "v/cohere", "v/gemini", "v/gecko", "v/azure"])
def test_base64_is_had_of_every_provider(house: House, model: str) -> None:
    [text] = _vectors(house.embed(model, "hello", encoding_format="base64"))
    numbers = array("f")
    numbers.frombytes(b64decode(text))  # type: ignore[arg-type]  # a text this time
    assert numbers.tolist() == vector("hello")


def test_voyage_is_told_length_and_purpose_in_its_own_words(house: House) -> None:
    reply = house.embed("v/voyage", ["a"], dimensions=8, input_type="search_query", user="someone", truncation=False)
    assert _vectors(reply) == [vector("a", 8)]
    [body] = house.bodies("voyageai")
    assert body == {
        "model": "voyage-3.5", "input": ["a"], "output_dimension": 8, "input_type": "query", "truncation": False
    }  # fmt: skip
    assert reply.headers["x-turnout-dropped"] == "user"


def test_mistral_is_told_no_more_than_it_knows(house: House) -> None:
    house.embed("v/mistral", "a", dimensions=8, input_type="search_query", user="someone", encoding_format="float")
    assert house.bodies("mistral") == [{"model": "mistral-embed", "input": "a", "output_dimension": 8}]


def test_titan_is_told_the_length_and_an_old_one_refuses_it(house: House) -> None:
    assert _vectors(house.embed("v/titan", "a", dimensions=8)) == [vector("a", 8)]
    assert house.bodies("bedrock") == [{"inputText": "a", "dimensions": 8}]
    refused = house.embed("v/old-titan", "a", dimensions=8)
    assert refused.status == 400
    assert "`dimensions`" in refused.json()["error"]["message"]


def test_a_picture_becomes_a_vector(house: House) -> None:
    parts = [{"type": "text", "text": "a dot"}, {"type": "image_url", "image_url": {"url": _PIXEL}}]
    reply = house.embed("v/picture", [{"content": parts}], dimensions=6)
    assert _vectors(reply) == [vector("iVBORw0KGgo=", 6)]
    [body] = house.bodies("bedrock")
    assert body["inputText"] == "a dot"


def test_vertex_is_told_task_and_length(house: House) -> None:
    assert _vectors(house.embed("v/gecko", ["a"], dimensions=8, input_type="search_query")) == [vector("a", 8)]
    assert house.bodies("vertex") == [
        {"instances": [{"content": "a", "task_type": "RETRIEVAL_QUERY"}], "parameters": {"outputDimensionality": 8}}
    ]
    house.embed("v/gemini-2", ["a"], input_type="search_document")
    [body] = house.bodies("vertex")
    assert body == {"content": {"parts": [{"text": "title: none | text: a"}]}}


@pytest.mark.parametrize("model", ["v/titan", "v/cohere", "v/gemini", "v/gemini-2", "v/gecko"])
def test_tokens_are_refused_where_they_would_mean_something_else(house: House, model: str) -> None:
    reply = house.embed(model, [[1, 2, 3]])
    assert reply.status == 400
    assert "tokens" in reply.json()["error"]["message"]
    assert [one for provider in house.providers.values() for one in provider.asked] == []


def test_what_one_provider_has_no_words_for_is_asked_of_another(house: House) -> None:
    reply = house.embed("v/both", [[1, 2, 3]], provider={"order": ["bedrock", "fake"]})
    assert reply.status == 200
    assert reply.json()["provider"] == "Fake"
    assert house.bodies("bedrock") == []


def test_content_of_text_alone_is_a_text_everywhere(house: House) -> None:
    assert _vectors(house.embed("v/gecko", [{"content": [{"type": "text", "text": "a"}]}])) == [vector("a")]
