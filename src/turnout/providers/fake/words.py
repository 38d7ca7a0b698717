"""The words of a fake model's name, and the behaviour they ask for.

A name is words joined by ``-`` (``echo-slow-50-gap-20``), in any order, each at most once. Words choose the content
(``echo``, ``lorem-N`` …), the pace (``slow-MS``, ``gap-MS``) or a fault (``reset-after-N`` …).
"""

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

__all__ = ["MODELS", "Behaviour", "UnknownWord", "Vote", "parse_words"]

MODELS: Final[tuple[str, ...]] = (
    "echo",
    "lorem-50",
    "json",
    "tools",
    "reason",
    "embed",
    "rerank",
    "image",
    "speech",
    "transcribe",
    "moderate",
    "vote-0.8",
    "vote-0.6",
    "slow-50",
    "gap-20",
    "status-429",
    "status-503",
    "flap-30",
    "hang",
    "reset",
    "reset-after-3",
    "stall-after-3",
    "malformed",
    "empty",
    "error-in-stream",
    "no-usage",
    "endless",
)
"""Sample names, without the leading ``fake/``, for catalogs that want to list the fake provider."""

_LONGEST_NAME: Final = 200
_DEFAULT_LOREM: Final = 50
_FAULT_LOREM: Final = 20
_LARGEST_TEXT: Final = 200_000_000


class UnknownWord(ValueError):
    """The name holds something that is no word of the fake provider, or says one thing twice."""


class Vote(Struct, frozen=True):
    """How well a voter votes: probabilities between 0 and 1 of choosing the best option."""

    skill: float
    word: str | None = None
    """When set, *skill* holds only for prompts that contain this word, and *otherwise* for all others."""
    otherwise: float = 0.5

    def skill_for(self, prompt: str) -> float:
        """Probability of choosing the best option of *prompt*."""
        return self.skill if self.word is None or self.word in prompt else self.otherwise


class Behaviour(Struct, frozen=True, kw_only=True):
    """What one model name asks for. Every field left at its default means: behave well."""

    content: str = "echo"
    """``echo``, ``lorem``, ``json``, ``tools``, ``vote``, ``embed``, ``big``, ``empty``, or an errand:
    ``rerank``, ``image``, ``speech``, ``transcribe``, ``moderate``."""
    size: int = 0
    """Words of ``lorem``, bytes of ``big``, dimensions of ``embed`` (0: as the request says)."""
    vote: Vote | None = None
    reason: bool = False
    slow_ms: int = 0
    gap_ms: int = 0
    status: int | None = None
    flap_percent: int = 0
    hang: bool = False
    reset: bool = False
    reset_after: int | None = None
    """Content chunks before the reset; the same unit for the three fields below."""
    stall_after: int | None = None
    malformed_after: int | None = None
    error_after: int | None = None
    endless: bool = False
    usage: str = "true"
    """``true``, ``none`` or the name of an absurdity: negative, huge, float, string, nan, zero, twice."""
    tokens: tuple[int, int] | None = None
    """Prompt and completion tokens to report instead of the counted ones."""
    cached: int | None = None
    finish: str | None = None
    no_finish: bool = False
    no_done: bool = False
    html: bool = False
    redirect: int | None = None
    """Port to redirect to; 0 is the server itself."""
    gzip: bool = False
    surplus: bool = False
    short: bool = False
    slices: bool = False
    line_end: str = "\n"
    bom: bool = False
    fields: bool = False
    comments: bool = False


_Fields = dict[str, object]


def parse_words(model: str) -> Behaviour:
    """Behaviour that *model* asks for; a leading ``fake/`` is ignored. Pure.

    Raises:
        UnknownWord: a word is unknown, lacks its argument, has one out of range, or contradicts another word.
    """
    name = model.removeprefix("fake/")
    if not 0 < len(name) <= _LONGEST_NAME:
        raise UnknownWord(f"a model name has 1 to {_LONGEST_NAME} characters")
    fields: _Fields = {}
    position = 0
    while True:
        said, position = _next_word(name, position)
        if twice := said.keys() & fields.keys():
            raise UnknownWord(f"{'/'.join(sorted(twice))} is said twice in {name!r}")
        fields |= said
        if position == len(name):
            break
        position += 1  # the joining dash, which the word's pattern looked at already
    return Behaviour(**(_defaults(fields) | fields))  # type: ignore[arg-type]  # the rules below write right types


def _next_word(name: str, position: int) -> tuple[_Fields, int]:
    for pattern, fields in _RULES:
        if match := pattern.match(name, position):
            return fields(match), match.end()
    raise UnknownWord(f"no word of the fake provider begins at {name[position:]!r}")


def _defaults(fields: _Fields) -> _Fields:
    """Content for names that only say a fault, long enough for the fault to happen in its middle."""
    cuts = [fields.get(name) for name in ("reset_after", "stall_after", "malformed_after", "error_after")]
    counts = [count for count in cuts if isinstance(count, int)]
    defaults: _Fields = {}
    if counts and "content" not in fields:
        defaults = {"content": "lorem", "size": max(_FAULT_LOREM, *(count + 5 for count in counts))}
    if "endless" in fields:
        defaults.setdefault("content", "lorem")
        defaults.setdefault("size", _DEFAULT_LOREM)
        defaults["gap_ms"] = 1  # a stream without end should not eat the machine
    return defaults


def _rule(pattern: str, fields: Callable[[re.Match[str]], _Fields]) -> tuple[re.Pattern[str], Callable[..., _Fields]]:
    return re.compile(f"(?:{pattern})(?=-.|\\Z)", re.ASCII), fields


def _flag(word: str) -> tuple[re.Pattern[str], Callable[..., _Fields]]:
    return _rule(re.escape(word), lambda _: {word.replace("-", "_"): True})


def _amount(word: str, field: str, most: int) -> tuple[re.Pattern[str], Callable[..., _Fields]]:
    return _rule(rf"{word}-(\d{{1,10}})", lambda match: {field: _bounded(match[1], most)})


def _content(word: str) -> tuple[re.Pattern[str], Callable[..., _Fields]]:
    return _rule(word, lambda _: {"content": word})


def _bounded(digits: str, most: int, least: int = 0) -> int:
    value = int(digits)
    if not least <= value <= most:
        raise UnknownWord(f"{value} is not between {least} and {most}")
    return value


def _probability(digits: str) -> float:
    value = float(digits)
    if value > 1:
        raise UnknownWord(f"{digits} is not a probability")
    return value


def _vote(match: re.Match[str]) -> _Fields:
    skill = _probability(match[1])
    if match[2] is None:
        return {"content": "vote", "vote": Vote(skill)}
    return {"content": "vote", "vote": Vote(skill, match[2], _probability(match[3]))}


_CHUNKS: Final = 1_000_000
_MILLISECONDS: Final = 3_600_000
_TOKENS: Final = 1_000_000_000

# Longer words stand before the words they begin with.
_RULES: Final = (
    _content("echo"),
    _content("json"),
    _content("tools"),
    _content("empty"),
    _rule(r"lorem-(\d{1,9})", lambda match: {"content": "lorem", "size": _bounded(match[1], _CHUNKS)}),
    _rule(r"lorem", lambda _: {"content": "lorem", "size": _DEFAULT_LOREM}),
    _rule(r"big-(\d{1,9})", lambda match: {"content": "big", "size": _bounded(match[1], _LARGEST_TEXT)}),
    _rule(r"embed-(\d{1,5})", lambda match: {"content": "embed", "size": _bounded(match[1], 8192, 1)}),
    _content("embed"),
    *(_content(errand) for errand in ("rerank", "image", "speech", "transcribe", "moderate")),
    _rule(r"vote-(\d\.?\d{0,9})(?:@([^-@]+)-(\d\.?\d{0,9}))?", _vote),
    _flag("reason"),
    _amount("slow", "slow_ms", _MILLISECONDS),
    _amount("gap", "gap_ms", _MILLISECONDS),
    _rule(r"status-(\d{3})", lambda match: {"status": _bounded(match[1], 999, 100)}),
    _amount("flap", "flap_percent", 100),
    _flag("hang"),
    _amount("reset-after", "reset_after", _CHUNKS),
    _flag("reset"),
    _amount("stall-after", "stall_after", _CHUNKS),
    _amount("malformed", "malformed_after", _CHUNKS),
    _rule(r"malformed", lambda _: {"malformed_after": 1}),
    _amount("error-in-stream", "error_after", _CHUNKS),
    _rule(r"error-in-stream", lambda _: {"error_after": 2}),
    _flag("endless"),
    _rule(r"no-usage", lambda _: {"usage": "none"}),
    _rule(r"usage-(negative|huge|float|string|nan|zero|twice)", lambda match: {"usage": match[1]}),
    _rule(
        r"tokens-(\d{1,9})-(\d{1,9})",
        lambda match: {"tokens": (_bounded(match[1], _TOKENS), _bounded(match[2], _TOKENS))},
    ),
    _amount("cached", "cached", _TOKENS),
    _rule(r"finish-(\w+)", lambda match: {"finish": match[1]}),
    _flag("no-finish"),
    _flag("no-done"),
    _flag("html"),
    _amount("redirect", "redirect", 65535),
    _rule(r"redirect", lambda _: {"redirect": 0}),
    _flag("gzip"),
    _flag("surplus"),
    _flag("short"),
    _flag("slices"),
    _rule(r"crlf", lambda _: {"line_end": "\r\n"}),
    _rule(r"cr", lambda _: {"line_end": "\r"}),
    _flag("bom"),
    _flag("fields"),
    _flag("comments"),
)
