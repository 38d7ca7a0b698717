"""Sample models of the fake provider, as rows like everybody's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from turnout.catalog.rows import SAMPLE, Row
from turnout.domain.usage import Pricing

__all__ = ["sample_rows"]

_CONTEXT = 1_000_000
_OUTPUTS: Final = {
    "embed": ("embeddings",),
    "rerank": ("rerank",),
    "image": ("image",),
    "speech": ("speech",),
    "transcribe": ("transcription",),
}
"""What those models make whose name says that it is no text."""


def sample_rows(provider: str, names: Iterable[str]) -> tuple[Row, ...]:
    """One free row for each of *names* (``echo``, ``lorem-50`` …) under *provider*, in their order."""
    return tuple(
        Row(
            source=SAMPLE,
            provider=provider,
            upstream_model=name,
            name=f"Fake: {name}",
            description="A model that exists for tests and first steps; its name says how it behaves.",
            context_length=_CONTEXT,
            output_modalities=_OUTPUTS.get(name, ("text",)),
            input_modalities=("audio",) if name == "transcribe" else ("text",),
            supported_voices=("tone",) if name == "speech" else None,
            reasoning="reason" in name,
            pricing=Pricing(),
        )
        for name in names
    )
