"""Provenance lies in a file of its own and is read for one model at a time."""

from pathlib import Path

import pytest

from turnout.catalog.provenance import ModelProvenance, load_provenance, save_provenance

FOUND = {
    "a/x": ModelProvenance({"name": ("models.dev", "2026-11-20")}, {"a/x|p|p": {"pricing": ("operator", None)}}),
    "a/y": ModelProvenance({}, {}),
}


def test_what_is_saved_is_found_model_by_model(tmp_path: Path) -> None:
    save_provenance(FOUND, tmp_path / "p", "mark")

    assert {model_id: load_provenance(tmp_path / "p", model_id, "mark") for model_id in FOUND} == FOUND
    assert load_provenance(tmp_path / "p", "a/x") == FOUND["a/x"]


def test_an_unknown_model_another_snapshot_and_no_file_have_none(tmp_path: Path) -> None:
    save_provenance(FOUND, tmp_path / "p", "mark")

    assert load_provenance(tmp_path / "p", "a/z", "mark") is None
    assert load_provenance(tmp_path / "p", "a/x", "other") is None
    assert load_provenance(tmp_path / "q", "a/x", "mark") is None


@pytest.mark.parametrize("content", [b"", b"\xc1", b"[]", b"\x93\x02\xa1m\x80"])
def test_a_broken_file_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)

    assert load_provenance(tmp_path / "p", "a/x") is None
