"""The Anthropic dialect: whole conversations keep every part, whatever is said in them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from converters.anthropic import chat_request, normal_request
from turnout.api.chat import ChatSurface
from turnout.contracts.provider import Fetched, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.provider import Provider
from turnout.providers.dialects.anthropic import AnthropicAdapter

_MODEL = "claude-opus-4-8"
_ENDPOINT = Endpoint(model_id="a/x", provider="c", tag="c", upstream_model=_MODEL)
_TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
_MARKS: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.just({"cache_control": {"type": "ephemeral", "ttl": "1h"}})
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXTS, inner, max_size=2),
    max_leaves=4,
)


async def _unused(*_: object) -> Any:  # noqa: ANN401 - never called
    return Fetched("", b"")


_ADAPTER = AnthropicAdapter(Provider(slug="c", name="C", base_url="http://x"), Outside(lambda: 0.0, _unused, _unused))


def _block(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind)} | fields)


def _marked(block: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda one, mark: one | mark, block, _MARKS)


_TEXT = _marked(_block("text", text=_TEXTS))
_IMAGE = _marked(
    _block(
        "image",
        source=st.sampled_from(
            [
                {"type": "url", "url": "https://a.example/x.png"},
                {"type": "base64", "media_type": "image/png", "data": "AAAA"},
            ]
        ),
    )
)
_DOCUMENT = _marked(
    _block("document", source=st.just({"type": "base64", "media_type": "application/pdf", "data": "AAAA"}))
)
_SAID = st.lists(_TEXT | _IMAGE | _DOCUMENT, min_size=1, max_size=3)
_THOUGHT = _block("thinking", thinking=st.text(max_size=9), signature=_TEXTS) | _block("redacted_thinking", data=_TEXTS)


@st.composite
def _conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The user speaks, the model thinks, answers and calls, and the user brings what was found and may say more."""
    turns = [{"role": "user", "content": draw(_SAID)}]
    for number in range(draw(st.integers(0, 3))):
        names = [f"call_{number}_{at}" for at in range(draw(st.integers(0, 3)))]
        calls = [
            {
                "type": "tool_use",
                "id": name,
                "name": "find",
                "input": draw(st.dictionaries(_TEXTS, _VALUES, max_size=2)),
            }
            for name in names
        ]
        texts = draw(st.lists(_TEXT, min_size=0 if names else 1, max_size=2))
        turns.append({"role": "assistant", "content": [*draw(st.lists(_THOUGHT, max_size=2)), *texts, *calls]})
        results = [
            {
                "type": "tool_result",
                "tool_use_id": name,
                "content": draw(st.lists(_TEXT | _IMAGE, min_size=1, max_size=2)),
            }
            | draw(st.just({}) | st.just({"is_error": True}))
            for name in names
        ]
        more = draw(st.lists(_TEXT | _IMAGE, min_size=0 if names else 1, max_size=2))
        turns.append({"role": "user", "content": [*results, *more]})
    return turns


@given(_conversations(), st.none() | st.lists(_TEXT, min_size=1, max_size=2))
def test_every_part_of_a_conversation_arrives(turns: list[dict[str, Any]], system: list[dict[str, Any]] | None) -> None:
    wanted = {"model": _MODEL, "max_tokens": 99, "messages": turns} | ({"system": system} if system else {})
    request = ChatSurface().decode(json.dumps(chat_request(wanted) | {"model": "a/x"}).encode())
    assert normal_request(json.loads(_ADAPTER.outgoing(request, _ENDPOINT).body)) == normal_request(wanted)
