"""Providers' own names of models become OpenRouter's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.slugs import parse_model_name
from turnout.catalog.identity import Spellings, identify, is_model_id

PROVIDERS = st.sampled_from(["openai", "bedrock", "together", "groq", "my-vllm", "fireworks", "zai"])
NAMES = st.text(alphabet="abcdeglmopqrtuvxACLM0123456789-./_:@~ é", min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("provider", "upstream", "model_id"),
    [
        ("openai", "gpt-4o", "openai/gpt-4o"),
        ("openai", "o1", "openai/o1"),
        ("openai", "gpt-4-0613", "openai/gpt-4-0613"),
        ("azure", "gpt-4o", "openai/gpt-4o"),
        ("anthropic", "claude-3-5-sonnet-20241022", "anthropic/claude-3.5-sonnet"),
        ("anthropic", "claude-opus-4-1", "anthropic/claude-opus-4.1"),
        ("anthropic", "claude-sonnet-4-0", "anthropic/claude-sonnet-4"),
        ("helicone", "claude-4.5-haiku", "anthropic/claude-haiku-4.5"),
        ("poe", "anthropic/claude-haiku-3.5", "anthropic/claude-3.5-haiku"),
        ("bedrock", "us.anthropic.claude-3-5-sonnet-20240620-v1:0", "anthropic/claude-3.5-sonnet"),
        ("bedrock", "amazon.nova-2-lite-v1:0", "amazon/nova-2-lite-v1"),
        ("bedrock", "deepseek.r1-v1:0", "deepseek/deepseek-r1"),
        ("bedrock", "meta.llama3-1-70b-instruct-v1:0", "meta-llama/llama-3.1-70b-instruct"),
        ("vertex", "claude-3-5-haiku@20241022", "anthropic/claude-3.5-haiku"),
        ("vertex", "meta/llama-3.3-70b-instruct-maas", "meta-llama/llama-3.3-70b-instruct"),
        ("google", "gemini-2.0-flash-thinking-exp-01-21", "google/gemini-2.0-flash-thinking-exp-01-21"),
        ("google", "models/gemma-3-27b-it", "google/gemma-3-27b-it"),
        ("fireworks", "accounts/fireworks/models/llama-v3p3-70b-instruct", "meta-llama/llama-3.3-70b-instruct"),
        ("fireworks", "accounts/fireworks/models/kimi-k2p5", "moonshotai/kimi-k2.5"),
        ("together", "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "meta-llama/llama-3.1-8b-instruct"),
        ("groq", "llama-3.3-70b-versatile", "meta-llama/llama-3.3-70b-instruct"),
        ("cerebras", "llama3.1-8b", "meta-llama/llama-3.1-8b-instruct"),
        ("ovhcloud", "Meta-Llama-3_3-70B-Instruct", "meta-llama/llama-3.3-70b-instruct"),
        ("cloudflare", "@cf/meta/llama-3.1-8b-instruct-fp8", "meta-llama/llama-3.1-8b-instruct"),
        ("databricks", "databricks-claude-opus-4-1", "anthropic/claude-opus-4.1"),
        ("digitalocean", "anthropic-claude-3-opus", "anthropic/claude-3-opus"),
        ("nebius", "zai-org/GLM-4.5-FP8", "z-ai/glm-4.5"),
        ("deepinfra", "deepseek-ai/DeepSeek-V3-0324", "deepseek/deepseek-chat-v3-0324"),
        ("xai", "grok-4-1-fast", "x-ai/grok-4.1-fast"),
        ("mistral", "mistral-large-latest", "mistralai/mistral-large"),
        ("mistral", "mistral-large-2411", "mistralai/mistral-large-2411"),
        ("moonshotai", "kimi-k2-0905-preview", "moonshotai/kimi-k2-0905"),
        ("cohere", "command-r-08-2024", "cohere/command-r-08-2024"),
        ("nvidia", "nvidia/llama-3.3-nemotron-super-49b-v1.5", "nvidia/llama-3.3-nemotron-super-49b-v1.5"),
        ("acme", "thing", "acme/thing"),
    ],
)
def test_a_providers_name_becomes_author_and_slug(provider: str, upstream: str, model_id: str) -> None:
    identity = identify(provider, upstream)

    assert identity is not None
    assert identity.id == model_id


def test_a_release_date_becomes_the_dated_slug_and_an_alias() -> None:
    identity = identify("anthropic", "claude-3-5-sonnet-20241022")

    assert identity is not None
    assert identity.dated == "anthropic/claude-3.5-sonnet-20241022"
    assert not identity.snapshot
    assert {"anthropic/claude-3.5-sonnet-20241022", "anthropic/claude-3-5-sonnet-20241022"} <= set(identity.aliases)


def test_a_date_with_dashes_is_known_as_one_snapshot_of_several() -> None:
    identity = identify("openai", "gpt-4o-2024-08-06")

    assert identity is not None
    assert (identity.dated, identity.stamp, identity.snapshot) == ("openai/gpt-4o-2024-08-06", "20240806", True)


@pytest.mark.parametrize("variant", [":free", ":thinking", ":extended"])
def test_a_real_variant_stays_part_of_the_id(variant: str) -> None:
    identity = identify("kilo", f"qwen/qwen3-8b{variant}")

    assert identity is not None
    assert identity.id == f"qwen/qwen3-8b{variant}"


def test_precision_of_the_weights_leaves_the_name() -> None:
    identity = identify("nebius", "zai-org/GLM-4.5-FP8")

    assert identity is not None
    assert (identity.id, identity.quantization) == ("z-ai/glm-4.5", "fp8")


def test_somebodys_alias_for_the_newest_is_no_model() -> None:
    assert identify("kilo", "~google/gemini-flash-latest") is None


def test_an_established_spelling_is_found_by_dots_and_dashes() -> None:
    spellings = Spellings(["qwen/qwen-2.5-72b-instruct"])

    assert spellings.established("qwen/qwen2.5-72b-instruct") == "qwen/qwen-2.5-72b-instruct"
    assert spellings.established("qwen/qwen3-8b") == "qwen/qwen3-8b"


def test_two_established_spellings_of_the_same_letters_change_nothing() -> None:
    spellings = Spellings(["a/b-1.1", "a/b-11"])

    assert spellings.established("a/b-1-1") == "a/b-1-1"


@given(PROVIDERS, NAMES)
def test_any_identity_is_a_lower_case_model_id_that_requests_can_name(provider: str, name: str) -> None:
    identity = identify(provider, name)

    if identity is not None and is_model_id(identity.id):
        assert identity.id == identity.id.lower()
        assert parse_model_name(identity.id).base == identity.id
        assert identity.id not in identity.aliases
        assert all(is_model_id(alias) for alias in identity.aliases)


@given(PROVIDERS, NAMES)
def test_case_and_surrounding_space_mean_nothing(provider: str, name: str) -> None:
    assert identify(provider, f" {name.upper()} ") == identify(provider, name.upper().lower())


@given(PROVIDERS, st.from_regex(r"(claude|gpt|glm|qwen|kimi)-[1-9](-[1-9])?(-[a-z]{3,8})?", fullmatch=True))
def test_an_id_names_itself(provider: str, name: str) -> None:
    first = identify(provider, name)
    assert first is not None
    again = identify(provider, first.id)

    assert again is not None
    assert again.id == first.id
