from __future__ import annotations

import json
from typing import Any, cast

import pytest

from examples import a_request
from turnout.accounts.presets import PresetBook
from turnout.base.errors import BadRequest, NotFound
from turnout.contracts.presets import Presets
from turnout.domain.chat import ChatRequest
from turnout.domain.preset import Preset, PresetStatus, PresetVersion
from turnout.engine.presets import names_preset, with_preset

_ID = "3c9b7a52-9d43-4f6e-8f43-3a2f1a0c9c11"


class Shelf:
    """Presets of the account ann; counts how often it is asked."""

    def __init__(self, *, status: PresetStatus = "active", system_prompt: str | None = None, **config: object) -> None:
        preset = Preset(id=_ID, account_id="ann", slug="mine", name="mine", created=1.0, updated=1.0, status=status)
        text = json.dumps(config)
        version = PresetVersion(
            preset_id=_ID, version=1, creator="k", config=text, created=1.0, system_prompt=system_prompt
        )
        self._found = preset, version
        self.asked = 0

    async def preset(self, account_id: str, slug: str) -> tuple[Preset, PresetVersion] | None:
        self.asked += 1
        return self._found if (account_id, slug) == ("ann", "mine") else None


def book(**config: Any) -> PresetBook:  # noqa: ANN401 - what presets hold
    return PresetBook(cast(Presets, Shelf(**config)))


async def completed(request: ChatRequest, account: str = "ann", **config: Any) -> Any:  # noqa: ANN401 - JSON
    made = await with_preset(request, book(**config), account)
    return {name: json.loads(bytes(value)) for name, value in made.fields.items()}


@pytest.mark.parametrize(
    "named", [{"model": "@preset/mine"}, {"preset": "mine", "model": None}, {"preset": "@preset/mine"}]
)
async def test_a_preset_may_be_named_in_three_ways(named: dict[str, object]) -> None:
    request = a_request(**({"model": "a/own"} | named))
    assert names_preset(request)
    fields = await completed(request, model="a/b", temperature=0.5)
    assert fields["temperature"] == 0.5
    assert fields["model"] == ("a/own" if "model" not in named else "a/b")
    assert "preset" not in fields


async def test_a_model_before_the_mark_wins_over_the_preset() -> None:
    fields = await completed(a_request(model="x/y:nitro@preset/mine"), model="a/b", models=["c/d"])
    assert fields["model"] == "x/y:nitro"
    assert fields["models"] == ["c/d"]


async def test_fields_of_the_request_win_as_a_whole() -> None:
    request = a_request(model="@preset/mine", provider={"only": ["acme"]}, top_p=None, max_completion_tokens=7)
    fields = await completed(
        request, model="a/b", provider={"sort": "price", "zdr": True}, top_p=0.1, max_tokens=99, seed=3
    )
    assert fields["provider"] == {"only": ["acme"]}
    assert fields["top_p"] == 0.1  # null is as good as left out
    assert "max_tokens" not in fields
    assert fields["seed"] == 3


async def test_tools_of_both_are_offered_and_those_of_the_request_win_by_name() -> None:
    def tool(name: str, text: str) -> dict[str, object]:
        return {"type": "function", "function": {"name": name, "description": text}}

    search = {"type": "openrouter:web_search", "parameters": {"max_results": 1}}
    fields = await completed(
        a_request(model="@preset/mine", tools=[tool("a", "own"), search]),
        model="a/b", tools=[tool("a", "theirs"), tool("b", "theirs"), {"type": "openrouter:web_search"}],
    )  # fmt: skip
    assert fields["tools"] == [tool("b", "theirs"), tool("a", "own"), search]


async def test_the_system_prompt_goes_first_unless_the_request_brings_one() -> None:
    user = {"role": "user", "content": "Hi"}
    fields = await completed(a_request(model="@preset/mine", messages=[user]), model="a/b", system_prompt='Say "é"\n.')
    assert fields["messages"] == [{"role": "system", "content": 'Say "é"\n.'}, user]
    for role in ("system", "developer"):
        messages = [{"role": role, "content": "Mine."}, user]
        fields = await completed(
            a_request(model="@preset/mine", messages=messages), model="a/b", system_prompt="Theirs."
        )
        assert fields["messages"] == messages


async def test_the_completed_request_is_judged_and_measured_anew() -> None:
    made = await with_preset(
        a_request(model="@preset/mine"), book(model="a/b", temperature=0.5, system_prompt="x" * 500), "ann"
    )
    assert made.parameters.model == "a/b"
    assert made.parameters.temperature == 0.5
    assert made.prompt_bytes == len(bytes(made.fields["messages"])) > 500
    assert made.preset is not None
    assert made.preset.id == _ID


async def test_what_says_about_cached_answers_goes_to_no_provider() -> None:
    made = await with_preset(
        a_request(model="@preset/mine"), book(model="a/b", cache_enabled=True, cache_ttl_seconds=60), "ann"
    )
    assert made.preset is not None
    assert (made.preset.cache_enabled, made.preset.cache_ttl_seconds) == (True, 60)
    assert not {"cache_enabled", "cache_ttl_seconds"} & set(made.fields)


@pytest.mark.parametrize(
    ("request_fields", "config", "error", "words"),
    [
        ({"model": "@preset/none"}, {}, NotFound, "There is no preset none"),
        ({"model": "@preset/mine"}, {"status": "disabled", "model": "a/b"}, NotFound, "is disabled"),
        ({"model": "@preset/mine"}, {}, BadRequest, "names none either"),
        ({"model": "@preset/mine", "preset": "other"}, {"model": "a/b"}, BadRequest, "two presets"),
        ({"model": "@preset/mine"}, {"model": "@preset/mine"}, BadRequest, "another preset"),
        ({"model": "@preset/mine"}, {"model": "a/b", "top_k": "no"}, BadRequest, "With the preset mine"),
    ],
)
async def test_what_cannot_be_completed_says_why(
    request_fields: dict[str, object], config: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await completed(a_request(**request_fields), **config)


async def test_a_preset_of_another_account_is_as_one_that_does_not_exist() -> None:
    with pytest.raises(NotFound, match="There is no preset mine"):
        await completed(a_request(model="@preset/mine"), account="bob", model="a/b")


async def test_the_store_is_asked_once_also_for_presets_that_do_not_exist() -> None:
    shelf = Shelf(model="a/b")
    book = PresetBook(cast(Presets, shelf))
    for _ in range(3):
        await book.find("ann", "mine")
        with pytest.raises(NotFound):
            await book.find("ann", "none")
    assert shelf.asked == 2
    book.forget()
    await book.find("ann", "mine")
    assert shelf.asked == 3


def test_a_request_without_a_preset_is_left_alone() -> None:
    assert not names_preset(a_request(model="a/b"))
    assert not names_preset(a_request(model="@cf/meta/llama"))
