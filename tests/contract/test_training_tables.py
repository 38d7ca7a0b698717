"""Training tables over HTTP: rows from outside, previews, exports, and what other accounts see of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import Gateway, Reply
from topics import questions, taught_model

QUESTIONS = questions(30, 21)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("tables")) as gateway:
        yield gateway


@pytest.fixture
def table(gateway: Gateway) -> Iterator[str]:
    """The id of an empty table."""
    made = gateway.request("POST", "/score/models", taught_model()).json()
    yield made["training_table_id"]
    gateway.request("DELETE", f"/training_tables/{made['training_table_id']}")


def asked_rows(count: int) -> list[dict[str, Any]]:
    return [{"prompt": one.prompt, "choices": one.choices, "truth": one.truth} for one in QUESTIONS[:count]]


def told_row(prompt: str, gateway: Gateway, right: tuple[bool, bool], **fields: object) -> dict[str, Any]:
    llms = gateway.request("POST", "/score/models", taught_model()).json()["llms"]
    votes = {one["id"]: int(not hit) for one, hit in zip(llms, right, strict=True)}
    return {"prompt": prompt, "choices": ["yes", "no"], "truth": "yes", "votes": votes} | fields


def weights(gateway: Gateway, table: str, prompt: str, **fields: object) -> list[float]:
    reply = gateway.request("POST", f"/training_tables/{table}/preview", {"prompt": prompt} | fields)
    assert reply.status == 200, reply.body
    return [one["weight"] for one in reply.json()["llms"]]


def other_key(gateway: Gateway) -> str:
    manager = gateway.management_key
    tenant = gateway.request("POST", "/api/v1/accounts", {"name": "other"}, key=manager).json()["data"]["id"]
    made = gateway.request("POST", "/api/v1/keys", {"name": "x", "account_id": tenant}, key=manager).json()
    return str(made["key"])


@pytest.mark.parametrize("mount", ["", "/v1", "/api/v1"])
def test_rows_from_outside_have_the_voters_asked(gateway: Gateway, table: str, mount: str) -> None:
    path = f"{mount}/training_tables/{table}"
    told = gateway.request("POST", f"{path}/rows", {"rows": asked_rows(12)}).json()
    assert (told["added"], told["asked"], told["failed"]) == (12, 12, [])
    read = gateway.request("GET", path).json()
    assert (read["id"], read["rows"], read["dialect"]) == (table, 12, "score")
    assert read["embeddings_model"] == "turnout/hash-256"
    assert [one["votes"] for one in read["llms"]] == [12, 12]
    assert all(0 <= one["match_rate"] <= 1 for one in read["llms"])
    assert read["quality"]["rows"] == read["quality_of_base_weights"]["rows"] == 12
    assert table in [one["id"] for one in gateway.request("GET", f"{mount}/training_tables").json()["data"]]
    kept = gateway.request("GET", f"{mount}/score/completions/{told['ids'][0]}").json()
    assert sum(kept["correct_vote"]) == 1


def test_votes_can_be_told_and_nobody_is_asked(gateway: Gateway, table: str) -> None:
    row = told_row("tax", gateway, (True, False))
    told = gateway.request("POST", f"/training_tables/{table}/rows", row).json()
    assert (told["added"], told["asked"]) == (1, 0)
    assert weights(gateway, table, "tax") == [4, 0.1]
    assert weights(gateway, table, "tax", leave_out=True) == [1, 1]
    again = gateway.request("POST", f"/training_tables/{table}/rows", told_row("tax", gateway, (False, True))).json()
    assert again["ids"] == told["ids"]
    assert weights(gateway, table, "tax") == [0.1, 4]


def test_rows_without_votes_can_be_kept_as_they_are(gateway: Gateway, table: str) -> None:
    told = gateway.request("POST", f"/training_tables/{table}/rows", {"rows": asked_rows(3), "ask": False}).json()
    assert (told["added"], told["asked"]) == (3, 0)
    rows = gateway.request("GET", f"/training_tables/{table}/rows").json()["data"]
    assert [one["votes"] for one in rows] == [[], [], []]


@pytest.mark.parametrize("mark", [{"choice_index": 1}, {"correct_vote": [0, 1, 0]}])
def test_a_completion_is_marked_by_index_as_well_as_by_shares(
    gateway: Gateway, table: str, mark: dict[str, Any]
) -> None:
    body = {"messages": QUESTIONS[0].messages, "choices": QUESTIONS[0].choices, "model": taught_model()}
    name = gateway.request("POST", "/score/completions", body).json()["id"]
    told = gateway.request("POST", f"/training_tables/{table}/rows", {"completion_id": name} | mark)
    assert told.json()["ids"] == [name]
    rows = gateway.request("GET", f"/training_tables/{table}/rows").json()["data"]
    assert [(one["id"], one["completion_id"], one["truth"]) for one in rows] == [(name, name, [0, 1, 0])]
    assert gateway.request("GET", f"/score/completions/{name}").json()["correct_vote"] == [0, 1, 0]


def test_rows_are_read_page_by_page_and_deleted(gateway: Gateway, table: str) -> None:
    rows = [told_row(f"tax {number}", gateway, (True, False)) for number in range(5)]
    gateway.request("POST", f"/training_tables/{table}/rows", {"rows": rows})
    found: list[str] = []
    place = ""
    while True:
        page = gateway.request("GET", f"/training_tables/{table}/rows?count=2{place}").json()
        found += [one["id"] for one in page["data"]]
        if page["next"] is None:
            break
        place = f"&after={page['next']}"
    assert len(set(found)) == 5
    assert gateway.request("DELETE", f"/training_tables/{table}/rows/{found[0]}").json() == {"deleted": 1}
    assert gateway.request("DELETE", f"/training_tables/{table}/rows/{found[0]}").status == 404
    assert gateway.request("DELETE", f"/training_tables/{table}/rows", {"ids": found}).json() == {"deleted": 4}
    assert gateway.request("GET", f"/training_tables/{table}").json()["rows"] == 0


def test_an_export_is_what_an_import_takes(gateway: Gateway, table: str) -> None:
    gateway.request("POST", f"/training_tables/{table}/rows", {"rows": asked_rows(8)})
    before = gateway.request("GET", f"/training_tables/{table}").json()
    prompt = QUESTIONS[2].prompt
    learned = weights(gateway, table, prompt)
    lines = gateway.request("GET", f"/training_tables/{table}/export")
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    assert len(lines.body.splitlines()) == 8
    assert gateway.request("DELETE", f"/training_tables/{table}").json() == {"deleted": True}
    assert gateway.request("GET", f"/training_tables/{table}").status == 404
    assert weights(gateway, table, prompt) == [1, 1]
    other = other_key(gateway)
    for key in (gateway.key, other):
        loaded = gateway.request("POST", f"/training_tables/{table}/import", lines.body, key=key).json()
        assert (loaded["added"], loaded["asked"], loaded["failed"]) == (8, 0, [])
        after = gateway.request("GET", f"/training_tables/{table}", key=key).json()
        assert (after["llms"], after["quality"]["accuracy"]) == (before["llms"], before["quality"]["accuracy"])
        assert after["quality"]["mean_confidence"] == pytest.approx(before["quality"]["mean_confidence"])
    assert weights(gateway, table, prompt) == pytest.approx(learned)
    again = gateway.request("GET", f"/training_tables/{table}/export").body
    assert sorted(again.splitlines()) == sorted(lines.body.splitlines())


def test_other_accounts_see_no_rows_and_change_none(gateway: Gateway, table: str) -> None:
    told = gateway.request("POST", f"/training_tables/{table}/rows", told_row("tax", gateway, (True, False))).json()
    other = other_key(gateway)

    def theirs(method: str, path: str, body: object = None) -> Reply:
        return gateway.request(method, path, body, key=other)

    assert theirs("GET", "/training_tables").json() == {"data": []}
    for path in ("", "/rows", "/export"):
        assert theirs("GET", f"/training_tables/{table}{path}").status == 404
    preview = theirs("POST", f"/training_tables/{table}/preview", {"prompt": "tax"}).json()
    assert [one["rows_used"] for one in preview["llms"]] == [0, 0]
    assert theirs("DELETE", f"/training_tables/{table}/rows/{told['ids'][0]}").status == 404
    assert theirs("DELETE", f"/training_tables/{table}").status == 404
    assert weights(gateway, table, "tax") == [4, 0.1]


def test_nothing_is_told_without_a_key(gateway: Gateway, table: str) -> None:
    for method, path in (("GET", ""), ("GET", f"/{table}"), ("POST", f"/{table}/rows"), ("POST", f"/{table}/preview")):
        assert (
            gateway.request(method, f"/training_tables{path}", {} if method == "POST" else None, key=None).status == 401
        )


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"truth": 2}, "truth"),
        ({"truth": "perhaps"}, "truth"),
        ({"truth": [0.7, 0.7]}, "truth"),
        ({"choices": ["yes"]}, "choices"),
        ({"choices": ["yes", ""]}, "choices[1]"),
        ({"votes": {"x": [1]}}, "votes[0].vote"),
        ({"votes": {"x": 2}}, "votes[0].vote"),
        ({"prompt": None}, "prompt"),
        ({"embedding": "?"}, "embedding"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_wrong_row_is_refused_with_its_field(
    gateway: Gateway, table: str, changed: dict[str, Any], field: str
) -> None:
    row = told_row("tax", gateway, (True, True)) | changed
    alone = gateway.request("POST", f"/training_tables/{table}/rows", row)
    among = gateway.request("POST", f"/training_tables/{table}/rows", {"rows": [row]})
    line = gateway.request("POST", f"/training_tables/{table}/import", json.dumps(row).encode())
    assert [reply.status for reply in (alone, among, line)] == [400, 400, 400]
    assert alone.json()["error"]["metadata"]["field"] == field
    assert among.json()["error"]["metadata"]["field"] == f"rows[0].{field}"
    assert line.json()["error"]["metadata"]["field"] == f"line 1.{field}"
    assert gateway.request("GET", f"/training_tables/{table}").status == 404


def test_a_table_of_no_model_cannot_be_taught(gateway: Gateway) -> None:
    nobody = "0" * 22
    assert gateway.request("POST", f"/training_tables/{nobody}/rows", asked_rows(1)[0]).status == 404
    assert gateway.request("POST", "/training_tables/short/rows", asked_rows(1)[0]).status == 400


def test_rows_whose_voters_all_fail_are_told_and_the_others_stay(gateway: Gateway) -> None:
    model = taught_model()
    model["llms"] = [{"model": "fake/status-500", "weight": model["llms"][0]["weight"]}]
    made = gateway.request("POST", "/score/models", model).json()
    rows = [{**asked_rows(1)[0]}, {**asked_rows(2)[1], "votes": {made["llms"][0]["id"]: 0}}]
    told = gateway.request("POST", f"/training_tables/{made['training_table_id']}/rows", {"rows": rows}).json()
    assert (told["added"], told["asked"]) == (1, 0)
    assert [one["index"] for one in told["failed"]] == [0]


def test_rows_of_a_query_model_say_what_the_right_answer_is(gateway: Gateway) -> None:
    weight = {"type": "training_table", "base_weight": 1, "min_weight": 0.5, "max_weight": 2}
    llms = [{"id": f"fake/{name}", "mode": "generate", "weight": weight} for name in ("echo", "lorem-3")]
    kind = {"type": "training_table", "embeddings_model": "turnout/hash-256", "top": 5}
    made = gateway.request("POST", "/query_models", {"models": llms, "weight": kind}).json()
    table = made["training_table_name"]
    rows = [{"prompt": "say this", "truth": "say this"}, {"prompt": "say that", "truth": "something else"}]
    told = gateway.request("POST", f"/training_tables/{table}/rows", {"rows": rows}).json()
    assert (told["added"], told["asked"], told["failed"]) == (2, 2, [])
    read = gateway.request("GET", f"/training_tables/{table}").json()
    assert {one["model"]: one["match_rate"] for one in read["llms"]} == {"fake/echo": 0.5, "fake/lorem-3": 0.0}
    assert (read["dialect"], read["rows"]) == ("query", 2)
