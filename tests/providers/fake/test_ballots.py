import json
import math
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.providers.fake.ballots import Option, chance_of_each, offered_options, pick, vote_tokens

THREE = (Option("A", "red fox"), Option("B", "blue bird"), Option("C", "green frog"))
TICKED = tuple(Option(f"`{option.key}`", option.text) for option in THREE)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Which?\nA) red fox\nB) blue bird\nC) green frog", THREE),
        ("Which?\n  A. red fox  \n  B. blue bird\n  C. green frog\nSay one letter.", THREE),
        ("A: red fox\nB: blue bird\nC: green frog", THREE),
        ("- (A) red fox\n- (B) blue bird\n- (C) green frog", THREE),
        ("**A)** red fox\n**B)** blue bird\n**C)** green frog", THREE),
        ("Choose A) red fox B) blue bird C) green frog", THREE),
        ("Options: A: red fox, B: blue bird, C: green frog", THREE),
        ("`A` red fox\n`B` blue bird\n`C` green frog", TICKED),
        ("* `A`: red fox\n* `B`: blue bird\n* `C`: green frog", TICKED),
        ('Select one:\n\n{\n  "`A`": "red fox",\n  "`B`": "blue bird",\n  "`C`": "green frog"\n}\n\n- `A`', TICKED),
        ('An {example: no JSON} and {"A": "red fox", "B": "blue bird", "C": "green frog"}', THREE),
        ("I like foxes. A fox is red.", ()),
        ("", ()),
    ],
)
def test_offered_options_are_read(text: str, options: tuple[Option, ...]) -> None:
    assert offered_options([text]) == options
    assert offered_options(["X) old\nY) older", text])[: len(options)] == options


def test_bare_keys_are_options_only_when_no_message_gives_texts() -> None:
    bare = "answer with `A`, `B` or `C`"
    assert offered_options([bare]) == tuple(Option(key, key) for key in ("`A`", "`B`", "`C`"))
    assert offered_options(["`A` red\n`B` blue", bare]) == (Option("`A`", "red"), Option("`B`", "blue"))


def test_keys_of_a_tree_and_values_that_are_no_texts_are_read() -> None:
    text = json.dumps({"`B``D`": {"deep": 1}, "`B``E`": "plain"})
    assert offered_options([text]) == (Option("`B``D`", '{"deep": 1}'), Option("`B``E`", "plain"))


def test_the_best_option_has_the_smallest_hash() -> None:
    best = min(THREE, key=lambda option: sha256(option.text.encode()).hexdigest())
    assert {pick(THREE, 1.0, str(seed)) for seed in range(50)} == {best}
    assert best not in {pick(THREE, 0.0, str(seed)) for seed in range(50)}


def test_skill_is_the_share_of_best_picks_over_seeds() -> None:
    best = pick(THREE, 1.0, "")
    share = sum(pick(THREE, 0.8, f"seed {seed}") == best for seed in range(2000)) / 2000
    assert abs(share - 0.8) < 0.03


@given(st.permutations(THREE), st.permutations("ABC"), st.text(), st.floats(0, 1))
def test_the_vote_goes_to_the_same_text_however_the_letters_are_shuffled(
    shuffled: list[Option], letters: list[str], root: str, skill: float
) -> None:
    relabelled = [Option(letter, option.text) for letter, option in zip(letters, shuffled, strict=True)]
    assert pick(relabelled, skill, root).text == pick(THREE, skill, root).text


@given(st.floats(0, 1), st.sampled_from(TICKED))
def test_chances_sum_to_one_and_favour_the_pick(skill: float, chosen: Option) -> None:
    chances = chance_of_each(TICKED, chosen, skill)
    assert math.isclose(sum(chances.values()), 1)
    assert max(chances, key=lambda letter: chances[letter]) == chosen.key[1]


def test_chances_stay_within_the_group_of_a_tree() -> None:
    options = [Option(key, key) for key in ("`A``C`", "`A``D`", "`B``E`")]
    assert chance_of_each(options, options[0], 0.8).keys() == {"C", "D"}


def test_tokens_join_to_the_text_and_carry_the_chances_on_the_letter() -> None:
    text = '{"_think": "`A` or `B`", "key": "`B`"}'
    tokens = vote_tokens(text, "`B`", {"A": 0.25, "B": 0.75})
    assert "".join(token for token, _ in tokens) == text
    carrying = [(token, alternatives) for token, alternatives in tokens if len(alternatives) > 1]
    assert carrying == [("B", [("B", math.log(0.75)), ("A", math.log(0.25))])]
