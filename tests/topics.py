"""A planted world of two topics: prompts, choices and truths, and voters of which each knows one of them."""

from __future__ import annotations

from hashlib import sha256
from random import Random
from typing import Any, NamedTuple

__all__ = ["KNOWING", "Question", "questions", "static_model", "taught_model"]

KNOWING = ("fake/vote-0.9@alpha-0.5", "fake/vote-0.5@alpha-0.9")
"""The first is skilled where a prompt has the word, the second elsewhere."""
_WORDS = (
    "river", "stone", "cloud", "market", "engine", "garden", "winter", "copper",
    "signal", "bridge", "forest", "planet", "ladder", "mirror", "pepper", "carbon",
)  # fmt: skip


class Question(NamedTuple):
    """A prompt, what is to choose from, and the index of what is right."""

    prompt: str
    choices: list[str]
    truth: int

    @property
    def messages(self) -> list[dict[str, str]]:
        return [{"role": "user", "content": self.prompt}]


def questions(count: int, seed: int, options: int = 3) -> list[Question]:
    """Half of them on alpha, half on omega; no two alike."""
    dice = Random(seed)
    found: list[Question] = []
    for number in range(count):
        topic = dice.choice(["alpha", "omega"])
        prompt = f"A question of {topic}, about {' and '.join(dice.sample(_WORDS, 3))}: which is it? ({seed}-{number})"
        choices = [f"answer {dice.randrange(10**9)}" for _ in range(options)]
        best = min(choices, key=lambda text: sha256(text.encode()).hexdigest())
        found.append(Question(prompt, choices, choices.index(best)))
    return found


def static_model() -> dict[str, Any]:
    return {"llms": [{"model": one} for one in KNOWING]}


def taught_model(embeddings: str = "turnout/hash-256", top: int = 50) -> dict[str, Any]:
    weight = {"type": "training_table", "base_weight": 1, "min_weight": 0.1, "max_weight": 4}
    return {
        "llms": [{"model": one, "weight": weight} for one in KNOWING],
        "weight": {"type": "training_table", "embeddings": {"model": embeddings, "max_tokens": 8192}, "top": top},
    }
