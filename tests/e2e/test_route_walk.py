"""Every route there is, asked without a key, with an ordinary key, and with the keys of another account."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import pytest
from fastapi.routing import APIRoute

from conservation import assert_money_adds_up, settled
from gateway import Gateway, Reply, model_tables, provider_table
from patience import until
from topics import questions, taught_model
from turnout.api.control import Control, control_plane

_TOML = "[catalog]\nbundled = false\n" + provider_table("acme", "http://127.0.0.1:9/v1")
_TOML += model_tables("acme/paid", [("fake", "echo", '{ prompt = "0.000001", completion = "0.000002" }')])
_PUBLIC_PATHS = {"/health", "/ready", "/docs", "/openapi.json", "/", "/models.rss", "/models.atom"}
_PUBLIC_BELOW_MOUNTS = {
    "/models", "/models/count", "/model/{author}/{slug:path}", "/models/{author}/{slug:path}/endpoints",
    "/models/{author}/{slug:path}", "/embeddings/models", "/images/models", "/models.rss", "/models.atom",
    "/images/models/{author}/{slug:path}/endpoints", "/providers", "/endpoints/zdr", "/benchmarks",
}  # fmt: skip
_PUBLIC_DEFINITIONS = {
    f"/{name}{below}" for name in ("query_llms", "query_models") for below in ("", "/count", "/{id}")
}
_NOBODYS = (
    "/query_llms/", "/query_models/", "/score/llms/", "/score/models/", "/multichat/llms/", "/multichat/models/",
    "/admin/",
)  # fmt: skip
"""What begins so is no account's: definitions that are called by what they say, and what only an admin has."""
_MOUNTS = ("/api/v1", "/v1")
_WRONG_KEYS = ("sk-to-v1-" + "0" * 64, "x", "")


class House(NamedTuple):
    """The gateway, what belongs to its first account, and the keys and a guardrail of another one.

    ``ids`` are those of the first account's things, by what their routes begin with.
    """

    gateway: Gateway
    ids: dict[str, str]
    generation: str
    key_hash: str
    boss: str
    worker: str
    guard: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Gateway(tmp_path_factory.mktemp("walk"), _TOML) as gateway:

        def manage(method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
            reply = gateway.request(method, f"/api/v1{path}", body, key=gateway.management_key)
            assert reply.status < 300, reply.body
            return reply.json()

        made = manage("POST", "/keys", {"name": "canary-name", "tags": ["canary-tag"]})
        ask = {"model": "acme/paid", "messages": [{"role": "user", "content": "x"}], "user": "canary-user"}
        answer = gateway.request("POST", "/api/v1/chat/completions", ask, key=made["key"])
        manage("PUT", "/budgets", {"scope": "user", "subject": "canary-user", "window": "daily", "limit": 5})
        tenant = manage("POST", "/accounts", {"name": "tenant"})["data"]["id"]
        boss, worker = (
            manage("POST", "/keys", {"name": "t", "account_id": tenant, "management": manages})["key"]
            for manages in (True, False)
        )
        settled(gateway, 1)
        ids = _belongings(gateway, manage)
        guard = gateway.request("POST", "/api/v1/guardrails", {"name": "tenant's"}, key=boss).json()["data"]["id"]
        yield House(gateway, ids, answer.headers["x-generation-id"], made["data"]["hash"], boss, worker, guard)


def _belongings(gateway: Gateway, manage: Callable[[str, str, object], Any]) -> dict[str, str]:
    """One of each kind that the first account may have, most of them named after a canary."""
    ids = {"/accounts/": "default", "/presets/": "canary-preset"}
    ask = {"model": "acme/paid", "messages": [{"role": "system", "content": "canary-prompt"}]}
    assert gateway.request("POST", "/api/v1/presets/canary-preset/chat/completions", ask).status < 300
    ids["/guardrails/"] = manage("POST", "/guardrails", {"name": "canary-guard"})["data"]["id"]
    own = {"provider": "acme", "key": "sk-canary-own-key", "name": "canary-credential"}
    ids["/byok/"] = manage("POST", "/byok", own)["data"]["id"]
    [question] = questions(1, 1)
    body = {"messages": question.messages, "choices": question.choices, "model": taught_model(), "seed": 1}
    ids["/score/completions/"] = gateway.request("POST", "/score/completions", body).json()["id"]
    marked = f"/score/completions/{ids['/score/completions/']}/training_table"
    assert gateway.request("POST", marked, {"choice_index": question.truth}).status == 200
    models: dict[str, dict[str, Any]] = {
        "query": {
            "models": [{"id": "fake/echo", "mode": "generate", "weight": {"type": "static", "weight": 1}}],
            "weight": {"type": "static"},
        },
        "multichat": {"llms": [{"model": "fake/echo"}]},
    }
    for kind, model in models.items():
        ballot = {"messages": [{"role": "user", "content": "canary"}], "model": model}
        made = gateway.request("POST", f"/{kind}/completions", ballot)
        assert made.status == 200, made.body
        ids[f"/{kind}/completions/"] = made.json()["id"]
    ids["/training_tables/"] = gateway.request("GET", "/training_tables").json()["data"][0]["id"]
    return ids


def _routes() -> list[tuple[str, str]]:
    """Method and path of every route that the control plane knows; those of the data plane stand there too."""
    nothing: dict[str, Any] = {field.name: MagicMock() for field in fields(Control)}  # nobody will ask the routes
    app = control_plane(Control(**nothing | {"cors": False, "public_metrics": False}))
    return sorted(
        (method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()
    )


_ROUTES = _routes()


def _is_public(method: str, path: str) -> bool:
    below = next((path.removeprefix(mount) for mount in _MOUNTS if path.startswith(f"{mount}/")), None)
    if (path if below is None else below) in _PUBLIC_DEFINITIONS:
        return method in {"GET", "POST"}
    if below == "/auth/keys":  # who has no key yet brings a code
        return method == "POST"
    return method == "GET" and (path in _PUBLIC_PATHS or below in _PUBLIC_BELOW_MOUNTS)


def _walk(house: House, method: str, path: str, key: str | None, **places: str) -> Reply:
    """Ask a route; *places* fill the path and stand in the query, too."""
    filled = {"hash": "0" * 64, "id": "none", "author": "acme", "slug:path": "paid", "slug": "none"} | places
    for name, value in filled.items():
        path = path.replace(f"{{{name}}}", value)
    query = "&".join(f"{name}={value}" for name, value in places.items())
    body = {"name": "x"} if method in {"POST", "PUT", "PATCH"} else None
    return house.gateway.request(method, f"{path}?{query}" if query else path, body, key=key)


def test_the_walk_meets_what_there_is() -> None:
    paths = {path for _, path in _ROUTES}
    for path in ("/key", "/keys", "/keys/{hash}", "/credits", "/activity", "/generations", "/chat/completions"):
        assert {f"{mount}{path}" for mount in _MOUNTS} <= paths


@pytest.mark.parametrize(("method", "path"), _ROUTES)
def test_every_route_that_is_not_public_answers_401_without_a_usable_key(house: House, method: str, path: str) -> None:
    if _is_public(method, path):
        assert _walk(house, method, path, None).status != 401
        return
    for key in (None, *_WRONG_KEYS):
        reply = _walk(house, method, path, key)
        assert reply.status == 401
        error = reply.json()["error"]  # families of other houses have their own words
        said = error.get("metadata", {}).get("error_type") or error.get("type") or error.get("code")
        assert said in {"authentication", "authentication_error", "invalid_api_key"}


@pytest.mark.parametrize("path", ["//api/v1/keys", "/api/v1/keys/", "/API/V1/keys", "/api/v1/./keys", "/api%2fv1/keys"])
def test_another_spelling_of_a_path_opens_nothing(house: House, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PATCH"):
        assert house.gateway.request(method, path, key=None).status in {401, 404, 405}
    headers = {"x-api-key": house.gateway.management_key, "x-http-method-override": "GET"}
    assert house.gateway.request("POST", "/api/v1/keys", {}, headers=headers, key=None).status == 401


@pytest.mark.parametrize(("method", "path"), _ROUTES)
def test_nothing_of_another_account_is_visible_and_its_things_look_as_if_they_did_not_exist(
    house: House, method: str, path: str
) -> None:
    secrets = (house.generation, house.key_hash, "canary")
    there = {"hash": house.key_hash, "id": house.generation, "api_key_hash": house.key_hash}
    missing = {"hash": "1" * 64, "id": "gen-1790000000-" + "0" * 20, "api_key_hash": "1" * 64}
    for begin, one in house.ids.items():
        if begin in path:
            name = "slug" if "{slug}" in path else "id"
            there, missing = {name: one}, {name: re.sub("[0-9a-z](?=[0-9a-z])", "1", one)}
    if (method, path.partition("/presets/")[1]) == ("POST", "/presets/"):  # makes one of the caller's own
        there = missing = {"slug": "walked"}
    if method == "POST" and path.endswith(("/training_tables/{id}/rows", "/training_tables/{id}/import")):
        there = missing  # this begins a table of the caller's own, and what voters there are is public
    for key in (house.boss, house.worker):
        whole = _walk(house, method, path, key).body.decode("utf-8", "replace")
        assert [secret for secret in secrets if secret in whole] == []
        reply, absent = _walk(house, method, path, key, **there), _walk(house, method, path, key, **missing)
        assert reply.status == absent.status
        if not _is_public(method, path):
            assert _blurred(reply, there) == _blurred(absent, missing)


def test_the_walk_has_something_of_every_kind_that_has_an_id(house: House) -> None:
    known = (*house.ids, "/keys/", *_NOBODYS)
    own = {path for method, path in _ROUTES if "{" in path and not _is_public(method, path)}
    assert {path for path in own if not any(one in path for one in known)} == set(), "give it one in _belongings()"


_NOTHING = House(MagicMock(), {}, "", "", "", "", "")


def _bodies(house: House, *, there: bool) -> dict[str, tuple[str, str, object]]:
    """Requests whose body or query names things of another account, or such as do not exist."""
    digest = house.key_hash if there else "1" * 64
    generation = house.generation if there else "gen-1790000000-" + "0" * 20
    account = "default" if there else "acc-none"
    guard = f"/guardrails/{house.guard}/assignments"
    asking = {"messages": [{"role": "user", "content": "x"}], "model": "fake/echo"}
    preset = "canary-preset" if there else "nothing-here"
    limit = {"scope": "key", "subject": digest, "window": "daily"}
    made = house.ids.get("/multichat/completions/", "") if there else "mltcpl-none"
    completion = {"type": "multichat_completion", "id": made, "choice_index": 0}
    return {
        "feedback": ("POST", "/feedback", {"generation_id": generation, "score": 1}),
        "keys": ("POST", "/keys", {"name": "x", "account_id": account}),
        "byok": ("POST", "/byok", {"provider": "acme", "key": "sk-x", "allowed_api_key_hashes": [digest]}),
        "budget": ("PUT", "/budgets", limit | {"limit": 1}),
        "no budget": ("DELETE", f"/budgets?scope=key&subject={digest}&window=daily", None),
        "guard a key": ("POST", f"{guard}/keys", {"key_hashes": [digest]}),
        "free a key": ("POST", f"{guard}/keys/remove", {"key_hashes": [digest]}),
        "guard a member": ("POST", f"{guard}/members", {"member_user_ids": [account]}),
        "use a preset": ("POST", "/chat/completions", asking | {"model": f"@preset/{preset}"}),
        "add a preset": ("POST", "/chat/completions", asking | {"preset": preset}),
        "choose among completions": (
            "POST",
            "/score/completions",
            asking | {"model": {"llms": [{"model": "fake/vote-0.9"}]}, "choices": [completion, "x"]},
        ),
        "children": ("GET", f"/generations?parent_id={generation}", None),
        "its key's": ("GET", f"/generations?api_key_hash={digest}", None),
        "activity": ("GET", f"/activity?api_key_hash={digest}", None),
    }


@pytest.mark.parametrize("name", sorted(_bodies(_NOTHING, there=False)))
def test_a_body_that_names_another_accounts_things_is_answered_as_if_they_did_not_exist(
    house: House, name: str
) -> None:
    method, path, body = _bodies(house, there=True)[name]
    absent_method, absent_path, absent_body = _bodies(house, there=False)[name]
    for key in (house.boss, house.worker):
        reply = house.gateway.request(method, f"/api/v1{path}", body, key=key)
        absent = house.gateway.request(absent_method, f"/api/v1{absent_path}", absent_body, key=key)
        completion = house.ids["/multichat/completions/"]
        named = dict(enumerate((house.key_hash, house.generation, "canary-preset", "default", completion)))
        missing = dict(enumerate(("1" * 64, "gen-1790000000-" + "0" * 20, "nothing-here", "acc-none", "mltcpl-none")))
        assert (reply.status, _blurred(reply, named)) == (absent.status, _blurred(absent, missing))


@pytest.mark.alone
@pytest.mark.parametrize(
    "begin", ["/keys/", "/generation", "/guardrails/", "/byok/", "/presets/", "/score/completions/"]
)
def test_who_asks_for_another_accounts_things_is_answered_as_fast_as_for_nothing(house: House, begin: str) -> None:
    ids = house.ids | {"/keys/": house.key_hash, "/generation": f"?id={house.generation}"}
    none = {"/keys/": "1" * 64, "/generation": "?id=gen-1790000000-" + "0" * 20}
    missing = none.get(begin) or re.sub("[0-9a-z](?=[0-9a-z])", "1", ids[begin])
    spent: dict[str, list[float]] = {ids[begin]: [], missing: []}
    for _ in range(15 if begin == "/generation" else 60):  # which waits for what may just be on its way
        for name, times in spent.items():
            started = time.perf_counter()
            assert house.gateway.request("GET", f"/api/v1{begin}{name}", key=house.boss).status == 404
            times.append(time.perf_counter() - started)
    there, absent = (median(times) for times in spent.values())
    assert 0.6 < there / absent < 1.6, (there, absent)


def _blurred(reply: Reply, asked: Mapping[Any, str]) -> str:
    """The answer without what the question said, and without what is new each time."""
    text = reply.body.decode()
    for value in asked.values():
        text = text.replace(value, "…")
    return re.sub(
        r"gen-\d+-\w{20}|[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|sk-to-v1-\S+|acc-\w+|\d{4}-\d\d-\d\dT[\d:.]+Z|\d+",
        "#",
        text,
    )


def test_after_all_that_nothing_is_changed_and_the_money_adds_up(house: House) -> None:
    master = house.gateway.management_key
    path = f"/api/v1/generations?api_key_hash={house.key_hash}"
    until(lambda: house.gateway.request("GET", path, key=master).json()["data"])
    entry = house.gateway.request("GET", f"/api/v1/keys/{house.key_hash}", key=master).json()["data"]
    assert (entry["name"], entry["disabled"]) == ("canary-name", False)
    own = house.gateway.request("GET", path, key=master).json()
    assert [one["id"] for one in own["data"]] == [house.generation]
    for begin, one in house.ids.items():
        key = None if begin in {"/score/completions/", "/training_tables/", "/presets/"} else master
        assert house.gateway.request("GET", f"/api/v1{begin}{one}", key=key or house.gateway.key).status == 200, begin
    table = house.gateway.request("GET", f"/training_tables/{house.ids['/training_tables/']}/rows").json()
    assert len(table["data"]) == 1
    guard = house.gateway.request("GET", f"/api/v1/guardrails/{house.ids['/guardrails/']}", key=master).json()["data"]
    assert guard["name"] == "canary-guard"
    assert assert_money_adds_up(house.gateway) > 0
