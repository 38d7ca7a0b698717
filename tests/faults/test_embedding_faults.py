"""Faults of providers of embeddings: others are tried, one record is kept, and nobody pays for nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import pytest

from conservation import generation_ids, settled
from gateway import FakeServer, Gateway, Reply, model_tables, provider_table, running
from vectors_upstream import Answer, Asked, Refusal, Scripted, scripted, vector

_PRICE = '{ prompt = "0.000001" }'
_DEARER = '{ prompt = "0.000002" }'
_IMPATIENT = "{ first_byte = 1.5, idle = 1.5, total = 3.0 }"
_FAULTS = {
    "embed-status-500": (502, "provider_unavailable"),
    "embed-status-429": (429, "rate_limit_exceeded"),
    "embed-status-401": (502, "provider_unavailable"),
    "embed-reset": (502, "provider_unavailable"),
    "embed-hang": (504, "timeout"),
    "embed-html": (502, "provider_unavailable"),
    "embed-slow-2500": (504, "timeout"),
}


class Works(NamedTuple):
    """A gateway with a sound provider, one that does as its model says, and one that a test wrote."""

    gateway: Gateway
    odd: Scripted
    script: list[object]


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    script: list[object] = [None]

    def play(asked: Asked) -> Answer:
        body = script[0](asked) if callable(script[0]) else script[0]
        return body if isinstance(body, Answer) else Answer(body)

    faulty, sound = (FakeServer(tmp_path_factory.mktemp(name), name) for name in ("faulty", "sound"))
    with running(faulty, sound), scripted(play) as odd:
        toml = "[catalog]\nbundled = false\n" + provider_table("sound", sound.base_url)
        toml += provider_table("faulty", faulty.base_url, timeouts=_IMPATIENT)
        toml += provider_table("odd", f"{odd.url}/v1", capabilities="{ embedding_batch = 2 }", timeouts=_IMPATIENT)
        for fault in _FAULTS:
            toml += model_tables(f"one/{fault}", [("faulty", fault, _PRICE)])
            toml += model_tables(f"two/{fault}", [("faulty", fault, _PRICE), ("sound", "embed", _DEARER)])
        toml += provider_table("patient", f"{odd.url}/v1", capabilities="{ embedding_batch = 2 }")
        toml += model_tables("patient/odd", [("patient", "odd", _PRICE)])
        toml += model_tables("one/odd", [("odd", "odd", _PRICE)])
        toml += model_tables("two/odd", [("odd", "odd", _PRICE), ("sound", "embed", _DEARER)])
        with Gateway(tmp_path_factory.mktemp("gateway"), toml) as gateway:
            yield Works(gateway, odd, script)
            assert "mistake of ours" not in gateway.log()
            assert "Traceback" not in gateway.log()


def _embed(works: Works, model: str, given: object = "hello", **fields: object) -> Reply:
    body = {"model": model, "input": given} | fields
    return works.gateway.request("POST", "/api/v1/embeddings", body)


def _rows(texts: list[str]) -> dict[str, object]:
    rows = [{"object": "embedding", "index": place, "embedding": vector(text)} for place, text in enumerate(texts)]
    return {"object": "list", "data": rows, "usage": {"prompt_tokens": len(texts), "total_tokens": len(texts)}}


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_fault_without_others_is_told_as_what_it_is(works: Works, fault: str) -> None:
    reply = _embed(works, f"one/{fault}")
    status, error_type = _FAULTS[fault]
    error = reply.json()["error"]
    assert (reply.status, error["code"], error["metadata"]["error_type"]) == (status, status, error_type)
    record = works.gateway.generation(reply)
    assert record["total_cost"] == 0
    assert record["api_type"] == "embeddings"


@pytest.mark.parametrize("fault", _FAULTS)
def test_another_endpoint_of_the_model_answers_instead(works: Works, fault: str) -> None:
    reply = _embed(works, f"two/{fault}", provider={"order": ["faulty", "sound"]})
    assert reply.status == 200
    answer = reply.json()
    assert answer["provider"] == "sound"
    assert round(answer["usage"]["cost"] * 1e12) == answer["usage"]["prompt_tokens"] * 2_000_000
    attempts = works.gateway.generation(reply)["provider_responses"]
    assert [one["provider_name"] for one in attempts] == ["faulty", "sound"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": []},
        {"data": None},
        {"data": [{"index": 0, "embedding": []}]},
        {"data": [{"index": 0, "embedding": None}]},
        {"data": [{"index": 0, "embedding": "not base64!"}]},
        {"data": [{"index": 0, "embedding": ""}]},
        {"data": [{"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
        {"error": {"message": "overloaded", "code": 503}},
        [],
        "text",
        None,
        Answer({"message": "gone"}, 503),
    ],
    ids=repr,
)
def test_an_answer_that_makes_no_sense_is_nobodys_vector(works: Works, body: object) -> None:
    works.script[0] = body
    reply = _embed(works, "two/odd", provider={"order": ["odd", "sound"]})
    assert reply.status == 200
    assert reply.json()["provider"] == "sound"


@pytest.mark.parametrize("form", ["float", "base64"])
def test_whatever_form_comes_the_form_that_was_asked_for_goes_out(works: Works, form: str) -> None:
    works.script[0] = {"data": [{"index": 0, "embedding": "AACAPw=="}], "usage": {"prompt_tokens": 1}}
    [row] = _embed(works, "one/odd", encoding_format=form).json()["data"]
    assert row["embedding"] == ("AACAPw==" if form == "base64" else [1.0])
    works.script[0] = {"data": [{"index": 0, "embedding": [1]}], "usage": {"prompt_tokens": 1}}
    [row] = _embed(works, "one/odd", encoding_format=form).json()["data"]
    assert row["embedding"] == ("AACAPw==" if form == "base64" else [1.0])


def test_one_failed_batch_sends_the_whole_request_elsewhere(works: Works) -> None:
    def fail_at_last(asked: Asked) -> object:
        texts = asked.body["input"]
        if "e" in texts:
            raise Refusal(500, {"error": {"message": "broken"}})
        return _rows(texts)

    works.script[0] = fail_at_last
    reply = _embed(works, "two/odd", list("abcde"), provider={"order": ["odd", "sound"]})
    assert reply.status == 200
    answer = reply.json()
    assert answer["provider"] == "sound"
    assert len({len(row["embedding"]) for row in answer["data"]}) == 1
    assert len(works.gateway.generation(reply)["provider_responses"]) == 2


def test_a_provider_that_counts_nothing_is_estimated(works: Works) -> None:
    works.script[0] = lambda asked: {"data": _rows(asked.body["input"])["data"]}
    answer = _embed(works, "one/odd", ["a" * 400] * 4).json()
    assert 400 <= answer["usage"]["prompt_tokens"] <= 410
    works.script[0] = {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [2]}]}
    tokens = _embed(works, "one/odd", [[1, 2, 3], [4]]).json()
    assert tokens["usage"]["prompt_tokens"] == 4


def test_a_client_that_leaves_is_recorded_once_and_pays_nothing(works: Works) -> None:
    before = len(_ids(works))

    def slow(asked: Asked) -> object:
        time.sleep(1.2)
        return _rows(asked.body["input"])

    works.script[0] = slow
    with suppress(TimeoutError):
        body = {"model": "patient/odd", "input": list("abcdef")}
        works.gateway.request("POST", "/api/v1/embeddings", body, timeout=0.4)
    found = settled(works.gateway, before + 1)
    assert sum(one.outcome == "cancelled" for one in found) == 1
    assert all(one.cost == 0 for one in found if one.outcome == "cancelled")


def test_many_at_once_are_all_recorded_and_add_up(works: Works) -> None:
    before = len(_ids(works))
    works.script[0] = lambda asked: _rows(asked.body["input"])
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: _embed(works, "one/odd", [f"{number}"] * 5), range(40)))
    assert [reply.status for reply in replies] == [200] * 40
    found = settled(works.gateway, before + 40)
    mine = [one for one in found if one.id in {reply.headers["x-generation-id"] for reply in replies}]
    assert len(mine) == 40
    assert sum(one.cost for one in mine) == 40 * 5 * 1_000_000


def _ids(works: Works) -> list[str]:
    """The ids of all generations so far, once the journal has been moved."""
    found: list[str] = []
    while True:
        before = found
        time.sleep(0.5)
        found = [name for name, _ in generation_ids(works.gateway)]
        if len(found) == len(before):
            return found
