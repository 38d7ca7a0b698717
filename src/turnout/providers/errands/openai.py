"""All that a provider of OpenAI's dialect may do beside conversations, by kind."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

from turnout.contracts.provider import Adapter, Outside
from turnout.domain.provider import Provider
from turnout.providers.errands.base import Site
from turnout.providers.errands.images import Images
from turnout.providers.errands.moderation import Moderation
from turnout.providers.errands.rerank import Rerank
from turnout.providers.errands.sound import Speech, Transcription
from turnout.providers.heads import request_head

__all__ = ["errands_at", "openai_errands"]


def openai_errands(provider: Provider, outside: Outside) -> Mapping[str, Adapter]:
    """The errands of a provider that has them below its base URL. Which of them it really has is its own affair."""

    @cache
    def head(path: str) -> bytes:
        return request_head(provider, path)

    return errands_at(Site(lambda _model, path: head(path), outside.wall, provider.capabilities.embeddings), outside)


def errands_at(site: Site, outside: Outside) -> Mapping[str, Adapter]:
    """The errands of *site*, all in OpenAI's words."""
    errands = {
        "rerank": Rerank(site),
        "image": Images(site, outside.fetch),
        "transcription": Transcription(site),
        "speech": Speech(site),
        "moderation": Moderation(site),
    }
    return cast("Mapping[str, Adapter]", errands)
