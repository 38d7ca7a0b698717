"""Authors, families and tokenizers."""

import pytest

from turnout.catalog.authors import AUTHOR_NAMES, AUTHOR_OF_PROVIDER, author_of_family, author_of_spelling, tokenizer_of


@pytest.mark.parametrize("author", sorted(set(AUTHOR_OF_PROVIDER.values())))
def test_every_author_that_serves_its_models_itself_has_a_name(author: str) -> None:
    assert author in AUTHOR_NAMES
    assert author_of_spelling(author) == author


@pytest.mark.parametrize(
    ("slug", "author"),
    [("o3-mini", "openai"), ("gemma-3-27b-it", "google"), ("kimi-k2", "moonshotai"), ("qwq-32b", "qwen"), ("x", None)],
)
def test_families_have_their_makers(slug: str, author: str | None) -> None:
    assert author_of_family(slug) == author


@pytest.mark.parametrize(
    ("model_id", "tokenizer"),
    [
        ("openai/gpt-4o", "GPT"),
        ("meta-llama/llama-3.3-70b-instruct", "Llama3"),
        ("qwen/qwen3-8b", "Qwen3"),
        ("deepseek/deepseek-r1", "DeepSeek"),
        ("acme/tiny", "Other"),
    ],
)
def test_tokenizers_are_named_in_openrouters_words(model_id: str, tokenizer: str) -> None:
    assert tokenizer_of(model_id) == tokenizer
