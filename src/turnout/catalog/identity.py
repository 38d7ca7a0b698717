"""Which model a provider means: its own name for it to ``author/slug``, spelled as OpenRouter spells it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from msgspec import Struct

from turnout.catalog.authors import AUTHOR_OF_PROVIDER, author_of_family, author_of_spelling
from turnout.catalog.synonyms import established_slug

__all__ = ["Identity", "Spellings", "identify", "is_model_id"]

REAL_VARIANTS: Final = frozenset({"free", "thinking", "extended", "beta", "batch"})
"""Suffixes after a colon that make a model of their own; any other colon belongs to the provider's spelling."""

_MODEL_ID: Final = re.compile(r"[a-z0-9][\w.+-]*/[\w.+-]*[\w+-](:[\w.-]+)*", re.ASCII)
_UNFIT: Final = re.compile(r"[^a-z0-9.+/-]+")

# What providers put around a name, from the left.
_WRAPPERS: Final = re.compile(
    r"(?:models/|hf:|@cf/|@hf/|public/|route/|pro/|lora/|tee/|accounts/[^/]+/(?:models|routers)/"
    r"|(?:alibaba|alicloud|anthropic|arcee|cohere|databricks|google|meta|minimax|moonshotai|nvidia|openai|parasail|xai|xiaomi"
    r"|z-ai|zai-org|zai)--?"
    r"(?=(?:claude|gpt|o\d|gemini|gemma|llama|meta|qwen|deepseek|kimi|glm|grok|minimax|mistral|nemotron|bge|gte"
    r"|command|embed|rerank|trinity|mimo)"
    r"[^/]*$)"
    r"|(?:us|eu|apac|jp|au|ca|global|regional|us-gov)\.(?=[a-z0-9]+\.))"
)
_BEDROCK: Final = re.compile(
    r"(amazon|anthropic|meta|mistral|cohere|ai21|deepseek|qwen|openai|google|minimax|moonshot|moonshotai|nvidia|zai"
    r"|writer|luma|stability|twelvelabs|xai)\.(.+)"
)
_BEDROCK_REVISION: Final = re.compile(r"-v\d+:\d+(?::\d+k)?$|-\d+:\d+$|:\d+$")

_BEDROCK_NAMES: Final = {
    "claude-instant-v1": "claude-instant-1",
    "claude-v2": "claude-2",
    "claude-v2:1": "claude-2.1",
    "rerank-v3-5:0": "rerank-v3.5",
    "titan-embed-text-v1": "titan-embed-text-v1",
    "titan-embed-text-v2:0": "titan-embed-text-v2",
    "embed-v4:0": "embed-v4.0",
    "v3-v1:0": "deepseek-v3.1",
    "v3.2": "deepseek-v3.2",
}
"""Where what looks like a revision is part of the name."""

# What they append to it.
_QUANTIZATION: Final = re.compile(r"-(int4|int8|fp4|mxfp4|nvfp4|fp6|fp8|mxfp8|fp16|bf16|fp32)(?:-dynamic|-fast)?$")
_PACKING: Final = re.compile(r"-(?:maas|tee|gguf|awq|gptq|mlx|hf)$")
_STAMP: Final = re.compile(r"[-@](20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))$")
_ISO_DATE: Final = re.compile(r"[-@](20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))$")
_MOVING: Final = re.compile(r"[-@](latest|default)$")
_REVISION: Final = re.compile(r"@\d{3}$")

_MINOR_DASH: Final = re.compile(r"(?<![\d.])(?<!\d{4}-)([1-9])-(\d|[1-9]\d)(?![\w.])")
_MINOR_UNDERSCORE: Final = re.compile(r"(?<=\d)_(?=\d)")
_MINOR_P: Final = re.compile(r"(?<=\d)p(?=\d)")
_CLAUDE_TIER_LAST: Final = re.compile(r"claude-(\d+(?:\.\d+)?)-(opus|sonnet|haiku)(?=$|-)")
_CLAUDE_TIER_FIRST: Final = re.compile(r"claude-(opus|sonnet|haiku)-(3(?:\.\d+)?)(?=$|-)")
_LLAMA: Final = re.compile(r"(?:meta-)?llama-?v?(?=\d)")


class Identity(Struct, frozen=True):
    """What a provider's name for a model stands for.

    Attributes:
        id: ``author/slug[:variant]`` without date.
        dated: the same with the date that the provider's name carries, else None.
        stamp: that date as ``YYYYMMDD``, else empty; it sorts.
        snapshot: the date names one of several snapshots that live side by side, not merely the release.
        moving: the provider's name says ``latest`` or the like.
        quantization: precision of the weights, where the name carries it.
        aliases: other names, lower-case, that mean the same.
    """

    id: str
    dated: str | None = None
    stamp: str = ""
    snapshot: bool = False
    moving: bool = False
    quantization: str | None = None
    aliases: tuple[str, ...] = ()


class Spellings:
    """Established ids, found by any spelling that differs in dots and dashes only."""

    __slots__ = ("_by_letters",)

    def __init__(self, ids: Iterable[str] = ()) -> None:
        by_letters: dict[str, str | None] = {}
        for known in sorted(set(ids)):
            letters = _letters(known)
            by_letters[letters] = None if letters in by_letters else known
        self._by_letters: Mapping[str, str | None] = by_letters

    def established(self, model_id: str) -> str:
        """The established id that *model_id* is another spelling of, else *model_id* itself."""
        return self._by_letters.get(_letters(model_id)) or model_id


def is_model_id(text: str) -> bool:
    """Whether *text* is a lower-case ``author/slug[:variant]``."""
    return _MODEL_ID.fullmatch(text) is not None


@lru_cache(maxsize=16384)
def identify(provider: str, upstream_model: str) -> Identity | None:
    """What *provider* means by *upstream_model*; None when it means no model of its own.

    The author is the name's own prefix, else the maker of that family, else the provider if it serves only what it
    makes, else the provider's slug itself. Pure.
    """
    name, variant = _split_variant(upstream_model.strip().lower())
    if name.startswith("~"):
        return None  # somebody's alias for the newest of a family
    bare = _REVISION.sub("", _WRAPPERS.sub("", _WRAPPERS.sub("", name, count=1), count=1))
    if bedrock := _BEDROCK.fullmatch(bare):
        bare = f"{bedrock[1]}/{_BEDROCK_NAMES.get(bedrock[2]) or _BEDROCK_REVISION.sub('', bedrock[2])}"
    prefix, _, slug = bare.partition("/")
    if not slug:
        prefix, slug = "", prefix
    slug = _UNFIT.sub("-", slug.replace("/", "-").replace("_", "-") if "/" in slug else _underscores(slug))
    slug, moving = _cut(_MOVING, slug)
    slug, quantization = _cut(_QUANTIZATION, _cut(_PACKING, slug)[0])
    slug, stamp = _cut(_STAMP, slug)
    day = None
    if stamp is None:
        slug, day = _cut(_ISO_DATE, slug)
    spelled = _spelled(slug)
    if not spelled:
        return None
    author = _author(provider, prefix, spelled)
    base = f"{author}/{spelled}"
    date = stamp or day
    as_given = f"{author}/{_UNFIT.sub('-', slug).strip('-.')}"
    tail = f"-{date}" if date else f"-{moving}" if moving else ""
    other = {base + tail + variant, as_given + variant, as_given + tail + variant} - {base + variant}
    return Identity(
        id=base + variant,
        dated=f"{base}-{date}{variant}" if date else None,
        stamp=(date or "").replace("-", ""),
        snapshot=day is not None,
        moving=moving is not None,
        quantization=quantization,
        aliases=tuple(sorted(alias for alias in other if is_model_id(alias))),
    )


_SERVE_OTHERS: Final = frozenset({"alibaba", "bytedance", "perplexity"})
"""Authors who put their name before other makers' models as well."""


def _letters(model_id: str) -> str:
    author, _, slug = model_id.lower().partition("/")
    return f"{author}/{slug.replace('-', '').replace('.', '').replace('_', '')}"


def _split_variant(name: str) -> tuple[str, str]:
    head, colon, tail = name.rpartition(":")
    return (head, f":{tail}") if colon and head and tail in REAL_VARIANTS else (name, "")


def _underscores(slug: str) -> str:
    """``Llama-3_3`` has its dot written as an underscore; other underscores are dashes."""
    return _MINOR_UNDERSCORE.sub(".", slug).replace("_", "-")


def _cut(pattern: re.Pattern[str], slug: str) -> tuple[str, str | None]:
    found = pattern.search(slug)
    if found is None or found.start() == 0:
        return slug, None
    return slug[: found.start()], found[1] if pattern.groups else found[0]


def _spelled(slug: str) -> str:
    slug = _UNFIT.sub("-", slug)
    slug = _MINOR_DASH.sub(r"\1.\2", _MINOR_P.sub(".", slug))
    slug = _LLAMA.sub("llama-", slug, count=1) if "nemotron" not in slug else slug
    if old := _CLAUDE_TIER_FIRST.match(slug):
        slug = f"claude-{old[2]}-{old[1]}{slug[old.end() :]}"
    elif (new := _CLAUDE_TIER_LAST.match(slug)) and float(new[1]) >= 4:
        slug = f"claude-{new[2]}-{new[1]}{slug[new.end() :]}"
    slug = slug.strip("-.+/")
    return established_slug(slug)


def _author(provider: str, prefix: str, slug: str) -> str:
    if prefix:
        spelled = author_of_spelling(_UNFIT.sub("-", prefix).strip("-.+/"))
        maker = author_of_family(slug) if spelled in _SERVE_OTHERS else None
        if spelled:
            return maker or spelled
    return author_of_family(slug) or AUTHOR_OF_PROVIDER.get(provider) or _UNFIT.sub("-", provider.lower()).strip("-.+/")
