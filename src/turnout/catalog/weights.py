"""Where the weights of open models lie: their id on Hugging Face, by how providers name them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from turnout.catalog.rows import Row

__all__ = ["hugging_face_id", "is_repository"]

_SPELLED_AS_THERE: Final = (
    "huggingface", "deepinfra", "nebius", "together", "chutes", "siliconflow", "baseten", "hyperbolic", "parasail",
    "wandb", "featherless", "io-net",
)  # fmt: skip
"""Providers that call open models as Hugging Face does, in order of trust."""

_ORGANISATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "allenai": ("allenai",),
    "arcee-ai": ("arcee-ai",),
    "baai": ("BAAI",),
    "baidu": ("baidu",),
    "deepcogito": ("deepcogito",),
    "deepseek": ("deepseek-ai",),
    "ibm-granite": ("ibm-granite",),
    "inclusionai": ("inclusionAI",),
    "intfloat": ("intfloat",),
    "meituan": ("meituan-longcat",),
    "meta-llama": ("meta-llama",),
    "microsoft": ("microsoft",),
    "minimax": ("MiniMaxAI",),
    "mistralai": ("mistralai",),
    "moonshotai": ("moonshotai",),
    "nousresearch": ("NousResearch",),
    "nvidia": ("nvidia",),
    "prime-intellect": ("PrimeIntellect",),
    "qwen": ("Qwen",),
    "stepfun": ("stepfun-ai",),
    "tencent": ("tencent",),
    "tngtech": ("tngtech",),
    "xiaomi": ("XiaomiMiMo",),
    "z-ai": ("zai-org", "THUDM"),
}
_PARTLY_OPEN: Final = re.compile(r"(?:google/gemma-|openai/(?:gpt-oss-|whisper-)).+")
"""Authors of whom only these models are open."""

_CAPITALS: Final = frozenset({"deepseek", "meta-llama", "minimax", "mistralai", "nvidia", "qwen", "z-ai"})
"""Authors whose repositories have capital letters."""

_REPACKED: Final = re.compile(
    r"-(?:turbo|lite|fast|tee|fp8|fp4|nvfp4|mxfp4|int4|int8|bf16|awq|gptq|maas)$", re.IGNORECASE
)
_LONGEST_ID: Final = 192
_ID: Final = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def is_repository(text: str) -> bool:
    """Whether *text* is spelled like a repository, ``Organisation/Name``."""
    return len(text) <= _LONGEST_ID and _ID.fullmatch(text) is not None


def hugging_face_id(model_id: str, rows: Iterable[Row]) -> str | None:
    """The repository of the weights, where a provider's name for *model_id* is one; None when none is known."""
    author = model_id.partition("/")[0]
    places = _ORGANISATIONS.get(author) or ((author,) if _PARTLY_OPEN.fullmatch(model_id) else ())
    if not places or ":" in model_id:
        return None
    best: tuple[int, str] | None = None
    for row in rows:
        if row.provider not in _SPELLED_AS_THERE:
            continue
        name = row.upstream_model
        if name.partition("/")[0] in places and _ID.fullmatch(name) and not _REPACKED.search(name):
            if author in _CAPITALS and name.partition("/")[2].islower():
                continue  # somebody's own spelling
            rank = (_SPELLED_AS_THERE.index(row.provider), name)
            if best is None or rank < best:
                best = rank
    return None if best is None else best[1]
