"""The grammar of model names: ``[~]author/slug[:variant]*[@preset/slug]``."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["VIRTUAL_VARIANTS", "InvalidModelName", "ModelName", "is_preset_slug", "parse_model_name"]

VIRTUAL_VARIANTS = frozenset({"nitro", "floor", "exacto", "online"})
"""Suffixes that change routing and are not models of their own."""

_NAME = re.compile(
    r"(?P<base>~?[A-Za-z0-9][\w.+-]*(?:/[\w.+@-]+)*)(?P<variants>(?::[\w.-]+)*)",
    re.ASCII,
)
_PRESET_MARK = "@preset/"
_PRESET = re.compile(r"[\w-]+", re.ASCII)
_LONGEST_PRESET = 64
_MAX_LENGTH = 256


class InvalidModelName(ValueError):
    """The text is no model name."""


class ModelName(NamedTuple):
    """A parsed name. ``base`` keeps real variants (``:free``); virtual ones stand apart, in their order."""

    base: str
    virtual: tuple[str, ...]
    preset: str | None


def is_preset_slug(text: str) -> bool:
    """Whether a preset may bear that name: 1 to 64 letters, digits, hyphens and underscores."""
    return len(text) <= _LONGEST_PRESET and _PRESET.fullmatch(text) is not None


def parse_model_name(text: str) -> ModelName:
    """Split *text* into the model it names, routing suffixes and a preset.

    Raises:
        InvalidModelName: the text does not follow the grammar or is longer than 256 characters.
    """
    name, mark, preset = text.partition(_PRESET_MARK)
    if len(text) > _MAX_LENGTH or (mark and not _PRESET.fullmatch(preset)):
        raise InvalidModelName(f"not a model name: {text[:80]!r}")
    if mark and not name:
        return ModelName("", (), preset)
    if match := _NAME.fullmatch(name):
        variants = match["variants"].split(":")[1:]
        real = "".join(f":{v}" for v in variants if v.lower() not in VIRTUAL_VARIANTS)
        virtual = tuple(lowered for v in variants if (lowered := v.lower()) in VIRTUAL_VARIANTS)
        return ModelName(match["base"] + real, virtual, preset or None)
    raise InvalidModelName(f"not a model name: {text[:80]!r}")
