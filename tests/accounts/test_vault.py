from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.accounts.vault import MasterKeys, NoMasterKey, Vault
from turnout.base.secrets import Secret

_PLACE = b"id|ann"
_HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)


def a_vault(folder: Path) -> Vault:
    keys = MasterKeys(folder / "deep" / "master-keys")
    keys.make()
    return Vault(keys)


@given(st.text(min_size=1), _HEX)
def test_what_is_sealed_opens_again_and_holds_nothing_of_the_text(text: str, key: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    vault = Vault(MasterKeys(Path("none"), Secret(key)))
    sealed = vault.seal(Secret(text), _PLACE)
    assert vault.open(sealed, _PLACE).reveal() == text
    assert vault.seal(Secret(text), _PLACE) != sealed
    if len(text.encode()) > 4:
        assert text.encode() not in sealed


def test_a_sealed_text_opens_nowhere_else_and_not_when_a_bit_is_changed(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    sealed = vault.seal(Secret("sk-1"), _PLACE)
    with pytest.raises(NoMasterKey):
        vault.open(sealed, b"id|bob")
    for place in range(len(sealed)):
        with pytest.raises(NoMasterKey):
            vault.open(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :], _PLACE)
    for length in range(0, len(sealed), 7):
        with pytest.raises(NoMasterKey):
            vault.open(sealed[:length], _PLACE)


def test_the_first_key_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    before = vault.keys.path.read_text()
    vault.keys.make()
    assert vault.keys.path.read_text() == before
    assert stat.S_IMODE(vault.keys.path.stat().st_mode) == 0o600
    assert [path.name for path in vault.keys.path.parent.iterdir()] == ["master-keys"]


def test_after_a_rotation_old_and_new_open_and_the_key_before_goes_with_the_next_one(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    first = vault.seal(Secret("sk-1"), _PLACE)
    vault.keys.rotate()
    assert vault.open(first, _PLACE).reveal() == "sk-1"
    second = vault.reseal(first, _PLACE)
    vault.keys.rotate()
    assert vault.open(second, _PLACE).reveal() == "sk-1"
    with pytest.raises(NoMasterKey, match="is not here"):
        vault.open(first, _PLACE)
    assert stat.S_IMODE(vault.keys.path.stat().st_mode) == 0o600


def test_configured_keys_win_over_the_file_and_the_first_one_seals(tmp_path: Path) -> None:
    (tmp_path / "master-keys").write_text("ab" * 32)
    old, new = "12" * 32, "34" * 32
    before = Vault(MasterKeys(tmp_path / "master-keys", Secret(old)))
    sealed = before.seal(Secret("sk-1"), _PLACE)
    both = Vault(MasterKeys(tmp_path / "master-keys", Secret(f"{new}, {old}")))
    resealed = both.reseal(sealed, _PLACE)
    alone = Vault(MasterKeys(tmp_path / "master-keys", Secret(new)))
    assert alone.open(resealed, _PLACE).reveal() == "sk-1"
    with pytest.raises(NoMasterKey):
        alone.open(sealed, _PLACE)
    with pytest.raises(ValueError, match="configuration"):
        both.keys.rotate()


@pytest.mark.parametrize("text", ["", "12" * 31, "zz" * 32, "12" * 32 + "\nx"])
def test_a_file_without_sound_keys_seals_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "master-keys").write_text(text)
    vault = Vault(MasterKeys(tmp_path / "master-keys"))
    with pytest.raises(NoMasterKey):
        vault.seal(Secret("sk-1"), _PLACE)
