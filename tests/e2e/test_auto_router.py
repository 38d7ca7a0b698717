"""The auto router as its clients meet it: settings, errors, sessions, and what it learns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from openrouter import OpenRouter

from gateway import FakeServer, Gateway, Reply, model_tables, provider_table, running
from patience import until
from turnout.auto.table import load_table

TOLD = {"X-OpenRouter-Metadata": "enabled"}
AUTO = "auto-router"
NO_MATCH = "No models match your request and model restrictions"
PLANTED = ["planted/one", "planted/two", "planted/three"]
LADDER = [f"acme/step{step}" for step in range(7)]


def _prices(dollars: float) -> str:
    return f'{{ prompt = "{dollars / 1e6:.12f}", completion = "{4 * dollars / 1e6:.12f}" }}'


def _model(name: str, dollars: float, upstream: str = "fake/echo", **fields: str) -> str:
    tables = model_tables(name, [("acme", upstream, _prices(dollars))])
    extra = "".join(f"{key} = {value}\n" for key, value in fields.items())
    return tables.replace(f'id = "{name}"\n', f'id = "{name}"\n{extra}', 1)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("auto")
    with FakeServer(directory) as fake:
        toml = "[catalog]\nbundled = false\n[auto]\nshadow = true\n[auto.beta]\ntradeoff = 10\n"
        toml += provider_table("acme", fake.base_url)
        toml += "".join(_model(name, 0.1 * 3**step) for step, name in enumerate(LADDER))
        toml += "".join(_model(name, 1.0) for name in PLANTED)
        toml += _model("acme/eyes", 9.0, input_modalities='["text", "image"]')
        toml += _model("broken/first", 0.2, upstream="fake/status-503")
        toml += model_tables("openai/closed", [("openai", "closed", _prices(1.0))])
        with running(server := Gateway(directory, toml)):
            yield server


def asked(gateway: Gateway, text: str = "Hello", model: str = "openrouter/auto", **fields: Any) -> Reply:  # noqa: ANN401 - any field of a request
    body = {"model": model, "messages": [{"role": "user", "content": text}]} | fields
    return gateway.request("POST", "/api/v1/chat/completions", body, headers=TOLD)


def chosen(gateway: Gateway, text: str = "Hello", model: str = "openrouter/auto", **entry: object) -> str:
    plugin = "auto-beta-router" if model.endswith("beta") else AUTO
    reply = asked(gateway, text, model, plugins=[{"id": plugin, **entry}])
    assert reply.status == 200, reply.body
    return str(reply.json()["model"])


def picked(gateway: Gateway, text: str, key: str | None = None, **entry: object) -> dict[str, Any]:
    """What would be chosen, without asking anybody."""
    body = {
        "model": "turnout/auto",
        "messages": [{"role": "user", "content": text}],
        "plugins": [{"id": AUTO, **entry}],
    }
    reply = gateway.request("POST", "/api/v1/explain", body, key=key or gateway.key)
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json()["data"]["picked"][0]
    return found


@pytest.mark.parametrize("model", ["openrouter/auto", "turnout/auto", "openrouter/auto-beta"])
def test_a_router_answers_under_the_name_of_the_model_it_chose_and_says_why(gateway: Gateway, model: str) -> None:
    reply = asked(gateway, "Fix the bug in this Python function: def f(x): return x +", model)
    found = reply.json()
    assert found["model"] != model
    metadata = found["openrouter_metadata"]
    assert metadata["strategy"] == "auto"
    stage = metadata["pipeline"][0]
    assert stage["data"]["task_type"] == "code:debugging"
    assert stage["data"]["candidates"][0]["model"] == found["model"]
    routed = gateway.generation(reply)["turnout"]["routed"]
    assert routed["router"] == model
    assert routed["task_type"] == "code:debugging"
    assert routed["models"][0] == found["model"]


def test_the_shadow_policy_decides_and_nobody_acts_on_it(gateway: Gateway) -> None:
    reply = asked(gateway, plugins=[{"id": AUTO, "allowed_models": ["acme/step*"]}])
    routed = gateway.generation(reply)["turnout"]["routed"]
    assert routed["shadow"] == "acme/step0"  # all for cost
    assert reply.json()["model"] == routed["models"][0] != "acme/step0"


def test_a_model_that_only_the_caller_s_own_credential_reaches_is_chosen_for_nobody_else(gateway: Gateway) -> None:
    def explained(key: str | None = None) -> dict[str, Any]:
        entries = [{"id": AUTO, "allowed_models": ["openai/*"]}]
        body = {"model": "turnout/auto", "messages": [{"role": "user", "content": "Hello"}], "plugins": entries}
        told: dict[str, Any] = gateway.request("POST", "/api/v1/explain", body, key=key or gateway.key).json()["data"]
        return told

    assert explained()["endpoints"] == []
    secret = {"provider": "openai", "key": "sk-own-key-of-mine"}
    brought = gateway.request("POST", "/api/v1/byok", secret, key=gateway.management_key)
    assert brought.status == 201, brought.body
    credential = brought.json()["data"]["id"]
    until(lambda: explained()["endpoints"] != [])
    told = explained()
    assert told["picked"][0]["reason"] != "prior"
    assert [(one["model"], one["credential"]) for one in told["endpoints"]] == [("openai/closed", credential)]
    assert explained(_stranger(gateway))["endpoints"] == []
    gateway.request("DELETE", f"/api/v1/byok/{credential}", key=gateway.management_key)
    until(lambda: explained()["endpoints"] == [])


def test_streams_and_the_other_families_are_routed_too(gateway: Gateway) -> None:
    events = asked(gateway, stream=True).events()
    assert events[0]["model"] in {*LADDER, *PLANTED, "acme/eyes", "broken/first"}
    body = {"model": "turnout/auto", "input": "Hello"}
    assert gateway.request("POST", "/api/v1/responses", body).json()["model"] != "turnout/auto"


def test_patterns_allow_and_exclude_and_exclusion_wins(gateway: Gateway) -> None:
    assert chosen(gateway, allowed_models=["planted/*"]) in PLANTED
    assert chosen(gateway, allowed_models=["*/step3", "planted/two"], excluded_models=["planted/*"]) == "acme/step3"
    assert chosen(gateway, allowed_models=["ACME/*p2"]) == "acme/step2"


def test_a_tier_is_a_band_of_the_models_by_price_and_no_ceiling(gateway: Gateway) -> None:
    only: dict[str, Any] = {"allowed_models": ["acme/step*"]}
    bands = {"low": LADDER[:2], "medium": LADDER[2:3], "xhigh": LADDER[3:5], "max": LADDER[5:]}
    for tier, models in bands.items():
        for tradeoff in (0, 10):  # the tier wins
            assert chosen(gateway, cost_tier=tier, cost_quality_tradeoff=tradeoff, **only) in models
    for tier in ("low", "high", "xhigh"):
        plugins = [{"id": AUTO, "allowed_models": ["acme/step6"], "cost_tier": tier}]
        assert asked(gateway, plugins=plugins).status == 404


def test_the_tradeoff_goes_from_the_best_to_the_cheapest(gateway: Gateway) -> None:
    only: dict[str, Any] = {"allowed_models": ["acme/step*"]}
    found = [chosen(gateway, cost_quality_tradeoff=step, **only) for step in (0, 5, 10)]
    assert found[0] >= "acme/step5"  # what other tests have taught by now may weigh a little
    assert found[2] == "acme/step0"
    assert found == sorted(found, reverse=True)


def test_an_empty_result_is_404_with_its_message(gateway: Gateway) -> None:
    for fields in (
        {"plugins": [{"id": AUTO, "allowed_models": ["nobody/*"]}]},
        {"plugins": [{"id": AUTO, "excluded_models": ["*"]}]},
        {"provider": {"only": ["elsewhere"]}},
        {"provider": {"max_price": {"prompt": 0.00001}}},
        {"max_tokens": 5, "modalities": ["text", "audio"]},
    ):
        reply = asked(gateway, **fields)
        assert reply.status == 404, fields
        assert reply.json()["error"]["message"] == NO_MATCH
        assert reply.json()["error"]["code"] == 404


def test_settings_under_another_id_are_ignored_and_an_entry_can_be_switched_off(gateway: Gateway) -> None:
    wrong = [{"id": "auto-beta-router", "allowed_models": ["nobody/*"], "cost_tier": "nonsense"}]
    assert asked(gateway, plugins=wrong).status == 200
    assert asked(gateway, model="openrouter/auto-beta", plugins=wrong).status == 400
    assert asked(gateway, plugins=[{"id": AUTO, "allowed_models": ["nobody/*"], "enabled": False}]).status == 200
    assert asked(gateway, model="acme/step1", plugins=[{"id": AUTO, "allowed_models": ["nobody/*"]}]).status == 200


@pytest.mark.parametrize(
    "entry",
    [
        {"cost_tier": "cheap"},
        {"cost_quality_tradeoff": 11},
        {"cost_quality_tradeoff": -1},
        {"allowed_models": ["a/b"] * 1025},
        {"allowed_models": "planted/*"},
        {"pin_model": "yes"},
        {"allow_models": ["planted/*"]},
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(gateway: Gateway, entry: dict[str, Any]) -> None:
    reply = asked(gateway, plugins=[{"id": AUTO, **entry}])
    assert reply.status == 400
    assert "auto-router" in reply.json()["error"]["message"]


def test_a_thousand_patterns_are_read_quickly(gateway: Gateway) -> None:
    patterns = [f"author{n}/*" for n in range(500)] + [f"*/model{n}" for n in range(523)] + ["planted/one"]
    assert chosen(gateway, allowed_models=patterns) == "planted/one"


def test_pinning_stays_with_the_model_that_the_last_answer_names(gateway: Gateway) -> None:
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi", "model": "acme/step5"},
        {"role": "user", "content": "And now?"},
    ]
    plugins = [{"id": AUTO, "pin_model": True}]
    body = {"model": "openrouter/auto", "messages": messages, "plugins": plugins}
    reply = gateway.request("POST", "/api/v1/chat/completions", body)
    assert reply.json()["model"] == "acme/step5"
    assert gateway.generation(reply)["turnout"]["routed"]["reason"] == "pinned"
    plugins[0]["excluded_models"] = ["acme/step5"]
    assert gateway.request("POST", "/api/v1/chat/completions", body).json()["model"] != "acme/step5"


def test_only_models_that_can_read_the_request_are_chosen(gateway: Gateway) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    body = {"model": "openrouter/auto", "messages": [{"role": "user", "content": [picture]}]}
    reply = gateway.request("POST", "/api/v1/explain", body)
    assert {one["model"] for one in reply.json()["data"]["endpoints"]} == {"acme/eyes"}


def test_the_next_best_answers_when_the_chosen_one_is_down(gateway: Gateway) -> None:
    plugins = [{"id": AUTO, "allowed_models": ["broken/first", "acme/step0"], "cost_quality_tradeoff": 0}]
    reply = asked(gateway, plugins=plugins)
    assert reply.status == 200
    assert reply.json()["model"] == "acme/step0"


def test_a_session_stays_with_its_model_while_that_is_almost_as_good(gateway: Gateway) -> None:
    key = _stranger(gateway)

    def ask(allowed: list[str]) -> Any:  # noqa: ANN401 - any JSON
        body = {"model": "turnout/auto", "messages": [{"role": "user", "content": "Hi"}], "session_id": "s"}
        body |= {"plugins": [{"id": AUTO, "allowed_models": allowed}]}
        reply = gateway.request("POST", "/api/v1/chat/completions", body, headers=TOLD, key=key)
        return reply.json()

    first = ask(PLANTED)["model"]
    other = next(name for name in PLANTED if name != first)
    assert ask([other])["model"] == other
    again = ask(PLANTED)
    assert again["model"] == other
    assert again["openrouter_metadata"]["pipeline"][0]["data"]["reason"] == "session"
    assert ask([first])["model"] == first


def test_a_conversation_without_a_name_is_known_by_its_beginning_from_its_second_turn_on(gateway: Gateway) -> None:
    key = _stranger(gateway)
    talk = [{"role": "user", "content": "Hi"}]

    def ask(allowed: list[str]) -> str:
        body = {"model": "turnout/auto", "messages": talk, "plugins": [{"id": AUTO, "allowed_models": allowed}]}
        return str(gateway.request("POST", "/api/v1/chat/completions", body, key=key).json()["model"])

    first = ask(PLANTED)
    other = next(name for name in PLANTED if name != first)
    assert ask([other]) == other
    assert ask(PLANTED) == first  # each first turn stands for itself
    assert ask([other]) == other
    talk += [{"role": "assistant", "content": "Hello"}, {"role": "user", "content": "How are you?"}]
    assert ask(PLANTED) == other


@pytest.mark.parametrize("text", ["", " ", "\u0000" * 300, "a " * 500_000, "x" * 1_000_000, "🙂" * 5_000, "[" * 90_000])
def test_odd_prompts_neither_break_nor_stall_it(gateway: Gateway, text: str) -> None:
    body = {"model": "openrouter/auto", "messages": [{"role": "user", "content": text}]}
    reply = gateway.request("POST", "/api/v1/explain", body)
    assert reply.status == 200
    assert reply.json()["data"]["picked"][0]["reason"] != "prior"


def test_a_key_has_defaults_which_a_request_overrides(gateway: Gateway) -> None:
    made = {"name": "bound", "plugins": [{"id": AUTO, "allowed_models": ["acme/step4"]}], "allowed_models": ["acme/*"]}
    key = gateway.request("POST", "/api/v1/keys", made, key=gateway.management_key).json()["key"]
    assert {one["model"] for one in picked_with(gateway, key)} == {"acme/step4"}
    assert {one["model"] for one in picked_with(gateway, key, allowed_models=["acme/step1", "planted/one"])} == {
        "acme/step1"
    }
    made["plugins"] = [{"id": AUTO, "cost_tier": "nonsense"}]
    assert gateway.request("POST", "/api/v1/keys", made, key=gateway.management_key).status == 400


def picked_with(gateway: Gateway, key: str, **entry: object) -> list[dict[str, Any]]:
    body = {"model": "turnout/auto", "messages": [{"role": "user", "content": "Hi"}]}
    body |= {"plugins": [{"id": AUTO, **entry}]} if entry else {}
    found: list[dict[str, Any]] = gateway.request("POST", "/api/v1/explain", body, key=key).json()["data"]["picked"][0][
        "candidates"
    ]
    return found


def test_the_sdk_of_openrouter_sends_its_settings(gateway: Gateway) -> None:
    with OpenRouter(api_key=gateway.key, server_url=f"{gateway.url}/api/v1") as sdk:
        answer = sdk.chat.send(
            model="openrouter/auto",
            messages=[{"role": "user", "content": "Hello"}],
            plugins=[{"id": "auto-router", "allowed_models": ["acme/step2"]}],
            retries=None,
        )
    assert answer.model == "acme/step2"


# -- learning --


@pytest.fixture(scope="module")
def planted(gateway: Gateway) -> dict[str, str]:
    """The best model of each of six kinds of work, told to the gateway in 200 judgements."""
    dice = Random(5)
    rows = _prompts()
    kinds = sorted({row["task"] for row in rows})
    best = {kind: PLANTED[dice.randrange(3)] for kind in dice.sample(kinds, 6)}
    known = [row for row in rows[::2] if row["task"] in best]
    plans = [(row, dice.choice(PLANTED)) for row in (dice.choice(known) for _ in range(200))]

    def ask(plan: tuple[dict[str, str], str]) -> tuple[str, float]:
        row, model = plan
        reply = asked(gateway, row["prompt"], plugins=[{"id": AUTO, "allowed_models": [model]}])
        return reply.headers["x-generation-id"], float(best[row["task"]] == model)

    def judge(judgement: tuple[str, float]) -> int:
        body = {"generation_id": judgement[0], "score": judgement[1]}
        return gateway.request("POST", "/api/v1/feedback", body).status

    with ThreadPoolExecutor(4) as several:
        assert set(several.map(judge, list(several.map(ask, plans)))) == {200}
    state = gateway.request("GET", "/api/v1/auto", key=gateway.management_key).json()["data"]
    assert state["feedback"]["by_source"]["feedback"] >= 200
    _until_learned(gateway, known[0]["prompt"])
    return best


def _stranger(gateway: Gateway, **fields: object) -> str:
    """A key of an account of its own."""
    manage = gateway.management_key
    account = gateway.request("POST", "/api/v1/accounts", {"name": "other"}, key=manage).json()["data"]["id"]
    made = gateway.request("POST", f"/api/v1/keys?account_id={account}", {"name": "theirs", **fields}, key=manage)
    return str(made.json()["key"])


def _prompts() -> list[dict[str, str]]:
    path = Path(__file__).parents[1] / "auto" / "unseen.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _until_learned(gateway: Gateway, prompt: str) -> None:
    deadline = time.monotonic() + 20
    while picked(gateway, prompt, allowed_models=PLANTED)["reason"] != "experience":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_after_two_hundred_judgements_each_kind_of_work_goes_to_its_best_model(
    gateway: Gateway, planted: dict[str, str]
) -> None:
    time.sleep(1.2)  # the last rows
    rows = [row for row in _prompts()[1::2] if row["task"] in planted]
    right = [
        picked(gateway, row["prompt"], allowed_models=PLANTED)["candidates"][0]["model"] == planted[row["task"]]
        for row in rows
    ]
    assert len(right) >= 25
    assert sum(right) / len(right) >= 0.9


def test_what_one_account_has_seen_is_nothing_to_another(gateway: Gateway, planted: dict[str, str]) -> None:
    key, manage = _stranger(gateway), gateway.management_key
    prompt = next(row["prompt"] for row in _prompts() if row["task"] in planted)
    assert picked(gateway, prompt, key, allowed_models=PLANTED)["reason"] != "experience"
    mine = asked(gateway).headers["x-generation-id"]
    body = {"generation_id": mine, "score": 1}
    assert gateway.request("POST", "/api/v1/feedback", body, key=key).status == 404
    account = gateway.request("GET", "/api/v1/accounts", key=manage).json()["data"][-1]["id"]
    theirs = gateway.request("GET", f"/api/v1/feedback?account_id={account}", key=manage).json()
    assert theirs == {"data": [], "next_cursor": None}
    assert gateway.request("GET", "/api/v1/feedback", key=key).status == 403


def test_a_judgement_of_a_request_that_named_its_model_knows_its_kind_of_work(
    gateway: Gateway, planted: dict[str, str]
) -> None:
    assert planted
    named = asked(gateway, "Translate into French: good morning", "planted/one").headers["x-generation-id"]
    told = gateway.request("POST", "/api/v1/feedback", {"generation_id": named, "score": 0.5}).json()["data"]
    assert told == {"generation_id": named, "model": "planted/one", "score": 0.5, "task_type": "translation"}
    body = {"generation_id": named, "score": 0.5, "task_type": "math", "comment": "twice"}
    assert gateway.request("POST", "/api/v1/feedback", body).json()["data"]["task_type"] == "math"
    newest = gateway.request("GET", "/api/v1/feedback?limit=1", key=gateway.management_key).json()
    assert newest["data"][0]["comment"] == "twice"
    assert newest["next_cursor"] == newest["data"][0]["number"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"score": 1}, 400),
        ({"generation_id": "gen-1", "score": 1.1}, 400),
        ({"generation_id": "gen-1", "score": "good"}, 400),
        ({"generation_id": "gen-1", "score": 1}, 404),
        ({"generation_id": "gen-1", "score": 1, "stars": 5}, 400),
    ],
)
def test_judgements_that_make_no_sense_are_refused(gateway: Gateway, body: dict[str, Any], status: int) -> None:
    assert gateway.request("POST", "/api/v1/feedback", body).status == status


def test_asking_again_at_once_is_a_weak_sign(gateway: Gateway) -> None:
    text = "Name three rivers of Iceland, once more"
    first = asked(gateway, text).headers["x-generation-id"]
    asked(gateway, text)
    deadline = time.monotonic() + 10
    while True:
        rows = gateway.request("GET", "/api/v1/feedback", key=gateway.management_key).json()["data"]
        found = [row for row in rows if row["generation_id"] == first]
        if found:
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert found[0]["source"] == "regenerated"
    assert found[0]["weight"] < 0.5


def test_the_state_tells_of_decisions_and_of_the_shadow(gateway: Gateway) -> None:
    asked(gateway)
    deadline = time.monotonic() + 10
    while True:
        state = gateway.request("GET", "/api/v1/auto", key=gateway.management_key).json()["data"]
        if state["compared"]["decisions"]:
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert state["ready"]
    assert state["policies"]["openrouter/auto"]["table"]["prompts"] > 1000
    assert state["decisions"][0]["router"] in {"openrouter/auto", "turnout/auto", "openrouter/auto-beta"}
    assert gateway.request("GET", "/api/v1/auto").status == 403


def test_a_table_is_trained_on_what_was_judged_of_kept_prompts(gateway: Gateway, tmp_path: Path) -> None:
    key = _stranger(gateway, store_content=True)
    rows = _prompts()[:24]

    def tell(row: dict[str, str]) -> int:
        body = {"model": "turnout/auto", "messages": [{"role": "user", "content": row["prompt"]}]}
        reply = gateway.request("POST", "/api/v1/chat/completions", body, key=key)
        judgement = {"generation_id": reply.headers["x-generation-id"], "score": len(row["prompt"]) % 2}
        return gateway.request("POST", "/api/v1/feedback", judgement, key=key).status

    with ThreadPoolExecutor(4) as several:
        assert set(several.map(tell, rows)) == {200}
    out = tmp_path / "own.npz"
    variables = {"TURNOUT_SERVER__DATA_DIR": str(gateway.data_dir)}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "turnout", "auto", "train", "--out", str(out), "--config", str(gateway.config)],
        env=os.environ | variables, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(load_table(out).vectors) == len({row["prompt"] for row in rows})
