"""What the families of models on Bedrock take and refuse, read from the name of the model."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct

from turnout.providers.claude_manners import Manners, manners_of

__all__ = ["Family", "family_of"]

_OPAQUE: Final = ("application-inference-profile/", "provisioned-model/", "custom-model", "default-prompt-router/",
                  "prompt-router/", "imported-model/")  # fmt: skip
"""Resources whose names do not tell the model."""
_MAKER: Final = re.compile(r"(?:^|[./])([a-z0-9-]+)[./]")
_PLACE: Final = re.compile(r"^(?:[a-z]{2,6}(?:-[a-z]{2,6})?)\.(?=[a-z0-9-]+\.)")
_MAKERS: Final = {"meta-llama": "meta", "mistralai": "mistral", "moonshotai": "moonshot", "z-ai": "zai"}
"""Makers under the names that the catalog has for them."""
_STRUCTURED: Final = frozenset({"google", "minimax", "moonshot", "nvidia", "openai", "qwen", "zai"})
_STRUCTURED_NAMES: Final = ("deepseek.v3", "ministral", "magistral", "mistral-large-3", "voxtral", "devstral")
_UNSTRUCTURED_NAMES: Final = ("claude-opus-4-1", "claude-opus-4.1")
_WITHOUT_CHOICE: Final = frozenset({"ai21", "cohere", "deepseek", "meta", "writer"})
_ALONE: Final = frozenset({"meta", "mistral", "writer"})
_EVERYTHING: Final = frozenset({"text", "image", "document", "video", "audio"})


class Family(Struct, frozen=True, kw_only=True):
    """How a model is spoken to through Converse. The defaults are for models that nothing is known of.

    Attributes:
        claude: the manners of a Claude; None for any other.
        thinking: how its reasoning is steered: ``claude``, an ``effort`` word, a ``config`` word, or as ``nova``.
        top_k: where that parameter goes: to the top of the model's own fields, or among Nova's; None: not taken.
        schemas: takes ``outputConfig`` and strict tools.
        chooses: takes ``toolChoice``.
        caches: takes cache points; ``caches_tools``: also among the tools.
        beside_results: kinds of blocks that may stand in one turn with the results of tools.
        json_results: wants results of tools as JSON where they are.
        may_begin: a conversation may begin with the model's turn.
    """

    claude: Manners | None = None
    thinking: Literal["claude", "effort", "config", "nova"] | None = None
    top_k: Literal["own", "nova"] | None = None
    schemas: bool = False
    chooses: bool = True
    caches: bool = False
    caches_tools: bool = False
    beside_results: frozenset[str] = _EVERYTHING
    json_results: bool = False
    may_begin: bool = False


@lru_cache(1024)
def family_of(upstream_model: str, model_id: str = "") -> Family:
    """The family of a model by its name on Bedrock; *model_id* is ours, and counts where that name does not tell.

    Source: Amazon Bedrock User Guide, "Supported models and model features", "Structured output", "Prompt caching",
    and what recorded exchanges show.
    """
    name = upstream_model.lower()
    if name.startswith("arn:"):
        name = name.rpartition("/")[2] if not any(kind in name for kind in _OPAQUE) else model_id.lower()
    name = _PLACE.sub("", name)
    found = _MAKER.search(name)
    maker = "" if found is None else _MAKERS.get(found[1], found[1])
    if "claude" in name:
        return _claude(name)
    nova = maker == "amazon" and "nova" in name
    return Family(
        thinking=_thinking(maker, name),
        top_k="nova" if nova else None,
        schemas=maker in _STRUCTURED or any(known in name for known in _STRUCTURED_NAMES),
        chooses=maker not in _WITHOUT_CHOICE,
        caches=nova,
        beside_results=frozenset() if maker in _ALONE else _EVERYTHING,
        json_results=maker == "mistral",
    )


def _claude(name: str) -> Family:
    manners = manners_of(name)
    return Family(
        claude=manners,
        thinking="claude",
        top_k="own",
        schemas=manners.schemas and not any(old in name for old in _UNSTRUCTURED_NAMES),
        caches=True,
        caches_tools=True,
        beside_results=frozenset({"text", "image"}),
        may_begin=True,
    )


def _thinking(maker: str, name: str) -> Literal["effort", "config", "nova"] | None:
    if maker == "openai":
        return "effort"
    if maker == "qwen" and "coder" not in name:
        return "config"
    return "nova" if "nova-2" in name else None
