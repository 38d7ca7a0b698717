"""Names of the same weights: what providers call them, and what OpenRouter does. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["established_slug"]

_PATTERNS: Final = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"(.+-instruct)-turbo", r"\1"),
        (r"(.+-\d{4})-tput", r"\1"),
        (r"(llama-3\.[13]-\d+b)(?:-versatile|-instant)?", r"\1-instruct"),
        (r"llama-?3-(\d+b)-8192", r"llama-3-\1-instruct"),
        (r"(llama-4-(?:maverick|scout))(?:-17b)?(?:-\d+e)?-instruct(?:-.+)?", r"\1"),
        (r"claude-(opus|sonnet)-4\.0", r"claude-\1-4"),
        (r"(claude-(?:opus|sonnet|haiku)-\d(?:\.\d)?)-v1", r"\1"),
        (r"gemma-?(\d)-(\d+b)(?:-it)?", r"gemma-\1-\2-it"),
        (r"r1(-(?!1776).+)?", r"deepseek-r1\1"),
        (r"deepseek-(v3-0324|v3\.1)(-fast)?", r"deepseek-chat-\1\2"),
        (r"deepseek-tng-(r1t2?-chimera)", r"deepseek-\1"),
        (r"qwen-?(2\.5)-((?:coder-)?(?:7|32|72)b-instruct)", r"qwen-\1-\2"),
        (r"qwen-3-(.+)", r"qwen3-\1"),
        (r"llama-3\.2-(11b|90b)-instruct", r"llama-3.2-\1-vision-instruct"),
        (r"qwen-qwq-(.+)", r"qwq-\1"),
        (r"glm(\d.*)", r"glm-\1"),
        (r"(glm-(?:4|z1)-(?:9b|32b))-0414", r"\1"),
        (r"embed-v-?4[.-]?0?", "embed-v4.0"),
        (r"embed-v3-(english|multilingual)", r"embed-\1-v3.0"),
        (r"embed-(english|multilingual)(?:-v3)?", r"embed-\1-v3.0"),
        (r"solar-pro(\d)", r"solar-pro-\1"),
        (r"(mi[sx]tral-(?:8x7b|8x22b)-instruct)-v0\.1", r"\1"),
        (r"(mistral-small-3\.[12]-24b-instruct)-\d{4}", r"\1"),
    )
)
_NAMES: Final[Mapping[str, str]] = {
    "command-a-03-2025": "command-a",
    "deepseek-chat-v3-1": "deepseek-chat-v3.1",
    "deepseek-r1-1776": "r1-1776",
    "deepseek-v3": "deepseek-chat",
    "deepseek-v3.1-671b": "deepseek-chat-v3.1",
    "devstral-2-123b": "devstral-2512",
    "devstral-2-123b-instruct-2512": "devstral-2512",
    "devstral-medium-2507": "devstral-medium",
    "devstral-small-2507": "devstral-small",
    "gemini-2.0-flash": "gemini-2.0-flash-001",
    "gemini-2.0-flash-lite": "gemini-2.0-flash-lite-001",
    "grok-4-0709": "grok-4",
    "kimi-k2-0711-preview": "kimi-k2",
    "kimi-k2-0905-preview": "kimi-k2-0905",
    "kimi-k2-1t": "kimi-k2",
    "kimi-k2-instruct": "kimi-k2",
    "kimi-k2-instruct-0905": "kimi-k2-0905",
    "l3.3-70b-euryale-v2.3": "l3.3-euryale-70b",
    "llama-3.1-nemotron-70b-instruct-hf": "llama-3.1-nemotron-70b-instruct",
    "minimax-m1-80k": "minimax-m1",
    "ministral-3-14b-instruct": "ministral-14b-2512",
    "ministral-3-3b-instruct": "ministral-3b-2512",
    "ministral-3-8b-instruct": "ministral-8b-2512",
    "mistral-7b-instruct-v03": "mistral-7b-instruct-v0.3",
    "mistral-large-3-675b-instruct": "mistral-large-2512",
    "mistral-large-3-675b-instruct-2512": "mistral-large-2512",
    "mistral-large-instruct-2411": "mistral-large-2411",
    "mistral-medium-2505": "mistral-medium-3",
    "mistral-medium-2508": "mistral-medium-3.1",
    "mistral-medium-3-5": "mistral-medium-3.5",
    "mistral-nemo-instruct-2407": "mistral-nemo",
    "mistral-saba-24b": "mistral-saba",
    "mistral-small-2501": "mistral-small-24b-instruct-2501",
    "mistral-small-2503": "mistral-small-3.1-24b-instruct",
    "mistral-small-2506": "mistral-small-3.2-24b-instruct",
    "mistral-small-4-119b": "mistral-small-2603",
    "mistral-small-4-119b-2603": "mistral-small-2603",
    "mistral-small3.2": "mistral-small-3.2-24b-instruct",
    "moonshot-kimi-k2-instruct": "kimi-k2",
    "nova-2-lite": "nova-2-lite-v1",
    "nova-lite": "nova-lite-v1",
    "nova-micro": "nova-micro-v1",
    "nova-premier": "nova-premier-v1",
    "nova-pro": "nova-pro-v1",
    "open-mistral-7b": "mistral-7b-instruct",
    "open-mistral-nemo": "mistral-nemo",
    "open-mixtral-8x22b": "mixtral-8x22b-instruct",
    "open-mixtral-8x7b": "mixtral-8x7b-instruct",
    "pixtral-12b-2409": "pixtral-12b",
    "qwen3-235b": "qwen3-235b-a22b",
    "qwen3-235b-a22b-instruct-2507": "qwen3-235b-a22b-2507",
    "qwen3-coder-30b-a3b": "qwen3-coder-30b-a3b-instruct",
    "qwen3-coder-480b": "qwen3-coder",
    "qwen3-coder-480b-a35b": "qwen3-coder",
    "qwen3-coder-480b-a35b-instruct": "qwen3-coder",
    "qwen3-next-80b-a3b": "qwen3-next-80b-a3b-instruct",
    "qwen3-vl-235b-a22b": "qwen3-vl-235b-a22b-instruct",
    "qwen3-vl-30b-a3b": "qwen3-vl-30b-a3b-instruct",
    "step-3": "step3",
    "voxtral-small-2507": "voxtral-small-24b-2507",
}


def established_slug(slug: str) -> str:
    """The slug of the same weights as OpenRouter spells it; *slug* itself when it has no other name.

    One rule may lead to the next: ``qwen-3-coder-480b`` is ``qwen3-coder``.
    """
    for pattern, name in _PATTERNS:
        if found := pattern.fullmatch(slug):
            slug = found.expand(name)
    return _NAMES.get(slug, slug)
