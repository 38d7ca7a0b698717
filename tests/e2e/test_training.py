"""Voters that learn, through the whole gateway: who knows which topic, and what a confidence is worth."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway import FakeServer, Gateway, Reply, model_tables, provider_table, running
from topics import KNOWING, Question, questions, static_model, taught_model
from turnout.query.calibration import expected_calibration_error

_PRICE = '{ prompt = "0.000002" }'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("training")
    with FakeServer(directory, "acme") as fake:
        toml = provider_table("acme", fake.base_url)
        toml += model_tables("acme/embed", [("acme", "fake/embed", _PRICE)])
        toml += model_tables("acme/broken", [("acme", "fake/embed-status-500", _PRICE)])
        with running(gateway := Gateway(directory, toml)):
            yield gateway


def ask(gateway: Gateway, model: object, question: Question, seed: int, **fields: object) -> Reply:
    body = {"messages": question.messages, "choices": question.choices, "model": model, "seed": seed, "vote_seed": seed}
    return gateway.request("POST", "/score/completions", body | fields)


def teach(gateway: Gateway, model: object, known: list[Question]) -> None:
    def one(pair: tuple[int, Question]) -> None:
        answer = ask(gateway, model, pair[1], pair[0]).json()
        path = f"/score/completions/{answer['id']}/training_table"
        assert gateway.request("POST", path, {"choice_index": pair[1].truth}).status == 200

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, enumerate(known)))


def ballots(gateway: Gateway, model: object, asked: list[Question]) -> list[Any]:
    def one(pair: tuple[int, Question]) -> Any:  # noqa: ANN401 - JSON
        return ask(gateway, model, pair[1], 10_000 + pair[0], store=False).json()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, enumerate(asked)))


def accuracy(answers: list[Any], asked: list[Question]) -> float:
    pairs = zip(answers, asked, strict=True)
    return sum(bool(one["ballot"]["winner"] == own.truth) for one, own in pairs) / len(asked)


@pytest.mark.parametrize("embeddings", ["turnout/hash-256", pytest.param("acme/embed", marks=pytest.mark.slow)])
def test_after_200_marked_rows_voters_weigh_by_what_they_know(gateway: Gateway, embeddings: str) -> None:
    model = taught_model(embeddings)
    asked = questions(200, 2)
    static = accuracy(ballots(gateway, static_model(), asked), asked)
    teach(gateway, model, questions(200, 1))
    answers = ballots(gateway, model, asked)
    assert accuracy(answers, asked) >= static + 0.1
    found = 0
    for answer, question in zip(answers, asked, strict=True):
        knows = [choice["weight_evidence"]["weight"] for choice in voters_of(gateway, answer)]
        found += (knows[0] > knows[1]) is ("alpha" in question.prompt)
    assert found >= 180


def voters_of(gateway: Gateway, answer: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Choices of the voters, in the order of ``KNOWING``."""
    defined = gateway.request("GET", f"/score/models/{answer['model']}").json()["llms"]
    slugs = {one["index"]: one["model"] for one in defined}
    return sorted(answer["choices"][-len(KNOWING) :], key=lambda one: KNOWING.index(slugs[one["model_index"]]))


def test_an_answer_says_what_its_weights_rest_on_and_what_its_confidence_is_worth(gateway: Gateway) -> None:
    model = taught_model(top=7)
    before = ask(gateway, model, questions(1, 3)[0], 1).json()
    assert before["weight_data"]["type"] == "training_table"
    assert len(before["weight_data"]["embeddings_response"]["data"][0]["embedding"]) == 256
    for voter in voters_of(gateway, before):
        evidence = {"weight": 1.0, "rows_used": 0, "similarity_sum": 0.0, "match_rate": None}
        if "calibrated_confidence" not in before["ballot"]:
            assert voter["weight_evidence"] == evidence
    teach(gateway, model, questions(40, 4))
    after = ask(gateway, model, questions(1, 3)[0], 1).json()
    assert after["ballot"]["calibration_rows"] >= 40
    assert 0 < after["ballot"]["calibrated_confidence"] < 1
    for voter in voters_of(gateway, after):
        evidence = voter["weight_evidence"]
        assert evidence["rows_used"] == 7
        assert evidence["weight"] == voter["weight"]
        assert 0 < evidence["similarity_sum"] <= 7
        assert 0 <= evidence["match_rate"] <= 1


def test_calibrated_confidence_is_the_chance_of_being_right(gateway: Gateway) -> None:
    model = {"llms": [{"model": f"fake/vote-0.{skill}"} for skill in (8, 7, 6, 65, 55)]}
    teach(gateway, model, questions(300, 5))
    asked = questions(600, 6)
    answers = ballots(gateway, model, asked)
    right = [one["ballot"]["winner"] == own.truth for one, own in zip(answers, asked, strict=True)]
    assert all(one["ballot"]["calibration_rows"] == 300 for one in answers)
    plain, calibrated = (
        expected_calibration_error([one["ballot"][name] for one in answers], right)
        for name in ("confidence", "calibrated_confidence")
    )
    assert calibrated < plain / 2
    told = gateway.request("GET", f"/score/models/{answers[0]['model']}?metadata=true").json()
    assert told["marked"] == 300
    assert told["accuracy"] == pytest.approx(sum(right) / 600, abs=0.08)
    assert 0 < told["calibrated_brier_score"] < told["brier_score"] < 0.3
    assert told["calibrated_expected_calibration_error"] < told["expected_calibration_error"]
    nobody = gateway.request("GET", "/score/models?count=1", key=None)
    assert nobody.status == 401


def test_embeddings_are_charged_and_counted_apart(gateway: Gateway) -> None:
    model = taught_model("acme/embed", top=3)
    answer = ask(gateway, model, questions(1, 7)[0], 1).json()
    tokens = answer["weight_data"]["embeddings_response"]["usage"]["prompt_tokens"]
    assert answer["usage"]["cost"] == pytest.approx(tokens * 0.000002)
    free = ask(gateway, static_model(), questions(1, 7)[0], 1).json()
    assert answer["usage"]["prompt_tokens"] == free["usage"]["prompt_tokens"] + tokens


def test_voters_vote_with_their_base_weights_where_the_embeddings_model_fails(gateway: Gateway) -> None:
    answer = ask(gateway, taught_model("acme/broken"), questions(1, 8)[0], 1).json()
    assert answer["ballot"]["status"] == "decided"
    assert answer["weight_data"]["embeddings_response"]["error"]["message"]
    assert [one["weight_evidence"]["weight"] for one in voters_of(gateway, answer)] == [1, 1]
    missing = ask(gateway, taught_model("acme/none"), questions(1, 8)[0], 1)
    assert missing.status in {400, 404}


def test_answers_of_a_query_model_teach_it_too(gateway: Gateway) -> None:
    weight = {"type": "training_table", "base_weight": 1, "min_weight": 0.5, "max_weight": 2}
    llms = [{"id": f"fake/{name}", "mode": "generate", "weight": weight} for name in ("echo", "lorem-3")]
    kind = {"type": "training_table", "embeddings_model": "turnout/hash-256", "top": 5}
    model = {"models": llms, "weight": kind}
    body = {"messages": [{"role": "user", "content": "say this"}], "model": model}
    first = gateway.request("POST", "/query/completions", body).json()
    right = next(one for one in first["choices"] if one["message"]["content"] == "say this")
    path = f"/query/completions/{first['id']}/training_table"
    assert gateway.request("POST", path, {"choice_index": right["index"]}).status == 200
    second = gateway.request("POST", "/query/completions", body).json()
    assert sorted(one["confidence_weight"] for one in second["choices"]) == [0.5, 2]
    assert second["choices"][0]["message"]["content"] == "say this"
    assert second["training_table_data"]["response_format_hash"]
    other = gateway.request("POST", "/query/completions", body | {"response_format": {"type": "text"}}).json()
    assert [one["confidence_weight"] for one in other["choices"]] == [1, 1]
    assert gateway.request("DELETE", path).status == 200
    third = gateway.request("POST", "/query/completions", body).json()
    assert [one["confidence_weight"] for one in third["choices"]] == [1, 1]
