"""A hundred texts that have what a detector looks for, and a hundred that have not, for each detector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle, islice, pairwise
from pathlib import Path
from random import Random

from turnout.domain.guardrail import BUILTINS

__all__ = ["NEGATIVE", "POSITIVE"]

_CARRIERS = (
    "{}", "Please note: {}", "It says {} on the form.", "({})", "I was given {}, is that right?", "contact;{};2024",
    "Zeile eins\n{}\nZeile drei", "« {} »", "Summarise this for me: {} - thanks!", "| field | {} |", "value={}", "“{}”",
)  # fmt: skip
_PLAIN = ("{}", "Please explain: {}", "{} - what do you think?", "Translate this: {}", "As we said, {}", "{}\nThanks!")


def _hundred(values: Sequence[str], carriers: Sequence[str] = _CARRIERS) -> tuple[str, ...]:
    """The first hundred different texts of *values* in *carriers*."""
    pairs = (
        carriers[(place + turn) % len(carriers)].format(one) for turn in range(20) for place, one in enumerate(values)
    )
    return tuple(islice(dict.fromkeys(pairs), 100))


def _listed() -> dict[str, list[str]]:
    """The lines of the file beside this one, by the headings over them: the sign and the name of a detector."""
    parts = (Path(__file__).parent / "cases.txt").read_text(encoding="utf-8").split("== ")[1:]
    return {heading: lines for heading, *lines in (part.strip("\n").split("\n") for part in parts)}


def _cards(dice: Random) -> Iterable[str]:
    shapes = (
        ("4", 16, (4, 4, 4, 4)), ("51", 16, (4, 4, 4, 4)), ("2221", 16, (4, 4, 4, 4)), ("37", 15, (4, 6, 5)),
        ("34", 15, (4, 6, 5)), ("6011", 16, (4, 4, 4, 4)), ("36", 14, (4, 6, 4)), ("3530", 16, (4, 4, 4, 4)),
        ("4", 13, ()), ("6759", 19, (4, 4, 4, 4, 3)),
    )  # fmt: skip
    for (head, length, groups), separator in zip(cycle(shapes), cycle(("", " ", "-")), strict=False):
        digits = head + "".join(dice.choice("0123456789") for _ in range(length - 1 - len(head)))
        total = sum(sum(divmod(int(one) * (2 - place % 2), 10)) for place, one in enumerate(reversed(digits)))
        digits += str(-total % 10)
        places = [sum(groups[:count]) for count in range(len(groups) + 1)]
        yield separator.join(digits[a:b] for a, b in pairwise(places)) if groups else digits


def _wrong(number: str) -> str:
    """*number* with another last digit."""
    return number[:-1] + str((int(number[-1]) + 1) % 10)


_DICE = Random(7)
_CARDS = list(islice(_cards(_DICE), 60))
_SSN = [
    f"{_DICE.randint(1, 665):03}{mark}{_DICE.randint(1, 99):02}{mark}{_DICE.randint(1, 9999):04}"
    for mark in ["-"] * 24 + [" "] * 6
]
_LISTED = _listed()
_MADE = {"+credit-card": _CARDS, "+ssn": _SSN, "-credit-card": [_wrong(one) for one in _CARDS[:40]]}


def _cases(sign: str, slug: str) -> tuple[str, ...]:
    carriers = _PLAIN if sign == "-" or slug == "regex-prompt-injection" else _CARRIERS
    return _hundred([*_MADE.get(sign + slug, ()), *_LISTED.get(sign + slug, ())], carriers)


POSITIVE: Mapping[str, tuple[str, ...]] = {slug: _cases("+", slug) for slug in BUILTINS}
NEGATIVE: Mapping[str, tuple[str, ...]] = {slug: _cases("-", slug) for slug in BUILTINS}
