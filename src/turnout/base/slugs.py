"""The grammar of model names: ``[~]author/slug[:variant]*[@preset/slug]``."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["VIRTUAL_VARIANTS", "InvalidModelName", "ModelName", "parse_model_name"]

VIRTUAL_VARIANTS = frozenset({"nitro", "floor", "exacto", "online"})
"""Suffixes that change routing and are not models of their own."""

_NAME = re.compile(
    r"(?P<base>~?[A-Za-z0-9][\w.+-]*(?:/[\w.+@-]*[\w.+-])*)(?P<variants>(?::[\w.-]+)*)(?:@preset/(?P<preset>[\w-]+))?",
    re.ASCII,
)
_PRESET = re.compile(r"@preset/(?P<preset>[\w-]+)", re.ASCII)
_MAX_LENGTH = 256


class InvalidModelName(ValueError):
    """The text is no model name."""


class ModelName(NamedTuple):
    """A parsed name. ``base`` keeps real variants (``:free``); virtual ones stand apart, in their order."""

    base: str
    virtual: tuple[str, ...]
    preset: str | None


def parse_model_name(text: str) -> ModelName:
    """Split *text* into the model it names, routing suffixes and a preset.

    Raises:
        InvalidModelName: the text does not follow the grammar or is longer than 256 characters.
    """
    if len(text) <= _MAX_LENGTH:
        if match := _NAME.fullmatch(text):
            variants = match["variants"].split(":")[1:]
            real = "".join(f":{v}" for v in variants if v not in VIRTUAL_VARIANTS)
            virtual = tuple(v for v in variants if v in VIRTUAL_VARIANTS)
            return ModelName(match["base"] + real, virtual, match["preset"])
        if match := _PRESET.fullmatch(text):
            return ModelName("", (), match["preset"])
    raise InvalidModelName(f"not a model name: {text[:80]!r}")
