"""How a fake voter reads the offered letters out of a prompt and chooses one of them."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import chain, pairwise
from typing import Final

from msgspec import Struct

from turnout.providers.fake.asked import dice

__all__ = ["Option", "chance_of_each", "offered_options", "pick", "vote_tokens"]

_KEY: Final = r"(?:`[A-Z]`)+|[A-Z]"
_IS_KEY: Final = re.compile(_KEY)
_BARE_KEYS: Final = re.compile(r"(?:`[A-Z]`)+")
# "A) text", "(A) text", "A. text", "A: text", "- A) text", "`A` text", "`A`: text"
_LINE: Final = re.compile(
    r"^[ \t]*(?:[-*•][ \t]+)?(?:\**\(?(?P<bare>[A-Z])\**[).:]\**[ \t]+|(?P<ticks>(?:`[A-Z]`)+)[ \t]*[).:=-]?[ \t]*)"
    r"(?P<text>\S.*?)[ \t]*$",
    re.MULTILINE,
)
_INLINE: Final = re.compile(r"(?:^|(?<=[\s,;(:]))(?:(?P<bare>[A-Z])[).:]|(?P<ticks>(?:`[A-Z]`)+)[).:=-]?)[ \t]+(?=\S)")
_MOST_OBJECTS: Final = 1000


class Option(Struct, frozen=True):
    """An offered key (``A``, or with its backticks: ```A```) and the text it stands for."""

    key: str
    text: str

    @property
    def rank(self) -> str:
        """The best option is the one of the smallest rank: the hexadecimal SHA-256 of its text."""
        return sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


def offered_options(texts: Sequence[str]) -> tuple[Option, ...]:
    """The options of the last of *texts* that offers any; empty when none does.

    Tried in this order within a text: a JSON object from keys to texts, one option per line, options within a line,
    keys in backticks without texts (then the key is the text).
    """
    for text in reversed(texts):
        for found in (_from_object(text), _from_lines(text), _from_items(text)):
            if len(found) > 1:
                return found
    for text in reversed(texts):
        if keys := dict.fromkeys(_BARE_KEYS.findall(text)):
            return tuple(Option(key, key) for key in keys)
    return next((lone for text in reversed(texts) if (lone := _from_object(text) or _from_lines(text))), ())


def pick(options: Sequence[Option], skill: float, root: str) -> Option:
    """The best option with probability *skill*, else one of the others, each as likely.

    The choice depends on *root* and on the texts of the options, not on which letters they got or on their order, so
    a shuffled ballot is voted on alike. *options* must not be empty.
    """
    ranked = sorted(options, key=lambda option: (option.rank, option.key))
    texts = [option.text for option in ranked]
    if len(ranked) == 1 or dice("skill", root, *texts) < skill:
        return ranked[0]
    others = ranked[1:]
    return others[int(dice("other", root, *texts) * len(others))]


def chance_of_each(options: Sequence[Option], chosen: Option, skill: float) -> dict[str, float]:
    """Probability of the last letter of each key in the same group as *chosen*; sums to 1, most for the chosen one.

    The voter is as sure of its choice as its skill allows: never below 0.55, never above 0.99.
    """
    stem = chosen.key[:-3] if chosen.key.endswith("`") else chosen.key[:-1]
    group = [option.key for option in options if option.key.startswith(stem) and len(option.key) == len(chosen.key)]
    letters = dict.fromkeys(_letter(key) for key in group)
    if len(letters) == 1:
        return {_letter(chosen.key): 1.0}
    sure = min(0.99, max(skill, 1 - skill, 0.55))
    rest = (1 - sure) / (len(letters) - 1)
    return {letter: sure if letter == _letter(chosen.key) else rest for letter in letters}


def vote_tokens(text: str, key: str, chances: dict[str, float]) -> list[tuple[str, list[tuple[str, float]]]]:
    """Tokens of *text* with the alternatives of each, likeliest first, as natural logarithms.

    The signs of the last *key* in *text* are tokens of their own, and its last letter has *chances*.
    """
    start = text.rfind(key)
    letter_at = start + len(key) - (2 if key.endswith("`") else 1)
    pieces = chain(_words(text[:start]), key, _words(text[start + len(key) :]))
    tokens = []
    position = 0
    for piece in pieces:
        if position == letter_at:
            ordered = sorted(chances.items(), key=lambda chance: -chance[1])
            tokens.append((piece, [(letter, math.log(chance)) for letter, chance in ordered]))
        else:
            tokens.append((piece, [(piece, 0.0)]))
        position += len(piece)
    return tokens


def _letter(key: str) -> str:
    return key.rstrip("`")[-1]


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+", text)


def _from_object(text: str) -> tuple[Option, ...]:
    found: tuple[Option, ...] = ()
    for values in _objects(text):
        if values and all(_IS_KEY.fullmatch(key) for key in values):
            found = tuple(Option(key, _as_text(value)) for key, value in values.items())
    return found


def _objects(text: str) -> Iterator[dict[str, object]]:
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(_MOST_OBJECTS):
        position = text.find("{", position)
        if position < 0:
            return
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position += 1
        else:
            yield value


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _from_lines(text: str) -> tuple[Option, ...]:
    found = {match["bare"] or match["ticks"]: match["text"] for match in _LINE.finditer(text)}
    return tuple(Option(key, words) for key, words in found.items())


def _from_items(text: str) -> tuple[Option, ...]:
    for line in reversed(text.splitlines()):
        marks = list(_INLINE.finditer(line))
        ends = [*(following.start() for _, following in pairwise(marks)), len(line)]
        found = {
            mark["bare"] or mark["ticks"]: line[mark.end() : end].strip(" \t,;(")
            for mark, end in zip(marks, ends, strict=False)
        }
        if len(found) > 1:
            return tuple(Option(key, words) for key, words in found.items())
    return ()
