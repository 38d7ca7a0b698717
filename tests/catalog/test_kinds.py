"""Names that say what kind of model they stand for."""

import pytest

from turnout.catalog.kinds import outputs_by_name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text-embedding-3-small", "embeddings"),
        ("BAAI/bge-m3", "embeddings"),
        ("voyage-3.5-lite", "embeddings"),
        ("Qwen/Qwen3-Reranker-8B", "rerank"),
        ("llama-nemotron-rerank-vl-1b-v2", "rerank"),
        ("whisper-large-v3", "transcription"),
        ("gpt-4o-mini-transcribe", "transcription"),
        ("gpt-4o-mini-tts", "speech"),
        ("canopylabs/orpheus-v1-english", "speech"),
        ("gpt-image-1", "image"),
        ("black-forest-labs/flux-1-schnell", "image"),
        ("veo-3.1-generate", "video"),
    ],
)
def test_a_kind_is_known_by_its_name(name: str, kind: str) -> None:
    assert outputs_by_name(name) == (kind,)


@pytest.mark.parametrize("name", ["gpt-4o", "gemini-2.5-flash-image", "claude-opus-4.6", "qwen3-vl", "attstyle"])
def test_chat_models_are_left_alone(name: str) -> None:
    assert outputs_by_name(name) is None
