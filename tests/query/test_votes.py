from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from turnout.query.tree import LETTERS, build_tree, key_text, voter_dice
from turnout.query.votes import Alternative, InvalidVote, Token, fair_share, read_choice, tokens_of
from vectors import vectors

EIGHT = build_tree(8, 20)
DEEP = build_tree(25, 5)


def token(text: str, told: Sequence[tuple[str, float]] = ()) -> Token:
    return Token(text, tuple(Alternative(*one) for one in told))


def spelled(text: str, at: Mapping[int, Sequence[tuple[str, float]]]) -> list[Token]:
    """A token for each character, with the alternatives at some places."""
    return [token(sign, at.get(place, ())) for place, sign in enumerate(text)]


def test_published_votes_of_the_last_letter() -> None:
    for vector in vectors()["votes"]:
        if "logprobs" not in vector or "expect_vote_nonzero" not in vector:
            continue
        tokens = tokens_of(json.dumps({"content": vector["logprobs"]}).encode())
        choice = read_choice(DEEP, vector["content"], tokens, chained=False)
        found = {str(option): share for option, share in enumerate(choice.shares) if share}
        assert found == pytest.approx(vector["expect_vote_nonzero"], rel=1e-12)


@pytest.mark.parametrize(
    ("content", "option"),
    [
        ("`F`", 5),
        ("I like `A`, but `F` is better.", 5),
        ('{"_think": "`B` or `C`?", "response_key": "`C`"}', 2),
        ("F", 5),
        (" F.\n", 5),
        ("Answer: F", 5),
        ("The answer is F.", 5),
        ("**F**", 5),
        ("I think A is a nice letter.\nBut:\nF", 5),
        ('{"response_key": "F"}', 5),
        ("I choose (B)", 1),
        ("B`", 1),
        ("\r\nC\r\n", 2),
    ],
)
def test_the_last_key_is_the_vote(content: str, option: int) -> None:
    choice = read_choice(EIGHT, content)
    assert choice.option == option
    assert choice.kind == "hard"
    assert choice.shares == tuple(float(one == option) for one in range(8))


@pytest.mark.parametrize(
    "content",
    [None, "", "I cannot decide.", "A nice day to you", "I think B-movies are fine", "`f`", "`I`", "f", "`AB`",
     "Grade A beef", "`"],
)  # fmt: skip
def test_prose_is_no_vote(content: str | None) -> None:
    with pytest.raises(InvalidVote):
        read_choice(EIGHT, content)


def test_a_deep_key_is_found_whole() -> None:
    assert read_choice(DEEP, "`B``D`").option == 8
    assert read_choice(DEEP, "B``D").option == 8
    with pytest.raises(InvalidVote):
        read_choice(DEEP, "`B`")


def test_probabilities_are_those_of_valid_letters_made_shares_again() -> None:
    told = [("C", -0.35), ("G", -1.6), ("A", -3.2), ("c", -4.0), ("Maybe", -4.0), ("Q", -4.1), ("`", -5.0), ("", -6.0)]
    choice = read_choice(EIGHT, "`C`", [token("`"), token("C", told), token("`")])
    total = math.exp(-0.35) + math.exp(-1.6) + math.exp(-3.2)
    assert choice.kind == "logprobs"
    assert choice.shares[2] == pytest.approx(math.exp(-0.35) / total)
    assert choice.shares[6] == pytest.approx(math.exp(-1.6) / total)
    assert choice.shares[0] == pytest.approx(math.exp(-3.2) / total)
    assert sum(choice.shares) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "tokens",
    [
        [("I say ", []), ("`C`", [("`C`", -0.5), ("`A`", -1.5), ("No", -2.0)])],
        [("I say `", []), ("C`", [("C`", -0.5), ("A`", -1.5), ("A", -99.0)])],
        [("I say `C", [("I say `C", -0.5), ("I say `A", -1.5)]), ("`", [])],
        [("I", []), (" say", []), (" `", []), ("C", [("C", -0.5), ("A", -1.5)]), ("`", [])],
    ],
)
def test_tokens_may_be_cut_anywhere(tokens: list[tuple[str, list[tuple[str, float]]]]) -> None:
    choice = read_choice(EIGHT, "I say `C`", [token(text, told) for text, told in tokens])
    assert choice.kind == "logprobs"
    assert choice.shares[2] == pytest.approx(1 / (1 + math.exp(-1.0)))


@pytest.mark.parametrize("told", [[], [("x", -1.0)], [("C", float("-inf"))], [("C", float("nan"))], [("C", -1e9)]])
def test_without_usable_probabilities_the_vote_is_hard(told: list[tuple[str, float]]) -> None:
    choice = read_choice(EIGHT, "`C`", [token("`"), token("C", told), token("`")])
    assert (choice.kind, choice.option) == ("hard", 2)


def test_tokens_that_do_not_hold_the_key_are_of_no_use() -> None:
    assert read_choice(EIGHT, "`C`", [token("nothing", [("C", -1.0)])]).kind == "hard"


def test_tokens_of_more_than_the_content_are_searched_for_the_key() -> None:
    tokens = spelled("thinking `A` ... `C`", {18: [("C", -0.5), ("A", -1.5)]})
    choice = read_choice(EIGHT, "`C`", tokens)
    assert choice.shares[2] == pytest.approx(1 / (1 + math.exp(-1.0)))


def test_chained_probabilities_multiply_and_other_branches_share() -> None:
    tokens = spelled("`B``D`", {1: [("B", -0.5), ("D", -1.0)], 4: [("D", -0.2), ("A", -2.0)]})
    shares = read_choice(DEEP, "`B``D`", tokens).shares
    first = 1 / (1 + math.exp(-0.5))
    second = 1 / (1 + math.exp(-1.8))
    assert shares[8] == pytest.approx(first * second)
    assert shares[5] == pytest.approx(first * (1 - second))
    assert shares[15:20] == pytest.approx([(1 - first) / 5] * 5)
    assert sum(shares) == pytest.approx(1.0)


def test_letters_in_one_token_are_told_apart_by_what_stands_before_them() -> None:
    told = (("`B``D`", math.log(0.5)), ("`B``A`", math.log(0.25)), ("`D``D`", math.log(0.25)))
    shares = read_choice(DEEP, "`B``D`", [token("`B``D`", told)]).shares
    assert shares[8] == pytest.approx(0.5)
    assert shares[5] == pytest.approx(0.25)
    assert sum(shares[15:20]) == pytest.approx(0.25)


@given(
    st.integers(1, 60), st.integers(2, 20), st.integers(), st.data(),
)  # fmt: skip
def test_shares_sum_to_one_and_follow_their_option_through_any_shuffle(
    options: int, width: int, seed: int, data: st.DataObject
) -> None:
    plain, shuffled = build_tree(options, width), build_tree(options, width, voter_dice(seed, 0))
    option = data.draw(st.integers(0, options - 1))
    chances = data.draw(st.lists(st.floats(-20, 0), min_size=options, max_size=options))
    if plain.depth > 1:
        told: dict[int, Sequence[tuple[str, float]]] = {}
        choice = read_choice(shuffled, shuffled.keys[option], spelled(shuffled.keys[option], told))
        assert choice.option == option
        return
    results = []
    for tree in (plain, shuffled):
        tokens = spelled(tree.keys[option], {1: [(tree.letters[one], chances[one]) for one in range(options)]})
        results.append(read_choice(tree, tree.keys[option], tokens).shares)
    assert results[0] == pytest.approx(results[1])
    assert sum(results[0]) == pytest.approx(1.0)


@given(st.integers(2, 400), st.integers(2, 20), st.integers(), st.data())
def test_chained_shares_sum_to_one_at_any_depth(options: int, width: int, seed: int, data: st.DataObject) -> None:
    tree = build_tree(options, width, voter_dice(seed, 1))
    option = data.draw(st.integers(0, options - 1))
    levels = data.draw(st.lists(st.dictionaries(st.sampled_from(LETTERS), st.floats(-9, 0)), max_size=tree.depth))
    told = {1 + 3 * level: list(chances.items()) for level, chances in enumerate(levels)}
    tokens = spelled(tree.keys[option], told)
    for chained in (True, False):
        choice = read_choice(tree, tree.keys[option], tokens, chained=chained)
        assert sum(choice.shares) == pytest.approx(1.0)
        assert min(choice.shares) >= 0


@given(st.text(alphabet="ABCI `\n:.is{}\"'()*", max_size=60), st.integers(0, 7))
def test_whatever_else_is_written_a_key_at_the_end_is_the_vote(text: str, option: int) -> None:
    assert read_choice(EIGHT, f"{text}\n{key_text(EIGHT.letters[option])}").option == option


@given(st.text(max_size=200))
def test_any_text_is_a_vote_or_none(text: str) -> None:
    assume(text)
    try:
        choice = read_choice(EIGHT, text)
    except InvalidVote:
        return
    assert sum(choice.shares) == 1.0


@pytest.mark.parametrize("text", [" ", "\n", "\t*", "A ", "`", "is ", ": ", "`A", '"A', "(", "\n \n"])
def test_no_text_takes_long_to_read(text: str) -> None:
    began = time.thread_time()
    with suppress(InvalidVote):
        read_choice(EIGHT, text * 50_000 + "x")
    assert time.thread_time() - began < 1.0


def test_tokens_are_read_from_json_and_odd_ones_are_none() -> None:
    told = {
        "content": [{"token": "A", "logprob": -0.1, "bytes": [65], "top_logprobs": [{"token": "B", "logprob": -2}]}]
    }
    assert tokens_of(json.dumps(told).encode()) == (token("A", [("B", -2.0)]),)
    odd: tuple[object, ...] = (None, {}, {"content": None}, [], "x", {"content": [1]}, {"content": [{"token": None}]})
    assert {tokens_of(one) for one in (*[json.dumps(one).encode() for one in odd], b"{")} == {()}


def test_asking_a_voter_more_often_gives_it_no_more_weight() -> None:
    assert sum(fair_share(3.0, 4) for _ in range(4)) == pytest.approx(3.0)
