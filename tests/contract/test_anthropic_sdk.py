"""What Anthropic's clients look up beside messages: the list of models in their shape."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest

from gateway import Gateway

_VERSION = {"anthropic-version": "2023-06-01"}


@pytest.fixture
def client(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=f"{gateway.url}/api", api_key=gateway.key, max_retries=0) as made:
        yield made


def _ids(gateway: Gateway) -> list[str]:
    return [model["id"] for model in gateway.request("GET", "/api/v1/models").json()["data"]]


def test_models_are_listed_in_pages_with_the_names_that_the_sdk_reads(
    client: anthropic.Anthropic, gateway: Gateway
) -> None:
    ids = _ids(gateway)
    assert len(ids) > 2
    found = list(client.models.list(limit=2))
    assert [model.id for model in found] == ids
    assert {model.type for model in found} == {"model"}
    assert all(model.created_at.tzinfo and model.display_name for model in found)
    one = client.models.retrieve(ids[-1])
    assert (one.id, one.type) == (ids[-1], "model")
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("no/such-model")


def test_pages_go_both_ways(gateway: Gateway) -> None:
    ids = _ids(gateway)
    first = gateway.request("GET", "/v1/models?limit=1", headers=_VERSION).json()
    assert (first["first_id"], first["last_id"], first["has_more"]) == (ids[0], ids[0], True)
    back = gateway.request("GET", f"/v1/models?limit=1&before_id={ids[2]}", headers=_VERSION).json()
    assert [model["id"] for model in back["data"]] == [ids[1]]
    assert back["has_more"]
    rest = gateway.request("GET", f"/v1/models?after_id={ids[0]}", headers=_VERSION).json()
    assert [model["id"] for model in rest["data"]] == ids[1:]
    assert not rest["has_more"]
    end = gateway.request("GET", f"/v1/models?after_id={ids[-1]}", headers=_VERSION).json()
    assert (end["data"], end["first_id"], end["has_more"]) == ([], None, False)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "after_id=no/such", "after_id=a&before_id=b"])
def test_pages_that_are_not_there_are_refused(gateway: Gateway, query: str) -> None:
    reply = gateway.request("GET", f"/v1/models?{query}", headers=_VERSION)
    assert reply.status == 400
    assert query.partition("=")[0] in reply.json()["error"]["message"]


def test_the_two_lists_are_told_apart_by_the_header_alone(gateway: Gateway) -> None:
    plain = gateway.request("GET", "/v1/models")
    asked = gateway.request("GET", "/v1/models", headers=_VERSION)
    assert "total_count" in plain.json()
    assert "has_more" in asked.json()
    for reply in (plain, asked):
        assert "anthropic-version" in reply.headers["vary"]
    assert "total_count" in gateway.request("GET", "/v1/models").json()
    assert gateway.request("HEAD", "/v1/models", headers=_VERSION).status == 200
