"""What kind of model a name stands for, where feeds file everything under text. Pure."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["outputs_by_name"]

_KINDS: Final = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"rerank", "rerank"),
        (
            r"embed|(?:^|/)(?:bge|gte|e5|voyage|multilingual-e5|all-mini|all-mpnet|multi-qa|jina-embeddings)-",
            "embeddings",
        ),
        (r"whisper|transcrib", "transcription"),
        (r"(?:^|[-_/.])tts(?:$|[-_.])|(?:^|/)(?:orpheus|kokoro|playai)", "speech"),
        (r"(?:^|/)(?:gpt-image|chatgpt-image|dall-e|imagen|flux|stable-diffusion|sd3)", "image"),
        (r"(?:^|/)(?:seedream|recraft|ideogram|qwen-image|z-image|hidream)", "image"),
        (r"(?:^|/)(?:veo-|sora|kling|hailuo|wan2)", "video"),
    )
)


def outputs_by_name(name: str) -> tuple[str, ...] | None:
    """What a model of that name writes, when the name says that it is no chat model; else None."""
    lowered = name.lower()
    return next(((kind,) for pattern, kind in _KINDS if pattern.search(lowered)), None)
