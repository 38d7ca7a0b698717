"""Embeddings through the SDKs of OpenAI and OpenRouter."""

from __future__ import annotations

from array import array
from base64 import b64decode
from math import sqrt
from typing import Any

import openai
import pytest
from openai import OpenAI
from openrouter import OpenRouter, errors

from gateway import Gateway
from openrouter_schema import check_operation

_TEXTS = ["the cat sat on the mat", "a cat sat on a mat", "quarterly revenue rose"]


def _likeness(one: list[float], other: list[float]) -> float:
    lengths = sqrt(sum(x * x for x in one)) * sqrt(sum(y * y for y in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / lengths


def test_the_openai_sdk_reads_numbers_though_it_asks_for_base64_by_itself(openai_client: OpenAI) -> None:
    raw = openai_client.embeddings.with_raw_response.create(model="fake/embed", input=_TEXTS)
    answer = raw.parse()
    assert [one.index for one in answer.data] == [0, 1, 2]
    first, second, third = (one.embedding for one in answer.data)
    assert _likeness(first, second) > _likeness(first, third)
    assert answer.model == "fake/embed"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens > 0
    assert raw.headers["X-Generation-Id"].startswith("gen-")


@pytest.mark.parametrize("given", ["one text", ["one text"], [1, 2, 3], [[1, 2, 3], [4]]])
def test_every_kind_of_input_passes_the_openai_sdk(openai_client: OpenAI, given: Any) -> None:  # noqa: ANN401 - of any kind
    answer = openai_client.embeddings.create(model="fake/embed", input=given, encoding_format="float", dimensions=8)
    assert [len(one.embedding) for one in answer.data] == [8] * (2 if isinstance(given[0], list) else 1)


def test_both_forms_hold_the_same_vector(openai_client: OpenAI) -> None:
    numbers = openai_client.embeddings.create(model="fake/embed", input="same", encoding_format="float")
    text: Any = openai_client.embeddings.create(model="fake/embed", input="same", encoding_format="base64")
    unpacked = array("f")
    unpacked.frombytes(b64decode(text.data[0].embedding))
    assert unpacked == array("f", numbers.data[0].embedding)


def test_the_openai_sdk_sees_which_field_is_wrong(openai_client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"input\[1\]"):
        openai_client.embeddings.create(model="fake/embed", input=["fine", ""])
    with pytest.raises(openai.BadRequestError, match="makes no embeddings"):
        openai_client.embeddings.create(model="fake/echo", input="x")
    with pytest.raises(openai.BadRequestError, match="POST /embeddings"):
        openai_client.chat.completions.create(model="fake/embed", messages=[{"role": "user", "content": "Hello"}])


def test_the_openrouter_sdk_reads_vectors_and_their_cost(openrouter_client: OpenRouter) -> None:
    answer = openrouter_client.embeddings.generate(
        model="fake/embed", input=_TEXTS, dimensions=16, user="someone", input_type="search_query",
        provider={"allow_fallbacks": False}, retries=None,
    )  # fmt: skip
    assert not isinstance(answer, str)
    assert [len(one.embedding) for one in answer.data] == [16] * 3
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.cost == 0


def test_the_openrouter_sdk_reads_refusals(openrouter_client: OpenRouter) -> None:
    with pytest.raises(errors.BadRequestResponseError, match="makes no embeddings"):
        openrouter_client.embeddings.generate(model="fake/echo", input="x", retries=None)


@pytest.mark.parametrize("mount", ["/api/v1", "/v1"])
def test_an_answer_is_as_the_schema_says_on_both_mounts(gateway: Gateway, mount: str) -> None:
    reply = gateway.request("POST", f"{mount}/embeddings", {"model": "fake/embed", "input": "x"})
    assert reply.status == 200
    check_operation("POST", "/embeddings", reply.json())


def test_without_a_key_there_are_no_vectors(gateway: Gateway) -> None:
    reply = gateway.request("POST", "/api/v1/embeddings", {"model": "fake/embed", "input": "x"}, key=None)
    assert reply.status == 401
    assert reply.json()["error"]["code"] == 401


def test_get_is_no_way_to_ask_for_vectors(gateway: Gateway) -> None:
    reply = gateway.request("GET", "/api/v1/embeddings")
    assert reply.status == 405
    assert reply.json()["error"]["code"] == 405
