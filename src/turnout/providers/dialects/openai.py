"""The OpenAI dialect. Its providers stand in ``compatible.toml``."""

from __future__ import annotations

from typing import Final

from turnout.contracts.provider import Dialect, Listing
from turnout.providers.embeddings.openai import openai_embedder
from turnout.providers.errands.openai import openai_errands
from turnout.providers.openai import OpenAIAdapter

__all__ = ["DIALECT"]

DIALECT: Final = Dialect(
    name="openai",
    skills=frozenset({"files"}),
    listing=Listing(),
    adapter=lambda provider, outside: OpenAIAdapter(provider, outside.wall),
    embedder=lambda provider, outside: openai_embedder(provider, outside.wall),
    errands=openai_errands,
)
