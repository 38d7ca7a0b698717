"""The endpoints of voters over HTTP: each row of the published table, from making to reloading."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, Reply

STATIC = {"type": "static", "weight": 1}
ASKED = [{"role": "user", "content": "Which of them is it?"}]
CHOICES = ["the first one", "the second one", "the third one"]
BEST = min(CHOICES, key=lambda text: sha256(text.encode()).hexdigest())
"""What a fake voter of skill 1 votes for."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("query")) as gateway:
        yield gateway


def score_llm(model: str = "fake/vote-1", **fields: object) -> dict[str, Any]:
    return {"model": model} | fields


def query_llm(model: str, mode: str = "generate", weight: float = 1, **fields: object) -> dict[str, Any]:
    return {"id": model, "mode": mode, "weight": {"type": "static", "weight": weight}} | fields


def query_model(*llms: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"models": list(llms), "weight": {"type": "static"}} | fields


def score(gateway: Gateway, *llms: dict[str, Any], **fields: object) -> Reply:
    body = {"messages": ASKED, "choices": CHOICES, "model": {"llms": list(llms)}} | fields
    return gateway.request("POST", "/score/completions", body)


def query(gateway: Gateway, *llms: dict[str, Any], **fields: object) -> Reply:
    body = {"messages": ASKED, "model": query_model(*llms)} | fields
    return gateway.request("POST", "/query/completions", body)


def enum_schema(*values: str) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": list(values)}}}


# -- score --


@pytest.mark.parametrize("mount", ["", "/v1", "/api/v1"])
def test_voters_weigh_the_choices_that_were_supplied(gateway: Gateway, mount: str) -> None:
    model = {"llms": [score_llm(), score_llm(temperature=0.5, weight={"type": "static", "weight": 3})]}
    body = {"messages": ASKED, "choices": CHOICES, "model": model}
    reply = gateway.request("POST", f"{mount}/score/completions", body)
    answer = reply.json()
    assert reply.status == 200
    assert answer["id"].startswith("scrcpl-")
    assert [choice["message"]["content"] for choice in answer["choices"][:3]] == CHOICES
    winner = answer["choices"][CHOICES.index(BEST)]
    assert (winner["weight"], winner["confidence"], winner["model"]) == (4, 1, None)
    voters = answer["choices"][3:]
    assert sorted(voter["weight"] for voter in voters) == [1, 3]
    for voter in voters:
        assert voter["message"]["vote"][CHOICES.index(BEST)] == 1
        assert voter["confidence"] == 1
        assert voter["vote_kind"] == "hard"
        assert voter["completion_metadata"]["usage"]["prompt_tokens"] > 0
    assert answer["weight_data"] == {"type": "static"}
    assert answer["ballot"]["winner"] == CHOICES.index(BEST)
    assert answer["ballot"]["status"] == "decided"


@pytest.mark.parametrize("mode", ["instruction", "json_schema", "tool_call"])
@pytest.mark.parametrize("logprobs", [0, 20])
def test_each_output_mode_is_read_as_a_vote(gateway: Gateway, mode: str, logprobs: int) -> None:
    answer = score(gateway, score_llm(output_mode=mode, top_logprobs=logprobs)).json()
    voter = answer["choices"][3]
    told = logprobs and mode != "tool_call"  # the arguments of a call come without probabilities
    assert voter["vote_kind"] == ("logprobs" if told else "hard")
    assert voter["finish_reason"] == "stop"
    assert answer["ballot"]["winner"] == CHOICES.index(BEST)
    assert sum(voter["message"]["vote"]) == pytest.approx(1)


def test_a_thought_comes_before_the_key(gateway: Gateway) -> None:
    answer = score(gateway, score_llm(output_mode="json_schema", synthetic_reasoning=True)).json()
    assert answer["choices"][3]["message"]["content"].startswith('{"_think"')


def test_more_choices_than_letters_make_a_tree(gateway: Gateway) -> None:
    choices = [f"choice {number}" for number in range(45)]
    best = min(choices, key=lambda text: sha256(text.encode()).hexdigest())
    answer = score(gateway, score_llm(top_logprobs=20), choices=choices).json()
    vote = answer["choices"][45]["message"]["vote"]
    assert vote[choices.index(best)] == max(vote)
    assert sum(vote) == pytest.approx(1)


def test_a_stream_tells_options_voters_and_the_aggregate_in_this_order(gateway: Gateway) -> None:
    reply = score(gateway, score_llm(), score_llm(temperature=0.5), stream=True)
    events = reply.events()
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert events[-1] == "[DONE]"
    assert [choice["delta"]["content"] for choice in events[0]["choices"]] == CHOICES
    last = events[-2]
    between = events[1:-2]
    assert all(choice["index"] >= 3 for event in between for choice in event["choices"])
    closing = [choice for event in between for choice in event["choices"] if "vote" in choice["delta"]]
    assert len(closing) == 2
    assert all("usage" not in event for event in between)
    assert all("completion_metadata" not in choice for event in between for choice in event["choices"])
    assert [choice["delta"] for choice in last["choices"]] == [{}] * 5
    assert last["choices"][CHOICES.index(BEST)]["confidence"] == 1
    assert last["choices"][3]["completion_metadata"]["usage"]["prompt_tokens"] > 0
    assert last["usage"]["prompt_tokens"] > 0
    assert last["ballot"]["succeeded"] == 2
    written = "".join(
        choice["delta"].get("content", "") for event in between for choice in event["choices"] if choice["index"] == 3
    )
    assert written.count("`") == 2


def test_the_same_seed_asks_the_same_questions(gateway: Gateway) -> None:
    first, second, other = (
        score(gateway, score_llm("fake/vote-0.5"), vote_seed=seed, seed=1).json() for seed in (7, 7, 8)
    )
    assert first["ballot"]["vote_seed"] == 7
    contents = [answer["choices"][3]["message"]["content"] for answer in (first, second, other)]
    assert contents[0] == contents[1]
    kept = gateway.request("GET", f"/score/completions/{other['id']}").json()
    assert kept["response"]["ballot"]["vote_seed"] == 8


def test_two_passes_ask_twice(gateway: Gateway) -> None:
    answer = score(gateway, score_llm(), passes=2).json()
    single = score(gateway, score_llm()).json()
    assert answer["usage"]["prompt_tokens"] == 2 * single["usage"]["prompt_tokens"]
    assert answer["ballot"]["winner"] == CHOICES.index(BEST)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"choices": ["only one"]}, "choices"),
        ({"choices": ["a", 5]}, "choices[1]"),
        ({"choices": ["a", {"role": "user", "content": "b"}]}, "choices[1].role"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "messages[0].role"),
        ({"temperature": 0.5}, "temperature"),
        ({"min_weight_share": 2}, "min_weight_share"),
        ({"early_stop": "soon"}, "early_stop"),
        ({"max_cost": "much"}, "max_cost"),
        ({"max_cost": 10**400}, "max_cost"),
        ({"passes": 3}, "passes"),
        ({"cascade": {"marginn": 1}}, "cascade.marginn"),
        ({"model": 5}, "model"),
    ],
)
def test_what_is_wrong_is_named(gateway: Gateway, fields: dict[str, Any], word: str) -> None:
    reply = score(gateway, score_llm(), **fields)
    assert reply.status == 400
    assert f"`{word}`" in reply.json()["error"]["message"]


def test_unknown_models_are_not_found(gateway: Gateway) -> None:
    assert score(gateway, model="3ILPmYwxjVJc3Ohdpk8JAy").status == 404
    assert score(gateway, model="nonsense").status == 400


def test_nobody_without_a_key_is_served(gateway: Gateway) -> None:
    for path in ("/query/completions", "/score/completions", "/multichat/completions"):
        assert gateway.request("POST", path, {}, key=None).status == 401
        assert gateway.request("GET", path, key=None).status == 401
    assert gateway.request("POST", "/score/completions", {}, key=gateway.management_key).status == 403


# -- query --


def test_equal_answers_and_selections_add_up(gateway: Gateway) -> None:
    answer = query(
        gateway,
        query_llm("fake/echo"),
        query_llm("fake/echo", temperature=0.5),
        query_llm("fake/lorem-3"),
        query_llm("fake/vote-1", "select_non_thinking", weight=2),
    ).json()
    assert answer["id"].startswith("rnkcpl-")
    choices = answer["choices"]
    assert [choice["confidence"] for choice in choices] == sorted((one["confidence"] for one in choices), reverse=True)
    by_text = {choice["message"]["content"]: choice for choice in choices if choice["generate_id"]}
    texts = ["Which of them is it?", "lorem ipsum dolor"]
    best = min(texts, key=lambda text: sha256(text.encode()).hexdigest())
    own = {"Which of them is it?": 2, "lorem ipsum dolor": 1}
    for text in texts:
        assert by_text[text]["confidence"] == pytest.approx((own[text] + 2 * (text == best)) / 5)
    selector = next(choice for choice in choices if choice["generate_id"] is None)
    assert selector["confidence_id"] == by_text[best]["confidence_id"]
    assert answer["ballot"]["winner"] == by_text[best]["confidence_id"]


@pytest.mark.parametrize("mode", ["select_thinking", "select_non_thinking"])
@pytest.mark.parametrize("logprobs", [False, True])
def test_selectors_of_every_mode_vote(gateway: Gateway, mode: str, logprobs: bool) -> None:  # noqa: FBT001 - a parameter
    name = f"{mode}_logprobs" if logprobs else mode
    answer = query(gateway, query_llm("fake/echo"), query_llm("fake/lorem-3"), query_llm("fake/vote-0.9", name)).json()
    selector = next(choice for choice in answer["choices"] if choice["generate_id"] is None)
    if logprobs:
        assert sum(selector["confidence_id"].values()) == pytest.approx(1)
    else:
        assert isinstance(selector["confidence_id"], str)
    assert selector["message"]["content"].startswith('{"_think"') == (mode == "select_thinking")


def test_several_answers_of_one_voter_share_its_weight(gateway: Gateway) -> None:
    answer = query(gateway, query_llm("fake/echo", weight=3), query_llm("fake/lorem-3"), n=2).json()
    generated = [choice for choice in answer["choices"] if choice["message"]["content"] == "Which of them is it?"]
    assert [choice["confidence_weight"] for choice in generated] == [1.5, 1.5]
    assert generated[0]["confidence"] == pytest.approx(3 / 4)


def test_every_permitted_output_is_there_to_be_selected(gateway: Gateway) -> None:
    voter = query_llm("fake/vote-1", "select_non_thinking")
    answer = query(gateway, voter, response_format=enum_schema("yes", "no"), select_deterministic=True).json()
    listed = [choice for choice in answer["choices"] if choice["model_index"] is None]
    assert {choice["message"]["content"] for choice in listed} == {'"yes"', '"no"'}
    best = min(('"yes"', '"no"'), key=lambda text: sha256(text.encode()).hexdigest())
    assert listed[0]["message"]["content"] == best
    assert listed[0]["confidence"] == 1


def test_what_makes_no_difference_does_not_part_answers(gateway: Gateway) -> None:
    properties = {"answer": {"enum": ["x"]}, "note": {"type": "string", "_confidence": False}}
    schema = {"type": "object", "properties": properties, "required": ["answer", "note"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = query(gateway, query_llm("fake/json"), query_llm("fake/json", temperature=0.5), response_format=form)
    assert len({choice["confidence_id"] for choice in answer.json()["choices"]}) == 1


def test_each_different_answer_has_a_vector_where_one_is_wanted(gateway: Gateway) -> None:
    made = query(gateway, query_llm("fake/echo"), query_llm("fake/lorem-3"), embeddings="fake/embed").json()
    vectors = [choice["embedding"] for choice in made["choices"]]
    assert all(isinstance(vector[0], float) for vector in vectors)
    assert vectors[0] != vectors[1]
    model = gateway.request("GET", f"/query_models/{made['model']}?metadata=true").json()
    assert model["embedding_prompt_tokens"] > 0
    assert query(gateway, query_llm("fake/echo"), embeddings="fake/echo").status == 400
    built_in = query(gateway, query_llm("fake/echo"), embeddings="turnout/hash-256").json()
    assert len(built_in["choices"][0]["embedding"]) == 256


def test_a_model_without_anybody_who_answers_needs_a_schema(gateway: Gateway) -> None:
    assert query(gateway, query_llm("fake/vote-1", "select_thinking")).status == 400


def test_a_query_streams_in_order(gateway: Gateway) -> None:
    llms = (query_llm("fake/echo"), query_llm("fake/lorem-3"), query_llm("fake/vote-1", "select_non_thinking"))
    events = query(gateway, *llms, stream=True).events()
    assert events[-1] == "[DONE]"
    closed = [choice for event in events[:-2] for choice in event["choices"] if choice.get("confidence_id") is not None]
    assert [choice["generate_id"] is None for choice in closed] == [False, False, True]
    assert len(events[-2]["choices"]) == 3
    assert sum(choice["confidence"] is not None for choice in events[-2]["choices"]) == 3
    assert "usage" in events[-2]


# -- multichat --


def test_multichat_answers_and_does_not_vote(gateway: Gateway) -> None:
    model = {"llms": [score_llm("fake/echo"), score_llm("fake/lorem-3")]}
    reply = gateway.request("POST", "/multichat/completions", {"messages": ASKED, "model": model})
    choices = reply.json()["choices"]
    assert {choice["message"]["content"] for choice in choices} == {"Which of them is it?", "lorem ipsum dolor"}
    assert all("confidence" not in choice and "weight" not in choice for choice in choices)
    by_id = gateway.request("POST", "/score/models", model).json()
    again = gateway.request("POST", "/multichat/completions", {"messages": ASKED, "model": by_id["id"]})
    assert again.json()["model"] == by_id["multichat_id"] == reply.json()["model"]


def test_multichat_streams(gateway: Gateway) -> None:
    body = {"messages": ASKED, "model": {"llms": [score_llm("fake/lorem-3")]}, "stream": True}
    events = gateway.request("POST", "/multichat/completions", body).events()
    text = "".join(choice["delta"].get("content", "") for event in events[:-1] for choice in event["choices"])
    assert text == "lorem ipsum dolor"


# -- the archive --


def test_archived_answers_stand_for_choices_and_messages(gateway: Gateway) -> None:
    model = {"llms": [score_llm("fake/echo"), score_llm("fake/lorem-3")]}
    made = gateway.request("POST", "/multichat/completions", {"messages": ASKED, "model": model}).json()
    choices = [{"type": "multichat_completion", "id": made["id"], "choice_index": index} for index in (0, 1)]
    answer = score(gateway, score_llm(), choices=choices).json()
    texts = [choice["message"]["content"] for choice in sorted(made["choices"], key=lambda one: one["index"])]
    assert [choice["message"]["content"] for choice in answer["choices"][:2]] == texts
    message = {"role": "multichat_completion", "id": made["id"]}
    assert score(gateway, score_llm(), messages=[*ASKED, message]).status == 200
    llm = {"id": "fake/echo", "mode": "generate", "weight": {"type": "static", "weight": 1}}
    voters = {"models": [llm], "weight": {"type": "static"}}
    name = gateway.request("POST", "/query_models", voters).json()["name"]
    chat = gateway.chat(f"query/{name}", "Well?").json()
    told = {"type": "chat_completion", "id": chat["metadata"]["completion_id"]}
    judged = score(gateway, score_llm(), choices=[told, "x"]).json()["choices"][0]
    assert judged["message"]["content"] == chat["choices"][0]["message"]["content"] == "Well?"
    wrong = [{"type": "multichat_completion", "id": made["id"], "choice_index": 9}, "x"]
    reply = score(gateway, score_llm(), choices=wrong)
    assert reply.status == 400
    assert reply.json()["error"]["metadata"]["kind"] == "invalid_completion_choice_index"
    assert score(gateway, score_llm(), choices=[{"type": "score_completion", "id": "none"}, "x"]).status == 404


@pytest.mark.parametrize("family", ["query", "score", "multichat"])
def test_a_completion_is_listed_read_and_published(gateway: Gateway, family: str) -> None:
    llms = {"llms": [score_llm()]}
    body: dict[str, Any] = {
        "messages": ASKED,
        "model": query_model(query_llm("fake/echo")) if family == "query" else llms,
    }
    if family == "score":
        body["choices"] = CHOICES
    made = gateway.request("POST", f"/{family}/completions", body).json()
    listed = gateway.request("GET", f"/{family}/completions?count=1").json()["data"]
    assert listed[0]["id"] == made["id"]
    assert set(listed[0]) == {"id", "created"} | ({"preview"} if family != "query" else set())
    kept = gateway.request("GET", f"/{family}/completions/{made['id']}").json()
    assert kept["request"] == body
    assert kept["response"] == made
    published = gateway.request("POST", f"/{family}/completions/{made['id']}/publish")
    assert (published.status, published.body) == (200, b"")
    assert gateway.request("GET", f"/{family}/completions/none").status == 404


def test_only_what_is_published_is_read_by_others(gateway: Gateway) -> None:
    manager = gateway.management_key
    tenant = gateway.request("POST", "/api/v1/accounts", {"name": "other"}, key=manager).json()["data"]["id"]
    made = gateway.request("POST", "/api/v1/keys", {"name": "x", "account_id": tenant}, key=manager).json()
    completion = score(gateway, score_llm()).json()["id"]
    place = f"/score/completions/{completion}"
    assert gateway.request("GET", place, key=made["key"]).status == 404
    assert gateway.request("POST", f"{place}/publish", key=made["key"]).status == 404
    gateway.request("POST", f"{place}/publish")
    assert gateway.request("GET", place, key=made["key"]).status == 200
    truth = {"correct_vote": [1, 0, 0]}
    assert gateway.request("POST", f"{place}/training_table", truth, key=made["key"]).status == 404


def test_the_truth_of_a_score_completion_is_told_and_taken_back(gateway: Gateway) -> None:
    place = f"/score/completions/{score(gateway, score_llm()).json()['id']}"
    assert gateway.request("POST", f"{place}/training_table", {"correct_vote": [0, 0.5, 0.5]}).status == 200
    kept = gateway.request("GET", place).json()
    assert kept["correct_vote"] == [0, 0.5, 0.5]
    assert kept["correct_vote_modified"]
    assert gateway.request("DELETE", f"{place}/training_table").status == 200
    assert gateway.request("GET", place).json()["correct_vote"] is None
    assert gateway.request("POST", f"{place}/training_table", {"choice_index": 2}).status == 200
    assert gateway.request("GET", place).json()["correct_vote"] == [0, 0, 1]
    for wrong in ({"correct_vote": [1]}, {"correct_vote": [1, 1, 1]}, {"choice_index": 3}, {}):
        assert gateway.request("POST", f"{place}/training_table", wrong).status == 400


def test_the_truth_of_a_query_completion_is_a_confidence_id(gateway: Gateway) -> None:
    made = query(gateway, query_llm("fake/echo"), query_llm("fake/lorem-3")).json()
    place = f"/query/completions/{made['id']}"
    right = made["choices"][1]["confidence_id"]
    assert gateway.request("POST", f"{place}/training_table", {"correct_confidence_id": right}).status == 200
    assert gateway.request("GET", place).json()["correct_confidence_id"] == right
    assert gateway.request("POST", f"{place}/training_table", {"correct_confidence_id": "x"}).status == 400
    assert gateway.request("DELETE", f"{place}/training_table").status == 200
    assert "correct_confidence_id" not in gateway.request("GET", place).json()


def test_what_a_client_does_not_want_to_be_kept_is_not(gateway: Gateway) -> None:
    made = score(gateway, score_llm(), store=False).json()
    assert gateway.request("GET", f"/score/completions/{made['id']}").status == 404


def test_completions_marks_and_publications_outlive_a_restart(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        made = score(gateway, score_llm()).json()
        place = f"/score/completions/{made['id']}"
        gateway.request("POST", f"{place}/training_table", {"choice_index": 1})
        gateway.request("POST", f"{place}/publish")
        gateway.stop()
        gateway.start()
        kept = gateway.request("GET", place).json()
        assert kept["response"] == made
        assert kept["correct_vote"] == [0, 1, 0]
        assert kept["published"] is True
        again = score(gateway, model=made["model"])
        assert again.json()["model"] == made["model"]
        reference = {"type": "score_completion", "id": made["id"], "choice_index": 0}
        assert score(gateway, score_llm(), choices=[reference, "another"]).status == 200


# -- an ordinary client --


@pytest.fixture(scope="module")
def model_id(gateway: Gateway) -> str:
    model = query_model(query_llm("fake/echo", weight=2), query_llm("fake/lorem-3"))
    name: str = gateway.request("POST", "/query_models", model).json()["name"]
    return name


def test_a_query_model_answers_as_an_ordinary_model(gateway: Gateway, model_id: str) -> None:
    reply = gateway.chat(f"query/{model_id}")
    answer = reply.json()
    assert answer["choices"][0]["message"]["content"] == "Hello, Turnout!"
    assert answer["model"] == f"query/{model_id}"
    assert answer["metadata"]["confidence"] == pytest.approx(2 / 3)
    assert answer["metadata"]["ballot"]["succeeded"] == 2
    assert len(answer["choices"]) == 1


def test_a_query_model_streams_its_winning_answer(gateway: Gateway, model_id: str) -> None:
    events = gateway.chat(f"query/{model_id}", stream=True).events()
    text = "".join(choice["delta"].get("content", "") for event in events[:-1] for choice in event["choices"])
    assert text == "Hello, Turnout!"
    assert events[-1] == "[DONE]"
    assert events[-2]["metadata"]["confidence"] == pytest.approx(2 / 3)


def test_a_model_can_be_called_by_a_name_that_is_moved_on(gateway: Gateway, model_id: str) -> None:
    named = gateway.request("PUT", f"/query_models/{model_id}/name", {"name": "judge"}).json()["model"]
    assert named.endswith("/judge")
    assert gateway.chat(f"query/{named}").json()["model"] == f"query/{model_id}"
    other = gateway.request("POST", "/query_models", query_model(query_llm("fake/lorem-3"))).json()["name"]
    gateway.request("PUT", f"/query_models/{other}/name", {"name": "judge"})
    answer = gateway.request("POST", "/query/completions", {"messages": ASKED, "model": named})
    assert answer.json()["model"] == other
    assert gateway.chat("query/nobody/judge").status == 404
    assert gateway.request("PUT", f"/query_models/{other}/name", {"name": "a b"}).status == 400
    assert gateway.request("PUT", f"/query_models/{other}/name", {"name": "a"}, key=None).status == 401


def test_a_query_model_that_does_not_exist_is_not_found(gateway: Gateway) -> None:
    assert gateway.chat("query/3ILPmYwxjVJc3Ohdpk8JAy").status == 404
    assert gateway.chat("query/short").status == 400


def test_the_request_and_each_voter_have_a_generation(gateway: Gateway, model_id: str) -> None:
    reply = gateway.chat(f"query/{model_id}")
    parent = gateway.generation(reply)
    assert parent["total_cost"] == 0
    made = score(gateway, score_llm())
    voter = made.json()["choices"][3]["completion_metadata"]["id"]
    record = gateway.request("GET", f"/api/v1/generation?id={voter}").json()["data"]
    assert record["model"] == "fake/vote-1"


def test_use_is_told_of_models_and_voters(gateway: Gateway) -> None:
    made = score(gateway, score_llm(temperature=0.123)).json()
    model = gateway.request("GET", f"/score/models/{made['model']}?metadata=true").json()
    assert model["requests"] == 1
    assert model["prompt_tokens"] == made["usage"]["prompt_tokens"]
    assert model["average_winner_confidence"] == 1
    llm = gateway.request("GET", f"/score/llms/{made['choices'][3]['model']}?metadata=true").json()
    assert (llm["requests"], llm["conformity"], llm["average_confidence"]) == (1, 1, 1)


def test_a_crowd_of_questions_is_refused(gateway: Gateway) -> None:
    llms = [query_llm("fake/echo", temperature=number / 100) for number in range(100)]
    assert query(gateway, *llms, n=11).status == 400
