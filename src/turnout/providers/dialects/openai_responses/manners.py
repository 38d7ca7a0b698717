"""What each generation of OpenAI's models takes and refuses, read from the name of the model."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from msgspec import Struct

__all__ = ["Manners", "manners_of"]

_PLAIN: Final = re.compile(r"(?:^|[/:])(?:gpt-3|gpt-4|chatgpt-4|gpt-5(?:\.\d+)?-chat|davinci|babbage)")
_COMPUTER_USE: Final = "computer-use-preview"
_SERIES_O: Final = re.compile(r"(?:^|[/:])(?:o\d|codex-mini)")
_FIVE: Final = re.compile(r"(?:^|[/:])gpt-5(?:\.(?P<minor>\d+))?(?P<rest>[-\w.]*)")
_LATER: Final = re.compile(r"(?:^|[/:])gpt-(?:[6-9]|\d\d)(?!\d)")
_IDLE_MINORS: Final = range(1, 5)  # of generation five: these think only when they are asked to


class Manners(Struct, frozen=True, kw_only=True):
    """How a model is spoken to. The defaults are for models that nothing is known of.

    Attributes:
        thinks: takes ``reasoning``, and takes no log probabilities.
        seals: gives its thoughts sealed, to be sent back.
        idle: does not think unless it is asked to.
        samples: takes ``temperature`` and ``top_p`` also while it thinks.
        efforts: what ``reasoning.effort`` may say, weakest first; empty: whatever the client says.
        verbose: takes ``text.verbosity``.
    """

    thinks: bool = True
    seals: bool = True
    idle: bool = False
    samples: bool = True
    efforts: tuple[str, ...] = ()
    verbose: bool = True


@lru_cache(1024)
def manners_of(model: str) -> Manners:
    """The manners of a model by its name, with or without a date.

    Source: the vendor's guides to reasoning and to its latest models, as of October 2026.
    """
    name = model.lower()
    if _PLAIN.search(name):
        return Manners(thinks=False, seals=False, verbose=False)
    if _COMPUTER_USE in name:
        return Manners(seals=False, verbose=False)
    if _SERIES_O.search(name):
        return Manners(samples=False, efforts=("low", "medium", "high"), verbose=False)
    five = _FIVE.search(name)
    if five is None:
        return Manners(samples=_LATER.search(name) is None)
    minor = int(five["minor"] or 0)
    if "-pro" in five["rest"]:
        return Manners(samples=False, efforts=("high",) if minor == 0 else ("medium", "high", "xhigh"))
    if minor == 0:
        least = () if "codex" in five["rest"] else ("minimal",)
        return Manners(samples=False, efforts=(*least, "low", "medium", "high"))
    most = ("xhigh",) if minor > 1 or "max" in five["rest"] else ()
    idle = minor in _IDLE_MINORS and "codex" not in five["rest"]
    return Manners(idle=idle, samples=False, efforts=("none", "low", "medium", "high", *most))
