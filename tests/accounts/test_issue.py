from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from turnout.accounts.first_start import FIRST_ACCOUNT
from turnout.accounts.issue import find_key, issue_key
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, NotFound
from turnout.base.ids import digest_of_key
from turnout.domain.account import Key
from turnout.stores.sqlite import SQLiteStore

_CLOCK = Clock(lambda: 1000.0, lambda: 0.0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "store.sqlite", _CLOCK)
    await opened.open()
    yield opened
    await opened.close()


def _key(name: str, key_hash: str) -> Key:
    return Key(hash=key_hash, account_id=FIRST_ACCOUNT, name=name, label=f"label-{name}")


async def test_an_issued_key_is_found_by_its_secret_even_before_the_first_start(store: SQLiteStore) -> None:
    secret, key = await issue_key(store, "ann", _CLOCK, expires=2000.0)
    assert await store.keys() == [key]
    assert (key.hash, key.created, key.expires) == (digest_of_key(secret.reveal()), 1000.0, 2000.0)
    assert find_key([key], secret.reveal()) is key


def test_a_name_wins_over_the_beginning_of_a_hash() -> None:
    named, other = _key("abcdef", "1" * 64), _key("b", "abcdef" + "0" * 58)
    assert find_key([other, named], "abcdef") is named
    assert find_key([other, named], "ABCDEF0") is other


def test_a_beginning_of_a_hash_has_at_least_six_digits() -> None:
    with pytest.raises(NotFound):
        find_key([_key("a", "1" * 64)], "11111")


def test_a_name_that_two_keys_have_is_refused() -> None:
    with pytest.raises(BadRequest, match="by its hash"):
        find_key([_key("a", "1" * 64), _key("a", "2" * 64)], "a")
