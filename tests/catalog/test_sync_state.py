from pathlib import Path

import pytest

from turnout.base.money import Pico
from turnout.catalog.quarantine import Hold
from turnout.catalog.rows import Row
from turnout.catalog.sync_fetch import Validators
from turnout.catalog.sync_state import Copy, SourceState, State, StateFolder
from turnout.domain.catalog import Model
from turnout.domain.usage import PriceOverride, Pricing

_PRICING = Pricing(prompt=Pico(5), overrides=(PriceOverride(prices={"prompt": Pico(7)}, min_prompt_tokens=9),))
_ROW = Row(source="a", provider="b", upstream_model="c", pricing=_PRICING, origins={"name": ("d", None)})


def test_a_copy_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    copy = Copy(source="acme /models", rows=(_ROW,), validators=Validators("e", "m"), details={"x": "y"})
    assert folder.copy(folder.keep(copy)) == copy


def test_the_state_comes_back_as_it_was_and_sweeps_what_it_does_not_name(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    kept, held, old = (folder.keep(Copy(source=source, rows=(_ROW,))) for source in ("s", "held", "old"))
    state = State(
        generation=3,
        synced=7.5,
        sources={"s": SourceState(file=kept, models=1, failure="why")},
        holds=(Hold(id="1", kind="source", source="held", at=1.0, text="t", file=held, old=_PRICING),),
        retired=(Model(id="a/b", canonical_slug="a/b", name="B"),),
        slugs={"a/b": "a/b"},
    )
    folder.save(state)
    assert folder.load() == state
    assert folder.copies(state).keys() == {"s"}
    assert folder.copy(held) is not None
    assert folder.copy(old) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 99}', b'{"sources": 7}', b"\xff" * 100])
def test_a_state_that_cannot_be_read_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    folder = StateFolder(tmp_path)
    folder.path.mkdir()
    folder.state_file.write_bytes(content)
    assert folder.load() == State()


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.keep(Copy(source="../../x /models", rows=()))
    assert [path.name[:6] for path in (tmp_path / "catalog" / "sources").iterdir()] == ["..-..-"]
    (tmp_path / "secret").write_bytes(b"x")
    assert folder.copy("../../secret") is None


def test_failures_do_not_make_another_catalog() -> None:
    state = State(sources={"s": SourceState(file="f", fetched=1.0)})
    failed = State(sources={"s": SourceState(file="f", fetched=1.0, failure="down")}, tried=9.0)
    assert state.mark == failed.mark
    assert State(sources={"s": SourceState(file="g")}).mark != state.mark
