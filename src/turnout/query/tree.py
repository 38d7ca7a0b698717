"""The keys by which options are voted for: letters in backticks, in a tree where there are too many for one token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import shake_128
from struct import unpack
from typing import Final, TypeVar, final

from msgspec import Struct

__all__ = ["LETTERS", "Dice", "Node", "PrefixTree", "build_tree", "key_text", "turned", "voter_dice", "width_of"]

T = TypeVar("T")

LETTERS: Final = "ABCDEFGHIJKLMNOPQRST"
"""As many as a provider tells alternatives of a token."""


class Node(Struct, frozen=True):
    """One letter's choice: ``children`` by letter, each a node or an option."""

    children: dict[str, Node | int]


class PrefixTree(Struct, frozen=True):
    """Which key stands for which option.

    Attributes:
        root: the choice of the first letter. All options are equally deep.
        letters: by option, its letters from the root to it.
        keys: by option, its key as it is written: ```B``D```.
        listing: the options in the order in which they are shown.
    """

    root: Node
    letters: tuple[str, ...]
    keys: tuple[str, ...]
    listing: tuple[int, ...]

    @property
    def depth(self) -> int:
        """Letters of a key."""
        return len(self.letters[0])

    @property
    def shown(self) -> tuple[tuple[str, int], ...]:
        """Key and option in the order in which they are shown."""
        return tuple([(self.keys[option], option) for option in self.listing])

    def path(self, option: int) -> Iterator[Node]:
        """The nodes from the root to *option*."""
        node: Node | int = self.root
        for letter in self.letters[option]:
            assert isinstance(node, Node)  # noqa: S101 - the tree is as deep as its keys are long
            yield node
            node = node.children[letter]


def key_text(letters: str) -> str:
    """Letters as they are written in a prompt and in an answer."""
    return f"`{letters}`" if len(letters) == 1 else "".join([f"`{letter}`" for letter in letters])


def width_of(top_logprobs: int | None) -> int:
    """How many letters a node may have for a voter that tells *top_logprobs* alternatives of a token."""
    return top_logprobs if top_logprobs is not None and 2 <= top_logprobs <= len(LETTERS) else len(LETTERS)


@final
class Dice:
    """Shuffles that are the same for the same *seed*, on every machine and with every Python."""

    def __init__(self, seed: str) -> None:
        self._hash = shake_128(seed.encode())

    def shuffled(self, items: Sequence[T], count: int) -> list[T]:
        """The first *count* of all *items* in a new order: each order is as likely, but for one part in 2^50."""
        mixed, size = list(items), len(items)
        self._hash.update(b".")
        for place, drawn in enumerate(unpack(f"<{count}Q", self._hash.digest(8 * count))):
            other = place + (drawn * (size - place) >> 64)
            mixed[place], mixed[other] = mixed[other], mixed[place]
        return mixed[:count]


def voter_dice(vote_seed: int, voter: int) -> Dice:
    """The dice of one voter of a ballot."""
    return Dice(f"ballot {vote_seed} voter {voter}")


def build_tree(options: int, width: int, dice: Dice | None = None) -> PrefixTree:
    """Keys for so many *options* (at least 1) in nodes of at most *width* letters (2 to 20).

    *dice* shuffles the options among the nodes, the letters of each node and the order in which options are shown;
    without it everything stays in order.
    """
    order: Sequence[int] = range(options)
    if dice is None:
        return _tree(_grow(order, width, _depth(options, width), None), tuple(order))
    if options > width:
        root = _grow(dice.shuffled(order, options), width, _depth(options, width), dice)
    else:
        root = _grow(order, width, 1, dice)
    return _tree(root, tuple(dice.shuffled(order, options)))


def turned(tree: PrefixTree) -> PrefixTree:
    """*tree* for a second look: shown from last to first, and each node's letters given out the other way round."""
    return _tree(_turned(tree.root), tree.listing[::-1])


def _tree(root: Node, listing: tuple[int, ...]) -> PrefixTree:
    letters = [""] * len(listing)
    _name_leaves(root, "", letters)
    return PrefixTree(root, tuple(letters), tuple([key_text(path) for path in letters]), listing)


def _depth(options: int, width: int) -> int:
    """Levels until the biggest part fits into one node."""
    depth = 1
    while options > width:
        branches = min(-(-options // width), width)
        options = -(-options // branches)
        depth += 1
    return depth


def _grow(options: Sequence[int], width: int, depth: int, dice: Dice | None) -> Node:
    """A node of *depth* levels: all parts branch as often as the biggest one has to."""
    children: list[Node | int] = list(options)
    if depth > 1:
        children = [_grow(part, width, depth - 1, dice) for part in _parts(options, width)]
    letters: Sequence[str] = LETTERS if dice is None else dice.shuffled(LETTERS, len(children))
    return Node(dict(zip(letters, children, strict=False)))


def _parts(options: Sequence[int], width: int) -> Iterator[Sequence[int]]:
    """Even parts, the first ones larger by one where it does not come out even."""
    branches = max(1, min(-(-len(options) // width), width))
    size, more = divmod(len(options), branches)
    start = 0
    for branch in range(branches):
        end = start + size + (branch < more)
        yield options[start:end]
        start = end


def _turned(node: Node) -> Node:
    children = [_turned(child) if isinstance(child, Node) else child for child in node.children.values()]
    return Node(dict(zip(node.children, reversed(children), strict=True)))


def _name_leaves(node: Node, path: str, letters: list[str]) -> None:
    """Note the *letters* of each option below *node*."""
    for letter, child in node.children.items():
        if isinstance(child, int):
            letters[child] = path + letter
        else:
            _name_leaves(child, path + letter, letters)
