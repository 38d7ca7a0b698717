from __future__ import annotations

import re
from itertools import pairwise
from random import Random

from turnout.base.ids import GenerationIds, digest_of_key, label_of_key, new_key, well_formed_key


def test_an_id_has_the_promised_form() -> None:
    made = GenerationIds(Random()).next(1790000000.9)
    assert re.fullmatch(r"gen-1790000000-[0-9A-Za-z]{20}", made)


def test_ids_of_one_process_are_all_different_and_sort_by_their_making() -> None:
    ids = GenerationIds(Random(1))
    ids._counter = 0
    made = [ids.next(1.0) for _ in range(10_000)]
    assert len(set(made)) == len(made)
    assert all(a < b for a, b in pairwise(made))


def test_ids_of_different_processes_do_not_meet() -> None:
    made = {GenerationIds(Random()).next(1.0) for _ in range(1_000)}
    assert len(made) == 1_000


def test_the_counter_starts_anew_after_its_last_number() -> None:
    ids = GenerationIds(Random(1))
    ids._counter = 16**8 - 2
    last, first = ids.next(1.0), ids.next(1.0)
    assert last.endswith("f" * 8)
    assert first.endswith("0" * 8)


def test_a_new_key_is_well_formed_and_never_the_same() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(well_formed_key(key) for key in keys)


def test_what_was_not_made_here_is_not_well_formed() -> None:
    key = new_key()
    for other in ("", key[:-1], key + "0", key.upper(), key.replace("to", "or"), " " + key, key[:-1] + "g", key + "\n"):
        assert not well_formed_key(other)


def test_a_label_shows_too_little_to_be_used() -> None:
    key = "sk-to-v1-" + "abcdef0123456789" * 4
    assert label_of_key(key) == "sk-to-v1-abc...789"


def test_a_digest_is_that_of_the_whole_secret() -> None:
    assert digest_of_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of_key("ä") != digest_of_key("a")
