"""Models that chat and models that make vectors are not taken for one another."""

from __future__ import annotations

import json
from random import Random

import pytest

from examples import a_model, a_provider, a_request, a_snapshot, an_endpoint, prices
from turnout.api.embeddings import EmbeddingsSurface
from turnout.base.errors import BadRequest, NoEndpoints
from turnout.domain.catalog import Model
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import Outlook, Plan
from turnout.engine.plan import make_plan
from turnout.engine.routes import Routes


def _model(model_id: str, kind: str, *, assumed: bool = False, context: int | None = None) -> Model:
    endpoint = an_endpoint("one", model_id, pricing=prices("0.000001"), context_length=context)
    return a_model(model_id, [endpoint], output_modalities=(kind,), assumed_outputs=assumed)


_MODELS = [
    _model("acme/chats", "text"),
    _model("acme/embeds", "embeddings"),
    _model("acme/untold", "text", assumed=True),
    _model("acme/short", "embeddings", context=512),
]
_ROUTES = Routes(a_snapshot(_MODELS, [a_provider("one")], {}))


def _plan(request: ChatRequest) -> Plan:
    return make_plan(request, _ROUTES, Outlook({}, Random(1)))


def _vectors(model: str, given: object = "x") -> ChatRequest:
    return EmbeddingsSurface().decode(json.dumps({"model": model, "input": given}).encode())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (a_request(model="acme/embeds"), "POST /embeddings"),
        (a_request(model="acme/chats", models=["acme/embeds"]), "POST /embeddings"),
        (_vectors("acme/chats"), "makes no embeddings"),
    ],
    ids=["chat", "chat with another model", "vectors"],
)
def test_the_wrong_kind_of_model_is_a_clear_refusal(asked: ChatRequest, words: str) -> None:
    with pytest.raises(BadRequest, match=words) as caught:
        _plan(asked)
    assert caught.value.availability is not None
    assert caught.value.availability["code"] == "wrong_endpoint"


@pytest.mark.parametrize(
    "asked",
    [a_request(model="acme/untold"), _vectors("acme/untold"), _vectors("acme/embeds")],
    ids=["chat with who knows what", "vectors of who knows what", "vectors"],
)
def test_the_right_kind_is_planned_and_so_is_what_nobody_tells(asked: ChatRequest) -> None:
    [candidate] = _plan(asked).candidates
    assert candidate.provider.slug == "one"


def test_many_short_texts_fit_where_one_long_text_does_not() -> None:
    assert _plan(_vectors("acme/short", ["word " * 100] * 100)).candidates
    with pytest.raises(NoEndpoints, match="context_length"):
        _plan(_vectors("acme/short", ["word " * 10_000]))
