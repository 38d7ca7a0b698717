"""Requests for embeddings: what is read, what is refused and how an answer is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from turnout.api.embeddings import EmbeddingsSurface
from turnout.base.errors import BadRequest
from turnout.base.money import Pico
from turnout.domain.completion import Choice, Completion
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.usage import Cost, Usage

_SURFACE = EmbeddingsSurface()


def _decoded(given_input: object, **fields: object) -> EmbeddingRequest:
    return _SURFACE.decode(json.dumps({"model": "a/b", "input": given_input} | fields).encode())


@given(st.lists(st.text(min_size=1), min_size=1, max_size=20))
def test_texts_come_as_they_were_sent(texts: list[str]) -> None:
    request = _decoded(texts)
    assert request.inputs == texts
    assert json.loads(bytes(request.fields["input"])) == texts
    assert request.prompt_bytes >= sum(len(text.encode()) for text in texts)


@pytest.mark.parametrize(
    ("sent", "inputs"),
    [
        ("one", ["one"]),
        (["one"], ["one"]),
        ([1, 2], [[1, 2]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ([{"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], ["a\nb"]),
    ],
)
def test_every_kind_of_input_is_known(sent: object, inputs: object) -> None:
    assert _decoded(sent).inputs == inputs


def test_parts_other_than_text_stand_in_messages_in_the_words_of_chats() -> None:
    media = {"data": "QUJD", "format": "mp4"}
    parts: list[Any] = [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
        {"type": "input_video", "input_video": media},
        {"type": "input_file", "input_file": {"data": "QUJD", "format": "application/pdf"}},
    ]
    request = _decoded([{"content": parts}])
    assert request.inputs == [None]
    [message] = json.loads(bytes(request.fields["messages"]))
    assert message["content"] == [
        parts[0],
        parts[1],
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,QUJD"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}},
    ]


def test_what_is_judged_is_read() -> None:
    request = _decoded(
        "x", dimensions=8, encoding_format="base64", input_type="search_query", user="u", provider={"only": ["acme"]}
    )
    assert (request.dimensions, request.base64, request.input_type) == (8, True, "search_query")
    assert request.parameters.user == "u"
    assert request.parameters.provider is not None
    assert request.parameters.provider.only == ["acme"]
    assert not request.stream
    assert request.wants == "embeddings"


def test_only_the_longest_of_several_must_be_read_at_once() -> None:
    assert _decoded(["a" * 100, "é" * 100]).at_once == 200
    assert _decoded([[1, 2], [3]]).at_once == 8
    assert _decoded("a" * 100).at_once is None


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"input": "x"}, "`model` is missing"),
        ({"model": "a/b"}, "`input` is missing"),
        ({"model": 3, "input": "x"}, "`model`"),
        ({"model": "", "input": "x"}, "`model`"),
        ({"model": "a/b", "input": ""}, "`input` is empty"),
        ({"model": "a/b", "input": []}, "`input` is empty"),
        ({"model": "a/b", "input": ["a", ""]}, r"`input\[1\]` is empty"),
        ({"model": "a/b", "input": [[1], []]}, r"`input\[1\]` is empty"),
        ({"model": "a/b", "input": ["a", 1]}, r"`input\[1\]`"),
        ({"model": "a/b", "input": [1, "a"]}, r"`input\[1\]`"),
        ({"model": "a/b", "input": [[1, -1]]}, r"`input\[0\]\[1\]`"),
        ({"model": "a/b", "input": [1.5]}, r"`input\[0\]`"),
        ({"model": "a/b", "input": None}, "`input` must be"),
        ({"model": "a/b", "input": {"text": "a"}}, "`input` must be"),
        ({"model": "a/b", "input": ["a"] * 4097}, "more than 4096"),
        ({"model": "a/b", "input": [{"content": []}]}, r"`input\[0\]\.content`"),
        ({"model": "a/b", "input": [{"content": [{"type": "smell"}]}]}, r"input\[0\].content\[0\].*'smell'"),
        ({"model": "a/b", "input": "x", "dimensions": 0}, "`dimensions`"),
        ({"model": "a/b", "input": "x", "dimensions": "8"}, "`dimensions`"),
        ({"model": "a/b", "input": "x", "encoding_format": "int8"}, "`encoding_format`"),
        ({"model": "a/b", "input": "x", "input_type": 3}, "`input_type`"),
        ({"model": "a/b", "input": "x", "user": "u" * 257}, "`user`"),
        ({"model": "a/b", "input": "x", "provider": {"onyl": []}}, "provider"),
        ({"model": "a/b", "input": "x", "models": ["a/c"]}, "`models`"),
    ],
)
def test_a_refusal_names_the_field(body: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequest, match=named):
        _SURFACE.decode(json.dumps(body).encode())


@given(st.binary(max_size=200) | st.builds(lambda text: b'{"model":"a/b","input":%b}' % text, st.binary(max_size=80)))
def test_hostile_bodies_are_refused_and_break_nothing(body: bytes) -> None:
    try:
        request = _SURFACE.decode(body)
    except BadRequest:
        return
    assert request.inputs


def test_an_answer_has_vectors_usage_and_cost() -> None:
    encoder = _SURFACE.encoder("gen-1", 0, _decoded(["a", "b"]))
    encoder.served_by("a/b", "Acme")
    choices = [Choice({"embedding": Raw(b"[1.5]")}, 0), Choice({"embedding": Raw(b'"AAAA"')}, 1)]
    price = Cost(Pico(3_000_000), Pico(0), Pico(0), Pico(3_000_000))
    assert json.loads(encoder.whole(Completion(choices), Usage(fresh=3), price)) == {
        "id": "gen-1",
        "object": "list",
        "model": "a/b",
        "provider": "Acme",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1.5]},
            {"object": "embedding", "index": 1, "embedding": "AAAA"},
        ],
        "usage": {
            "prompt_tokens": 3,
            "total_tokens": 3,
            "cost": 3e-6,
            "is_byok": False,
            "cost_details": {
                "upstream_inference_cost": None,
                "upstream_inference_prompt_cost": 3e-6,
                "upstream_inference_completions_cost": 0.0,
            },
        },
    }
