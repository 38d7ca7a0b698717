"""Credentials of providers as the SDK of OpenRouter and its public document know them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import uuid4

import pytest
from openrouter import OpenRouter, errors

from gateway import Gateway, Reply
from openrouter_schema import check_operation, sdk_requires

_SECRET = "sk-canary-0123456789abcd"
_PROVIDER: Final = "mistral"  # of no model here: a credential that a test leaves behind changes nothing for the others


@pytest.fixture
def manager(gateway: Gateway) -> Iterator[OpenRouter]:
    """The SDK with the management key."""
    url = f"{gateway.url}/api/v1"
    with OpenRouter(api_key=gateway.management_key, server_url=url, timeout_ms=20_000) as client:
        yield client


def manage(gateway: Gateway, method: str, path: str = "", body: object = None) -> Reply:
    reply = gateway.request(method, f"/api/v1/byok{path}", body, key=gateway.management_key)
    assert _SECRET not in reply.body.decode()
    return reply


def test_the_sdk_makes_reads_changes_lists_and_deletes_credentials(manager: OpenRouter, gateway: Gateway) -> None:
    made = manager.byok.create(
        provider=_PROVIDER, key=_SECRET, name="mine", allowed_models=["acme/tiny"], is_required=True, retries=None
    ).data
    assert (made.provider, made.name, made.label, made.is_required) == (_PROVIDER, "mine", "****abcd", True)
    assert made.allowed_models == ["acme/tiny"]
    assert (made.disabled, made.is_fallback, made.allowed_api_key_hashes) == (False, False, None)
    other = manager.byok.create(provider="cohere", key=_SECRET, is_fallback=True, retries=None).data
    changed = manager.byok.update(
        id=made.id, name="yours", key="sk-other-zyxwvu9876", disabled=True, allowed_models=None, retries=None
    ).data
    assert (changed.name, changed.label, changed.disabled, changed.allowed_models) == ("yours", "****9876", True, None)
    assert manager.byok.get(id=made.id, retries=None).data == changed
    listed = manager.byok.list(provider=_PROVIDER, retries=None)
    assert listed is not None
    ids = [one.id for one in listed.result.data]  # other tests may have left some
    assert made.id in ids
    assert other.id not in ids
    assert listed.result.total_count == len(ids)
    for one in (made, other):
        assert manager.byok.delete(id=one.id, retries=None).DELETED is True
    with pytest.raises(errors.NotFoundResponseError):
        manager.byok.get(id=made.id, retries=None)
    assert "sk-other" not in gateway.log()


def test_replies_are_what_the_public_document_promises(gateway: Gateway) -> None:
    made = manage(gateway, "POST", "", {"provider": _PROVIDER, "key": _SECRET})
    assert made.status == 201
    check_operation("POST", "/byok", made.json(), "201")
    one = made.json()["data"]
    assert set(sdk_requires("BYOKKey")) <= set(one)
    check_operation("GET", "/byok", manage(gateway, "GET", "?limit=5&offset=0").json())
    check_operation("GET", "/byok/{id}", manage(gateway, "GET", f"/{one['id']}").json())
    check_operation("PATCH", "/byok/{id}", manage(gateway, "PATCH", f"/{one['id']}", {"sort_order": 3}).json())
    check_operation("DELETE", "/byok/{id}", manage(gateway, "DELETE", f"/{one['id']}").json())
    check_operation("GET", "/byok/{id}", manage(gateway, "GET", f"/{uuid4()}").json(), "404")
    check_operation("POST", "/byok", manage(gateway, "POST", "", {"provider": _PROVIDER}).json(), "400")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"provider": "nobody", "key": "x"}, "is not the slug of a provider"),
        ({"provider": _PROVIDER, "key": " "}, "`key`"),
        ({"provider": _PROVIDER, "key": "x\ny"}, "`key`"),
        ({"provider": _PROVIDER, "key": '{"api_key": "x", "base_url": "http://10.0.0.1"}'}, "as JSON takes"),
        ({"provider": _PROVIDER, "key": '{"api_key": "x", "region": "evil.example/#"}'}, "no such name"),
        ({"provider": _PROVIDER, "key": '{"type": "service_account", "token_uri": "http://10.0.0.1"}'}, "issuer's own"),
        ({"provider": _PROVIDER, "key": "x", "is_fallback": True, "is_byok_only": True}, "exclude each other"),
        ({"provider": _PROVIDER, "key": "x", "allowed_models": []}, "null allows everything"),
        ({"provider": _PROVIDER, "key": "x", "allowed_api_key_hashes": ["a" * 64]}, "does not have"),
        ({"provider": _PROVIDER, "key": "x", "workspace_id": str(uuid4())}, "workspace"),
        ({"provider": _PROVIDER, "key": "x", "base_url": "http://10.0.0.1"}, "not a field"),
        ({"provider": _PROVIDER, "key": "x", "declared_zdr": True}, "not kept here"),
    ],
)
def test_what_no_credential_can_be_is_refused(gateway: Gateway, body: object, words: str) -> None:
    reply = manage(gateway, "POST", "", body)
    assert reply.status == 400
    assert words in reply.json()["error"]["message"]


def test_ordinary_keys_and_other_accounts_see_nothing(gateway: Gateway) -> None:
    def call(method: str, path: str, body: object, key: str) -> Reply:
        return gateway.request(method, f"/api/v1{path}", body, key=key)

    account = call("POST", "/accounts", {"name": "other"}, gateway.management_key).json()["data"]["id"]
    boss = {"name": "o", "account_id": account, "management": True}
    other = call("POST", "/keys", boss, gateway.management_key).json()["key"]
    made = manage(gateway, "POST", "", {"provider": _PROVIDER, "key": _SECRET}).json()["data"]["id"]
    for method, below, body in (("GET", "", None), ("PATCH", "", {}), ("DELETE", "", None), ("POST", "/test", None)):
        theirs = call(method, f"/byok/{made}{below}", body, other)
        nobodys = call(method, f"/byok/{uuid4()}{below}", body, other)
        assert (theirs.status, theirs.body) == (404, nobodys.body)
        assert call(method, f"/byok/{made}{below}", body, gateway.key).status == 403
    assert call("GET", "/byok", None, other).json() == {"data": [], "total_count": 0}
    assert call("GET", "/byok", None, gateway.key).status == 403
    assert call("DELETE", f"/accounts/{account}", None, gateway.management_key).status == 200
    assert manage(gateway, "DELETE", f"/{made}").status == 200
