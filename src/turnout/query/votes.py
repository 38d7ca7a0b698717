"""What a voter wrote, read as a vote: the key it chose, and how likely it found the others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import exp, isfinite
from typing import Final

import msgspec
from msgspec import Struct

from turnout.domain.query import VoteKind
from turnout.query.tree import LETTERS, Node, PrefixTree

__all__ = ["Alternative", "Choice", "InvalidVote", "Token", "fair_share", "read_choice", "tokens_of"]

_OPENING: Final = r"""[ \t>*_#"'`(\[-]*"""
_CLOSING: Final = r"""[ \t*_"'`)\].,:;!}\r]*$"""
_CUE: Final = r"(?:[:=]|\b(?:is|answer|choice|choose|key|option|pick|select))"


class InvalidVote(ValueError):
    """There is no key in what the voter wrote."""


class Alternative(Struct, frozen=True):
    """What might have stood somewhere, and the natural logarithm of its probability."""

    token: str
    logprob: float = 0.0


class Token(Struct, frozen=True):
    """One token of an answer with what else might have stood there."""

    token: str
    top_logprobs: tuple[Alternative, ...] | None = None


class Choice(Struct, frozen=True):
    """A vote as it was read.

    Attributes:
        shares: by option of the tree, sums to 1.
        kind: whether probabilities were told.
        option: the one whose key was written.
    """

    shares: tuple[float, ...]
    kind: VoteKind
    option: int


class _Logprobs(Struct):
    content: tuple[Token, ...] | None = None


_read_logprobs = msgspec.json.Decoder(_Logprobs | None).decode


def tokens_of(logprobs: bytes | msgspec.Raw) -> tuple[Token, ...]:
    """The tokens of the ``logprobs`` of a choice (JSON); none where they cannot be read."""
    try:
        read = _read_logprobs(logprobs)
    except (msgspec.DecodeError, RecursionError):
        return ()
    return () if read is None else read.content or ()


def read_choice(tree: PrefixTree, content: str | None, tokens: Sequence[Token] = (), *, chained: bool = True) -> Choice:
    """The vote in *content*: the last key that stands there; where none does, the last line that is a bare one.

    With the probabilities of *tokens* the vote is shared among the options. *chained* multiplies them from letter to
    letter, and a branch that the voter did not take shares its probability evenly among its options. Without it only
    the last letter counts, as in the published service, and all other branches get nothing.

    Raises:
        InvalidVote: there is no content, or no key in it.
    """
    if content is None:
        raise InvalidVote("the voter wrote nothing")
    found = _written(tree, content)
    if found is None:
        raise InvalidVote("no key stands in what the voter wrote")
    option, written, start = found
    places = _places(tokens, tree.letters[option], written, content, start) if tokens else None
    several = chained and tree.depth > 1
    if places and (shares := (_chained if several else _last_letter)(tree, option, tokens, places)):
        return Choice(shares, "logprobs", option)
    return Choice(tuple(1.0 if one == option else 0.0 for one in range(len(tree.letters))), "hard", option)


def fair_share(weight: float, answers: int) -> float:
    """What each of so many *answers* of one voter weighs: asking it more often gives it no more influence."""
    return weight / answers


# -- the key --


@lru_cache(16)
def _patterns(depth: int) -> tuple[re.Pattern[str], tuple[re.Pattern[str], ...]]:
    """Any key of so many letters; and any without its outer backticks, where it cannot be a word of a sentence.

    They are the same for all trees of a depth: which letters make a key is looked up, for a tree is made for one vote.
    """
    bare = f"[{LETTERS}](?:``[{LETTERS}]){{{depth - 1}}}"
    return re.compile(f"((?:`[{LETTERS}]`){{{depth}}})"), (
        re.compile(f"^{_OPENING}({bare}){_CLOSING}", re.MULTILINE),  # alone on its line
        re.compile(f"{_CUE}{_OPENING}(?<!\\w)({bare}){_CLOSING}", re.MULTILINE),  # Answer: F
        re.compile(rf"""["'*(\[]({bare})["'*)\]]"""),  # "F", (F), *F*
    )


def _written(tree: PrefixTree, content: str) -> tuple[int, str, int] | None:
    """The option that was chosen, its key as it was written, and where."""
    pattern, fallbacks = _patterns(tree.depth)
    options = {key: option for option, key in enumerate(tree.keys)}
    last = _last(pattern, content, options)
    if last is not None:
        return options[last[1]], last[1], last.start(1)
    bares = {key[1:-1]: option for key, option in options.items()}
    found = [match for fallback in fallbacks if (match := _last(fallback, content, bares)) is not None]
    if not found:
        return None
    last = max(found, key=lambda match: match.start(1))
    return bares[last[1]], last[1], last.start(1)


def _last(pattern: re.Pattern[str], content: str, keys: Mapping[str, int]) -> re.Match[str] | None:
    """The last match that is one of *keys*."""
    last = None
    match = pattern.search(content)
    while match is not None:
        known = match[1] in keys
        last = match if known else last
        match = pattern.search(content, match.end() if known else match.start() + 1)
    return last


# -- probabilities --

_Place = tuple[int, int]
"""A token, and a character of it."""


def _places(tokens: Sequence[Token], letters: str, written: str, content: str, start: int) -> list[_Place] | None:
    """Where each letter of the key stands in the tokens; None where they do not hold it."""
    text = "".join([token.token for token in tokens])
    if text != content:
        start = text.rfind(written)
    if start < 0:
        return None
    first = 1 if written.startswith("`") else 0
    wanted = [start + first + 3 * place for place in range(len(letters))]
    places: list[_Place] = []
    begins = 0
    for number, token in enumerate(tokens):
        ends = begins + len(token.token)
        places += [(number, place - begins) for place in wanted if begins <= place < ends]
        begins = ends
    return places if len(places) == len(letters) else None


def _last_letter(
    tree: PrefixTree, option: int, tokens: Sequence[Token], places: Sequence[_Place]
) -> tuple[float, ...] | None:
    *_, node = tree.path(option)
    chances = _chances(node, tokens, places[-1], 0)
    if not chances:
        return None
    shares = [0.0] * len(tree.letters)
    for letter, chance in chances.items():
        _spread(node.children[letter], chance, shares)
    return tuple(shares)


def _chained(
    tree: PrefixTree, option: int, tokens: Sequence[Token], places: Sequence[_Place]
) -> tuple[float, ...] | None:
    shares = [0.0] * len(tree.letters)
    left = 1.0
    told = False
    for level, (node, letter) in enumerate(zip(tree.path(option), tree.letters[option], strict=True)):
        number, place = places[level]
        earlier = [other for token, other in places[:level] if token == number]
        chances = _chances(node, tokens, (number, place), min(earlier, default=place) - place)
        told = told or bool(chances)
        taken = chances.get(letter, 0.0) if chances else 1.0
        for other, chance in chances.items():
            if other != letter:
                _spread(node.children[other], left * chance, shares)
        left *= taken
    shares[option] += left
    return tuple(shares) if told else None


def _chances(node: Node, tokens: Sequence[Token], place: _Place, back: int) -> dict[str, float]:
    """How likely each letter of *node* was at *place*, sums to 1; empty where nothing was told.

    An alternative counts that has such a letter at the same place, is no longer word, and begins with the same
    letters of the key (*back* characters before the place, negative) where they are in the same token.
    """
    number, at = place
    token, letters, first = tokens[number], node.children, at + back
    same = token.token[first:at]
    chances: dict[str, float] = {}
    for one in token.top_logprobs or ():
        text = one.token
        if len(text) > 1:
            letter = text[at : at + 1]
            if text[first:at] != same or text[max(at - 1, 0) : at].isalnum() or text[at + 1 : at + 2].isalnum():
                continue
        else:
            letter = "" if at else text
        if letter in letters:
            chances[letter] = chances.get(letter, 0.0) + (1.0 if one.logprob > 0 else exp(one.logprob))
    total = sum(chances.values())
    if not isfinite(total) or total <= 0:
        return {}
    return {letter: chance / total for letter, chance in chances.items()}


def _spread(node: Node | int, share: float, shares: list[float]) -> None:
    """Give each option below *node* the same part of *share*."""
    if isinstance(node, int):
        shares[node] += share
        return
    options = _options(node)
    for option in options:
        shares[option] += share / len(options)


def _options(node: Node | int) -> list[int]:
    if isinstance(node, int):
        return [node]
    return [option for child in node.children.values() for option in _options(child)]
