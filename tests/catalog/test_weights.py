"""Repositories of open weights are found by how providers spell them."""

import pytest

from turnout.catalog.rows import Row
from turnout.catalog.weights import hugging_face_id, is_repository


def row(provider: str, name: str) -> Row:
    return Row(source="x", provider=provider, upstream_model=name)


@pytest.mark.parametrize(
    ("model_id", "names", "repository"),
    [
        ("qwen/qwen3-8b", [("together", "Qwen/Qwen3-8B"), ("groq", "qwen/qwen3-8b")], "Qwen/Qwen3-8B"),
        ("qwen/qwen3-8b", [("together", "Qwen/Qwen3-8B-FP8")], None),
        ("qwen/qwen3-8b", [("deepinfra", "qwen/qwen3-8b")], None),
        ("openai/gpt-oss-20b", [("deepinfra", "openai/gpt-oss-20b")], "openai/gpt-oss-20b"),
        ("openai/gpt-5", [("deepinfra", "openai/gpt-5")], None),
        ("google/gemini-2.5-pro", [("deepinfra", "google/gemini-2.5-pro")], None),
        ("qwen/qwen3-8b:free", [("together", "Qwen/Qwen3-8B")], None),
        ("acme/tiny", [("together", "acme/Tiny")], None),
        ("z-ai/glm-4.6", [("chutes", "zai-org/GLM-4.6-TEE"), ("nebius", "zai-org/GLM-4.6")], "zai-org/GLM-4.6"),
    ],
)
def test_only_open_models_under_their_makers_own_spelling_count(
    model_id: str, names: list[tuple[str, str]], repository: str | None
) -> None:
    assert hugging_face_id(model_id, [row(*name) for name in names]) == repository


@pytest.mark.parametrize("text", ["", "x", "a/b/c", "a/<b>", "a b/c", "a/" + "x" * 200])
def test_other_texts_are_no_repositories(text: str) -> None:
    assert not is_repository(text)
    assert is_repository("Qwen/Qwen3-8B")
