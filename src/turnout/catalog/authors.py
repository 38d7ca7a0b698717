"""Who makes which models: spellings of authors, their providers, their families of names, their tokenizers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["AUTHOR_NAMES", "AUTHOR_OF_PROVIDER", "RESELLERS", "author_of_family", "author_of_spelling", "tokenizer_of"]

AUTHOR_NAMES: Final[Mapping[str, str]] = {
    "01-ai": "01.AI",
    "ai21": "AI21",
    "aion-labs": "AionLabs",
    "alibaba": "Alibaba",
    "allenai": "AllenAI",
    "amazon": "Amazon",
    "anthropic": "Anthropic",
    "arcee-ai": "Arcee AI",
    "baai": "BAAI",
    "baidu": "Baidu",
    "black-forest-labs": "Black Forest Labs",
    "bytedance": "ByteDance",
    "bytedance-seed": "ByteDance Seed",
    "cohere": "Cohere",
    "deepcogito": "Deep Cogito",
    "deepseek": "DeepSeek",
    "google": "Google",
    "ibm-granite": "IBM",
    "inception": "Inception",
    "inclusionai": "inclusionAI",
    "kwaipilot": "Kwaipilot",
    "liquid": "LiquidAI",
    "meituan": "Meituan",
    "meta-llama": "Meta",
    "microsoft": "Microsoft",
    "minimax": "MiniMax",
    "mistralai": "Mistral",
    "moonshotai": "MoonshotAI",
    "morph": "Morph",
    "nousresearch": "Nous",
    "nvidia": "NVIDIA",
    "openai": "OpenAI",
    "openrouter": "OpenRouter",
    "perplexity": "Perplexity",
    "prime-intellect": "Prime Intellect",
    "qwen": "Qwen",
    "rekaai": "Reka",
    "stepfun": "StepFun",
    "tencent": "Tencent",
    "tngtech": "TNG",
    "upstage": "Upstage",
    "voyageai": "Voyage AI",
    "writer": "Writer",
    "x-ai": "xAI",
    "xiaomi": "Xiaomi",
    "z-ai": "Z.ai",
}
"""Authors as OpenRouter's slugs have them, with the names that people read."""

_SPELLINGS: Final[Mapping[str, str]] = {
    "ai21-labs": "ai21",
    "ai21labs": "ai21",
    "alibaba-nlp": "alibaba",
    "arcee": "arcee-ai",
    "arcee_ai": "arcee-ai",
    "bytedanceseed": "bytedance-seed",
    "cohereforai": "cohere",
    "coherelabs": "cohere",
    "deepseek-ai": "deepseek",
    "essentialai": "essentialai",
    "ibm": "ibm-granite",
    "kimi": "moonshotai",
    "liquidai": "liquid",
    "meta": "meta-llama",
    "meta-models": "meta-llama",
    "minimaxai": "minimax",
    "mistral": "mistralai",
    "mistral-ai": "mistralai",
    "moonshot": "moonshotai",
    "moonshot-ai": "moonshotai",
    "primeintellect": "prime-intellect",
    "stepfun-ai": "stepfun",
    "thudm": "z-ai",
    "voyage": "voyageai",
    "xai": "x-ai",
    "xai-org": "x-ai",
    "xiaomimimo": "xiaomi",
    "zai": "z-ai",
    "zai-org": "z-ai",
    "zero-one-ai": "01-ai",
    "zhipuai": "z-ai",
}

AUTHOR_OF_PROVIDER: Final[Mapping[str, str]] = {
    "ai21": "ai21",
    "aionlabs": "aion-labs",
    "alibaba": "qwen",
    "alibaba-cn": "qwen",
    "amazon-nova": "amazon",
    "anthropic": "anthropic",
    "arcee": "arcee-ai",
    "baidu": "baidu",
    "cohere": "cohere",
    "cohere-openai": "cohere",
    "deepseek": "deepseek",
    "gemini-openai": "google",
    "google": "google",
    "inception": "inception",
    "lingyiwanwu": "01-ai",
    "meta": "meta-llama",
    "minimax": "minimax",
    "minimax-cn": "minimax",
    "mistral": "mistralai",
    "moonshotai": "moonshotai",
    "moonshotai-cn": "moonshotai",
    "morph": "morph",
    "openai": "openai",
    "perplexity": "perplexity",
    "reka": "rekaai",
    "stepfun": "stepfun",
    "stepfun-cn": "stepfun",
    "tencent": "tencent",
    "upstage": "upstage",
    "voyageai": "voyageai",
    "xai": "x-ai",
    "xiaomi": "xiaomi",
    "zai": "z-ai",
    "zhipuai": "z-ai",
}
"""Providers that serve what they make themselves."""

RESELLERS: Final = frozenset(
    {
        "302ai", "abacus", "aihubmix", "aimlapi", "cometapi", "cortecs", "digitalocean", "fastrouter", "github-models",
        "helicone", "huggingface", "kilo", "llmgateway", "nanogpt", "openrouter", "orcarouter", "poe", "qiniu",
        "requesty", "v0", "venice", "vercel-ai-gateway", "zenmux",
    }
)  # fmt: skip
"""Providers that pass requests on to others. What feeds say of their prices is often stale."""

_FAMILIES: Final = tuple(
    (re.compile(pattern), author)
    for pattern, author in (
        (r".*sonar|r1-1776|pplx-", "perplexity"),
        (r".*nemotron", "nvidia"),
        (r".*hermes", "nousresearch"),
        (r"deepseek", "deepseek"),
        (r"gpt-neo|gpt-j", "eleutherai"),
        (r"gpt|chatgpt|o[134]($|-)|text-embedding-(3|ada)|whisper|dall-e|davinci-|codex|sora", "openai"),
        (r"claude", "anthropic"),
        (r"gemini|gemma|imagen|veo-|lyria|palm|nano-banana|text-embedding-00|diffusiongemma", "google"),
        (r"(meta-)?llama|muse-", "meta-llama"),
        (r"qwen|qwq|qvq|wan2", "qwen"),
        (r"mi[sx]tral|ministral|codestral|devstral|magistral|pixtral|voxtral|open-mi[sx]tral|leanstral", "mistralai"),
        (r"kimi|moonshot", "moonshotai"),
        (r"glm|chatglm|cogview", "z-ai"),
        (r"grok", "x-ai"),
        (r"command|c4ai|aya-|embed-(english|multilingual|v\d)|rerank-(english|multilingual|v\d)", "cohere"),
        (r"minimax|abab|m2-her", "minimax"),
        (r"nova-(micro|lite|pro|premier|2|sonic|canvas|reel)|titan-", "amazon"),
        (r"jamba|j2-", "ai21"),
        (r"phi-|mai-|wizardlm", "microsoft"),
        (r"granite", "ibm-granite"),
        (r"step-", "stepfun"),
        (r"mimo-", "xiaomi"),
        (r"ernie", "baidu"),
        (r"hunyuan|hy3", "tencent"),
        (r"(doubao-)?seed-|doubao|ui-tars", "bytedance-seed"),
        (r"yi-(large|lightning|34b|6b|spark|medium|vision)", "01-ai"),
        (r"mercury", "inception"),
        (r"solar-", "upstage"),
        (r"trinity|virtuoso|maestro-|afm-", "arcee-ai"),
        (r"olmo|molmo|tulu", "allenai"),
        (r"ling-|ring-", "inclusionai"),
        (r"longcat", "meituan"),
        (r"palmyra", "writer"),
        (r"lfm", "liquid"),
        (r"cogito", "deepcogito"),
        (r"kat-", "kwaipilot"),
        (r"intellect-", "prime-intellect"),
        (r"bge-", "baai"),
        (r"voyage-", "voyageai"),
        (r"flux", "black-forest-labs"),
        (r"reka-", "rekaai"),
    )
)

_TOKENIZERS: Final[Mapping[str, str]] = {
    "openai": "GPT",
    "anthropic": "Claude",
    "google": "Gemini",
    "mistralai": "Mistral",
    "deepseek": "DeepSeek",
    "x-ai": "Grok",
    "cohere": "Cohere",
    "amazon": "Nova",
    "01-ai": "Yi",
    "openrouter": "Router",
}
_TOKENIZER_OF_NAME: Final = tuple(
    (re.compile(pattern), tokenizer)
    for pattern, tokenizer in (
        (r"llama-?2", "Llama2"),
        (r"llama-?3", "Llama3"),
        (r"llama-?4|muse", "Llama4"),
        (r"qwen-?3", "Qwen3"),
        (r"qw|qvq", "Qwen"),
        (r"deepseek", "DeepSeek"),
        (r"mi[sx]tral|ministral|codestral|devstral|magistral|pixtral", "Mistral"),
    )
)


def author_of_spelling(spelling: str) -> str:
    """The author's slug for any spelling of it, lower-case; an unknown one stands for itself."""
    return _SPELLINGS.get(spelling, spelling)


def author_of_family(slug: str) -> str | None:
    """The author of a family of models, by how the lower-case *slug* begins; None when nobody is known for it."""
    return next((author for pattern, author in _FAMILIES if pattern.match(slug)), None)


def tokenizer_of(model_id: str) -> str:
    """The family of tokenizers that ``author/slug`` belongs to, in OpenRouter's words; ``Other`` when unknown."""
    author, _, slug = model_id.partition("/")
    return _TOKENIZERS.get(author) or next(
        (tokenizer for pattern, tokenizer in _TOKENIZER_OF_NAME if pattern.search(slug)), "Other"
    )
