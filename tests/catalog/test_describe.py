"""Names and sentences for models that nobody describes."""

import pytest

from turnout.catalog.describe import description_of, name_of, said_of
from turnout.domain.catalog import Model


def model(model_id: str, **facts: object) -> Model:
    return Model(id=model_id, canonical_slug=model_id, name=model_id, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("GPT-X", "OpenAI: GPT-X"),
        ("OpenAI: GPT-X", "OpenAI: GPT-X"),
        ("openai/GPT-X (latest)", "OpenAI: GPT-X"),
        ("  GPT \t X \n", "OpenAI: GPT X"),
        ("", "openai/gpt-x"),
        (" \0", "openai/gpt-x"),
        (None, "openai/gpt-x"),
    ],
)
def test_the_author_stands_before_the_name(said: str | None, name: str) -> None:
    assert name_of("openai/gpt-x", said) == name


def test_a_sentence_tells_maker_release_abilities_size_and_weights() -> None:
    told = description_of(
        model(
            "qwen/qwen9-30b-a3b",
            created=1_767_225_600,
            context_length=262_144,
            input_modalities=("text", "image", "file"),
            reasoning=True,
        ),
        open_weights=True,
    )

    assert told == (
        "A reasoning model by Qwen, released in January 2026. It reads text, images and files and answers in text, "
        "with a context of 262,144 tokens. It has 30 billion parameters, 3 billion of them active at a time. "
        "Its weights are open."
    )


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        (("embeddings",), "An embedding model by acme. It reads text."),
        (("image",), "An image model by acme. It reads text and makes images."),
        (("text", "audio"), "A language model by acme. It reads text and makes text and audio."),
        (("transcription",), "A transcription model by acme. It reads text and answers in text."),
    ],
)
def test_the_kind_follows_what_the_model_writes(outputs: tuple[str, ...], told: str) -> None:
    assert description_of(model("acme/tiny", output_modalities=outputs)) == told


def test_what_a_source_says_keeps_its_lines_and_loses_its_control_characters() -> None:
    assert said_of("a\x07b \r\nc\n") == "a b\nc"
    assert said_of(None) == said_of(" \0") == ""
