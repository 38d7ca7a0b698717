"""A snapshot survives its file, and only its own file is taken."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from turnout.base.money import Pico
from turnout.base.secrets import Secret
from turnout.catalog.build import merge
from turnout.catalog.declared import DeclaredModel
from turnout.catalog.known import Known
from turnout.catalog.rows import Row
from turnout.catalog.snapshot_file import fingerprint, load, save
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.provider import Provider
from turnout.domain.usage import Pricing

PROVIDERS = {"openai": Provider(slug="openai", name="OpenAI", credential=Secret("sk-very-secret"), usable=True)}


def snapshot() -> CatalogSnapshot:
    rows = [
        Row(source="t", provider="openai", upstream_model=name, pricing=Pricing(prompt=Pico(7)), without=without)
        for name, without in (("gpt-5", None), ("gpt-y", ("tools",)), ("gpt-z-20260101", ("tools",)))
    ]
    ended = Model(id="openai/gpt-1", canonical_slug="openai/gpt-1", name="GPT-1", expiration_date="2020-01-01")
    return merge(rows, (), PROVIDERS, built=5.0, generation=3, known=Known(retired=(ended,))).snapshot


def mark(declared: Sequence[DeclaredModel] = (), providers: dict[str, Provider] = PROVIDERS, day: str = "d") -> str:
    return fingerprint(["package 1"], declared, providers, day)


def test_what_is_saved_is_loaded_with_the_providers_of_memory(tmp_path: Path) -> None:
    save(snapshot(), tmp_path / "new" / "catalog", mark())

    loaded = load(tmp_path / "new" / "catalog", mark(), PROVIDERS)
    assert loaded == snapshot()
    assert loaded is not None
    assert list(loaded.unlisted) == ["openai/gpt-1"]
    assert loaded.latest == loaded.latest_callable == {"~openai/gpt-latest": "openai/gpt-5"}


def test_no_credential_reaches_the_disk(tmp_path: Path) -> None:
    save(snapshot(), tmp_path / "catalog", mark())

    assert b"very-secret" not in (tmp_path / "catalog").read_bytes()


def test_nothing_but_the_file_is_left_behind(tmp_path: Path) -> None:
    for _ in range(2):
        save(snapshot(), tmp_path / "catalog", mark())

    assert [path.name for path in tmp_path.iterdir()] == ["catalog"]


def test_a_file_made_of_other_things_is_not_taken(tmp_path: Path) -> None:
    save(snapshot(), tmp_path / "catalog", mark())

    assert load(tmp_path / "catalog", mark(day="e"), PROVIDERS) is None


def test_a_missing_or_broken_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "catalog"
    assert load(path, mark(), PROVIDERS) is None
    save(snapshot(), path, mark())
    whole = path.read_bytes()
    for broken in (b"", b"\xc1", whole[:-1], whole[: len(whole) // 2], msgspec.msgpack.encode([1, mark()])):
        path.write_bytes(broken)
        assert load(path, mark(), PROVIDERS) is None


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog"
    save(snapshot(), path, mark())

    def full(_descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        save(snapshot(), path, "other")
    assert load(path, mark(), PROVIDERS) is not None
    assert len(list(tmp_path.iterdir())) == 1


def test_the_fingerprint_follows_whatever_changes_the_catalog_but_not_the_credential() -> None:
    openai = PROVIDERS["openai"]
    replace = msgspec.structs.replace
    marks = {
        mark(),
        mark([DeclaredModel(id="a/b")]),
        mark(providers={}),
        mark(providers={"openai": replace(openai, usable=False)}),
        mark(day="other"),
        fingerprint(["package 2"], (), PROVIDERS, "d"),
    }

    assert len(marks) == 6
    assert mark(providers={"openai": replace(openai, credential=Secret("rotated"))}) == mark()
