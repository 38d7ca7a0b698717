"""Presets as the SDK of OpenRouter and its public document know them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from openrouter import OpenRouter, errors

from gateway import Gateway
from openrouter_schema import check_operation
from patience import until

_USER = {"role": "user", "content": "Hello, preset!"}


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenRouter]:
    """The SDK with an ordinary key: any key of an account manages its presets."""
    with OpenRouter(api_key=gateway.key, server_url=f"{gateway.url}/api/v1", timeout_ms=20_000) as sdk:
        yield sdk


@pytest.fixture
def slug() -> str:
    return f"p-{uuid4().hex[:12]}"


def post(gateway: Gateway, slug: str, family: str = "chat/completions", key: str | None = None, **body: Any) -> Any:  # noqa: ANN401 - JSON
    reply = gateway.request("POST", f"/api/v1/presets/{slug}/{family}", body, key=key or gateway.key)
    assert reply.status == 200, reply.body
    return reply.json()["data"]


def test_the_sdk_makes_reads_and_lists_presets_and_their_versions(client: OpenRouter, slug: str) -> None:
    messages: Any = [{"role": "system", "content": "Be brief."}, _USER]
    made = client.presets.create_presets_chat_completions(
        slug=slug, messages=messages, model="fake/echo", temperature=0.3, retries=None
    ).data
    assert made.designated_version is not None
    assert (made.slug, made.status, made.designated_version.version) == (slug, "active", 1)
    assert made.designated_version.system_prompt == "Be brief."
    assert made.designated_version.config == {"model": "fake/echo", "temperature": 0.3}
    again = client.presets.create_presets_responses(
        slug=slug, input="ignored", instructions="Be long.", model="fake/lorem-5", max_output_tokens=9, retries=None
    ).data
    assert again.designated_version is not None
    assert {"model": "fake/lorem-5", "max_tokens": 9}.items() <= again.designated_version.config.items()
    assert (again.id, again.designated_version.system_prompt) == (made.id, "Be long.")
    spoken: Any = [{"role": "user", "content": "x"}]
    third = client.presets.create_presets_messages(
        slug=slug, model="fake/echo", max_tokens=5, messages=spoken, system="Anthropic's.",
        retries=None,
    ).data  # fmt: skip
    assert third.designated_version is not None
    assert third.designated_version.system_prompt == "Anthropic's."
    read = client.presets.get(slug=slug, retries=None).data
    assert read == third
    versions = client.presets.list_versions(slug=slug, retries=None)
    assert versions is not None
    assert [one.version for one in versions.result.data if one is not None] == [1, 2, 3]
    first = client.presets.get_version(slug=slug, version="1", retries=None).data
    assert first == made.designated_version
    listed = client.presets.list(retries=None)
    assert listed is not None
    assert listed.result.data[0].slug == slug
    with pytest.raises(errors.NotFoundResponseError):
        client.presets.get_version(slug=slug, version="4", retries=None)


def test_replies_are_what_the_public_document_promises(gateway: Gateway, slug: str) -> None:
    for family in ("chat/completions", "messages", "responses"):
        reply = gateway.request("POST", f"/api/v1/presets/{slug}/{family}", {"model": "fake/echo"})
        check_operation("POST", f"/presets/{{slug}}/{family}", reply.json())
    for path, of in (
        ("/presets?limit=2", "/presets"),
        (f"/presets/{slug}", "/presets/{slug}"),
        (f"/presets/{slug}/versions", "/presets/{slug}/versions"),
        (f"/presets/{slug}/versions/2", "/presets/{slug}/versions/{version}"),
    ):
        check_operation("GET", of, gateway.request("GET", f"/v1{path}").json())
    check_operation("GET", "/presets/{slug}", gateway.request("GET", "/v1/presets/none").json(), "404")
    bad = gateway.request("POST", f"/api/v1/presets/{slug}/messages", {"temperature": "hot"})
    check_operation("POST", "/presets/{slug}/messages", bad.json(), "400")


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_gets_what_it_leaves_out_from_the_preset(gateway: Gateway, slug: str, *, stream: bool) -> None:
    preset = post(gateway, slug, model="fake/echo", max_tokens=2, messages=[{"role": "system", "content": "S"}])
    for named in ({"model": f"@preset/{slug}"}, {"preset": slug}, {"model": f"fake/echo@preset/{slug}"}):
        reply = gateway.request("POST", "/api/v1/chat/completions", {"messages": [_USER], "stream": stream} | named)
        assert reply.status == 200, reply.body
        last = reply.events()[-2] if stream else reply.json()
        assert gateway.generation(reply)["preset_id"] == preset["id"]
        assert last["model"] == "fake/echo"
        assert last["usage"]["completion_tokens"] == 2
        plan = gateway.request("POST", "/api/v1/explain", {"messages": [_USER]} | named).json()
        assert plan["data"]["requested"] == ["fake/echo"]


def test_a_new_version_and_a_switch_are_in_effect_at_once(gateway: Gateway, slug: str) -> None:
    def ask() -> Any:  # noqa: ANN401 - JSON
        reply = gateway.chat(f"@preset/{slug}").json()
        return reply if "error" in reply else reply["usage"]

    post(gateway, slug, model="fake/lorem-9", max_tokens=1)
    assert ask()["completion_tokens"] == 1
    post(gateway, slug, model="fake/lorem-9", max_tokens=3)
    until(lambda: ask()["completion_tokens"] == 3)
    reply = gateway.request("PATCH", f"/api/v1/presets/{slug}", {"version": 1, "description": "The first."})
    check_operation("GET", "/presets/{slug}", reply.json())
    until(lambda: ask()["completion_tokens"] == 1)
    assert gateway.request("PATCH", f"/api/v1/presets/{slug}", {"status": "disabled"}).status == 200
    until(lambda: "is disabled" in json.dumps(ask()))
    assert gateway.request("DELETE", f"/api/v1/presets/{slug}").json() == {"deleted": True}
    until(lambda: gateway.chat(f"@preset/{slug}").status == 404)


def test_two_accounts_see_nothing_of_each_other(gateway: Gateway, slug: str) -> None:
    manage = gateway.management_key
    account = gateway.request("POST", "/api/v1/accounts", {"name": "other"}, key=manage).json()["data"]["id"]
    made = gateway.request("POST", "/api/v1/keys", {"name": "o", "account_id": account}, key=manage).json()
    post(gateway, slug, model="fake/echo")
    other = made["key"]
    absent = f"absent-{slug}"[:40]
    for method, path, body in (
        ("GET", "", None), ("PATCH", "", {"name": "x"}), ("DELETE", "", None), ("GET", "/versions", None),
        ("GET", "/versions/1", None),
    ):  # fmt: skip
        theirs = gateway.request(method, f"/api/v1/presets/{slug}{path}", body, key=other)
        nobodys = gateway.request(method, f"/api/v1/presets/{absent}{path}", body, key=other)
        assert (theirs.status, theirs.body) == (404, nobodys.body)
    chat = {"model": f"@preset/{slug}", "messages": [_USER]}
    assert gateway.request("POST", "/api/v1/chat/completions", chat, key=other).status == 404
    assert gateway.request("GET", "/api/v1/presets", key=other).json() == {"data": [], "total_count": 0}
    post(gateway, slug, key=other, model="fake/lorem-3")
    assert gateway.request("GET", f"/api/v1/presets/{slug}").json()["data"]["designated_version"]["version"] == 1
    named = gateway.request("GET", f"/api/v1/presets/{slug}?account_id={account}", key=manage).json()["data"]
    assert named["designated_version"]["config"] == {"model": "fake/lorem-3"}
    assert gateway.request("DELETE", f"/api/v1/accounts/{account}", key=manage).status == 200


@pytest.mark.parametrize(
    ("slug", "body", "words"),
    [
        ("a.b", {}, "The name of a preset"),
        ("x" * 65, {}, "The name of a preset"),
        ("ok", {"model": "@preset/x"}, "does not name a preset"),
        ("ok", {"cache_ttl_seconds": 0}, "cache_ttl_seconds"),
        ("ok", {"provider": {"nonsense": 1}}, "nonsense"),
        ("ok", {"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "reasoning"),
    ],
)
def test_what_no_preset_can_be_is_refused(gateway: Gateway, slug: str, body: dict[str, object], words: str) -> None:
    reply = gateway.request("POST", f"/api/v1/presets/{slug}/chat/completions", body)
    assert reply.status == 400
    assert words in reply.json()["error"]["message"]
