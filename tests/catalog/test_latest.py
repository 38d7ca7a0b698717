"""Names that lead to the newest of a family."""

from collections.abc import Iterable

import pytest

from turnout.catalog.latest import latest_aliases
from turnout.domain.catalog import Model


def models(*ids: str, **facts: object) -> Iterable[Model]:
    return [Model(id=model_id, canonical_slug=model_id, name=model_id, **facts) for model_id in ids]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("alias", "newest", "others"),
    [
        ("~anthropic/claude-sonnet-latest", "claude-sonnet-4.6", ["claude-3.7-sonnet", "claude-sonnet-4.5"]),
        ("~anthropic/claude-opus-latest", "claude-opus-4.10", ["claude-opus-4.9", "claude-opus-4.10-fast"]),
        ("~openai/gpt-latest", "gpt-5.4", ["gpt-4", "gpt-5", "gpt-5.4-mini", "gpt-5.9-codex", "gpt-5.4:free"]),
        ("~google/gemini-pro-latest", "gemini-3-pro", ["gemini-3-pro-preview", "gemini-2.5-pro"]),
        ("~x-ai/grok-latest", "grok-4.3", ["grok-4.20", "grok-4", "grok-4.3-fast"]),
        ("~mistralai/mistral-large-latest", "mistral-large-2512", ["mistral-large", "mistral-large-2411"]),
        ("~moonshotai/kimi-latest", "kimi-k2.5", ["kimi-k2", "kimi-k2-thinking"]),
    ],
)
def test_the_highest_version_is_the_newest_and_other_families_do_not_count(
    alias: str, newest: str, others: list[str]
) -> None:
    author = alias[1:].partition("/")[0]
    found = latest_aliases(models(*(f"{author}/{slug}" for slug in [newest, *others])))

    assert found[alias] == f"{author}/{newest}"
    assert found == latest_aliases(models(*(f"{author}/{slug}" for slug in [*others[::-1], newest])))


def test_a_model_whose_end_is_announced_counts_only_when_there_is_no_other() -> None:
    ending = models("openai/gpt-6", expiration_date="2026-12-01")

    assert latest_aliases([*models("openai/gpt-5"), *ending])["~openai/gpt-latest"] == "openai/gpt-5"
    assert latest_aliases(ending)["~openai/gpt-latest"] == "openai/gpt-6"


def test_routers_are_never_the_newest_and_an_empty_catalog_has_none() -> None:
    assert latest_aliases(models("openai/gpt-5", router=True)) == {}
    assert latest_aliases([]) == {}
