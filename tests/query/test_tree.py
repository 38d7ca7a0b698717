from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from turnout.query.tree import LETTERS, Dice, Node, build_tree, turned, voter_dice, width_of
from vectors import vectors

SIZES = st.integers(1, 500)
WIDTHS = st.integers(2, 20)


def widest(node: Node) -> int:
    below = [widest(child) for child in node.children.values() if isinstance(child, Node)]
    return max(len(node.children), *below, 0)


def test_published_shapes() -> None:
    for shape in vectors()["prefix_tree_shapes"]:
        tree = build_tree(shape["options"], shape["width"])
        assert tree.depth == shape["depth"]
        assert len(tree.root.children) == shape["top_level_branches"]
        assert len(set(tree.keys)) == shape["leaves"]


def test_published_keys() -> None:
    vector = next(one for one in vectors()["votes"] if "tree_identity_shuffle" in one)
    keys = build_tree(25, 5).keys
    assert {key: option for option, key in enumerate(keys)} == vector["tree_identity_shuffle"]


@given(SIZES, WIDTHS, st.integers() | st.none())
def test_every_option_has_one_key_and_all_are_equally_deep(options: int, width: int, seed: int | None) -> None:
    tree = build_tree(options, width, None if seed is None else Dice(str(seed)))
    assert len(set(tree.keys)) == options
    assert {len(letters) for letters in tree.letters} == {tree.depth}
    assert width ** (tree.depth - 1) < options or tree.depth == 1
    assert widest(tree.root) <= width
    assert sorted(tree.listing) == list(range(options))
    for option in range(options):
        *_, last = tree.path(option)
        assert last.children[tree.letters[option][-1]] == option


@given(SIZES, WIDTHS, st.integers(), st.integers(0, 200))
def test_a_ballot_can_be_replayed_from_its_seed(options: int, width: int, seed: int, voter: int) -> None:
    assert build_tree(options, width, voter_dice(seed, voter)) == build_tree(options, width, voter_dice(seed, voter))


def test_voters_and_seeds_shuffle_differently() -> None:
    trees = {build_tree(8, 20, voter_dice(seed, voter)).keys for seed in range(5) for voter in range(5)}
    assert len(trees) == 25


def test_every_option_gets_every_letter_and_place_about_as_often() -> None:
    letters = dict.fromkeys(LETTERS, 0)
    places = [0] * 4
    for voter in range(4000):
        tree = build_tree(4, 20, voter_dice(7, voter))
        letters[tree.letters[0]] += 1
        places[tree.listing.index(0)] += 1
    assert max(abs(count - 200) for count in letters.values()) < 70
    assert max(abs(count - 1000) for count in places) < 120


@given(SIZES, WIDTHS, st.integers())
def test_turning_a_tree_keeps_its_keys_and_turning_it_twice_changes_nothing(
    options: int, width: int, seed: int
) -> None:
    tree = build_tree(options, width, Dice(str(seed)))
    other = turned(tree)
    assert turned(other) == tree
    assert other.listing == tree.listing[::-1]
    assert {len(letters) for letters in other.letters} == {tree.depth}
    if tree.depth == 1:
        assert set(other.keys) == set(tree.keys)


def test_the_width_is_that_of_the_logprobs_where_it_can_be() -> None:
    assert [width_of(asked) for asked in (None, 0, 1, 2, 5, 20, 21)] == [20, 20, 20, 2, 5, 20, 20]
