"""``~author/family-latest``: names that lead to the newest model of a family. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from turnout.domain.catalog import Model

__all__ = ["latest_aliases"]

_Rank = tuple[bool, int, tuple[int, int], bool, str]

_V: Final = r"(?P<version>\d+(?:\.\d+)?)"
_PREVIEW: Final = r"(?P<preview>-preview)?"

_FAMILIES: Final = tuple(
    (alias, re.compile(pattern))
    for alias, pattern in (
        ("~anthropic/claude-opus-latest", rf"anthropic/claude-(?:opus-{_V}|(?P<old>3)-opus)"),
        ("~anthropic/claude-sonnet-latest", rf"anthropic/claude-(?:sonnet-{_V}|(?P<old>3(?:\.\d)?)-sonnet)"),
        ("~anthropic/claude-haiku-latest", rf"anthropic/claude-(?:haiku-{_V}|(?P<old>3(?:\.\d)?)-haiku)"),
        ("~anthropic/claude-fable-latest", rf"anthropic/claude-fable-{_V}"),
        ("~openai/gpt-latest", rf"openai/gpt-{_V}"),
        ("~openai/gpt-mini-latest", rf"openai/gpt-{_V}-mini"),
        ("~openai/gpt-nano-latest", rf"openai/gpt-{_V}-nano"),
        ("~openai/gpt-pro-latest", rf"openai/gpt-{_V}-pro"),
        ("~openai/gpt-codex-latest", rf"openai/gpt-{_V}-codex"),
        ("~openai/gpt-sol-latest", rf"openai/gpt-{_V}-sol"),
        ("~openai/gpt-terra-latest", rf"openai/gpt-{_V}-terra"),
        ("~openai/gpt-luna-latest", rf"openai/gpt-{_V}-luna"),
        ("~openai/gpt-astra-latest", rf"openai/gpt-{_V}-astra"),
        ("~google/gemini-pro-latest", rf"google/gemini-{_V}-pro{_PREVIEW}"),
        ("~google/gemini-flash-latest", rf"google/gemini-{_V}-flash{_PREVIEW}"),
        ("~google/gemini-flash-lite-latest", rf"google/gemini-{_V}-flash-lite{_PREVIEW}"),
        ("~x-ai/grok-latest", rf"x-ai/grok-{_V}"),
        ("~x-ai/grok-fast-latest", rf"x-ai/grok-{_V}-fast"),
        ("~deepseek/deepseek-chat-latest", rf"deepseek/deepseek-(?:chat-)?v{_V}(?:-pro)?"),
        ("~deepseek/deepseek-pro-latest", rf"deepseek/deepseek-v{_V}-pro"),
        ("~deepseek/deepseek-flash-latest", rf"deepseek/deepseek-v{_V}-flash"),
        ("~mistralai/mistral-large-latest", r"mistralai/mistral-large(?:-(?P<version>\d{1,4}(?:\.\d)?))?"),
        ("~mistralai/mistral-medium-latest", r"mistralai/mistral-medium(?:-(?P<version>\d{1,4}(?:\.\d)?))?"),
        ("~mistralai/mistral-small-latest", r"mistralai/mistral-small(?:-(?P<version>\d{4}))?"),
        ("~moonshotai/kimi-latest", rf"moonshotai/kimi-k{_V}"),
        ("~z-ai/glm-latest", rf"z-ai/glm-{_V}"),
        ("~z-ai/glm-flash-latest", rf"z-ai/glm-{_V}-flash"),
        ("~qwen/qwen-max-latest", rf"qwen/qwen(?:{_V})?-max{_PREVIEW}"),
        ("~qwen/qwen-plus-latest", rf"qwen/qwen(?:{_V})?-plus{_PREVIEW}"),
        ("~minimax/minimax-latest", rf"minimax/minimax-m{_V}"),
    )
)
"""Families by what their members are called; the rank goes by version, then by release."""


def latest_aliases(models: Iterable[Model]) -> dict[str, str]:
    """``~author/family-latest`` to the id of the newest of *models* in that family, for families with a member.

    Only concrete models count: never a router, a variant, or another alias. A model whose end has been announced
    counts only when the family has no other.
    """
    newest: dict[str, tuple[_Rank, str]] = {}
    for model in models:
        if model.router:
            continue
        for alias, pattern in _AUTHORS.get(f"~{model.id.partition('/')[0]}", ()):
            if (match := pattern.fullmatch(model.id)) is not None:
                rank = _rank(model, match)
                if alias not in newest or newest[alias][0] < rank:
                    newest[alias] = (rank, model.id)
    return {alias: newest[alias][1] for alias in sorted(newest)}


def _by_author() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    found: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for alias, pattern in _FAMILIES:
        found.setdefault(alias.partition("/")[0], []).append((alias, pattern))
    return found


_AUTHORS: Final = _by_author()
_DECIMAL: Final = frozenset({"x-ai"})
"""Authors whose 4.20 came before 4.3."""
_MONTH: Final = 4  # digits of a release such as 2411
_UNNAMED, _BY_MONTH, _BY_NUMBER = range(3)


def _rank(model: Model, match: re.Match[str]) -> _Rank:
    """Sorts a family: what lives on first, then by version; a bare name is the maker's own alias and comes last."""
    named = match.groupdict()
    text = named.get("version") or named.get("old")
    kind = _UNNAMED if text is None else _BY_MONTH if len(text) == _MONTH and text.isdigit() else _BY_NUMBER
    whole, _, fraction = (text or "0").partition(".")
    if model.id.partition("/")[0] in _DECIMAL:
        fraction = fraction.ljust(4, "0")
    version = (int(whole), int(fraction or 0))
    return model.expiration_date is None, kind, version, not named.get("preview"), model.id
