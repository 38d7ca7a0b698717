from pathlib import Path

from turnout.catalog import events
from turnout.domain.catalog_event import CatalogEvent


def _event(number: int, text: str = "") -> CatalogEvent:
    return CatalogEvent(kind="new", model_id=f"acme/m{number}", at=float(number), text=text or f"m{number} is new")


def test_a_journal_that_is_not_there_has_no_events(tmp_path: Path) -> None:
    assert events.read(tmp_path / "none") == []


def test_events_come_back_newest_first_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "catalog" / "events.jsonl"
    events.append(path, [_event(1), _event(2)])
    events.append(path, [_event(3)])
    assert [event.at for event in events.read(path)] == [3.0, 2.0, 1.0]
    assert events.read(path, 2) == [_event(3), _event(2)]


def test_a_line_that_a_kill_cut_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events.append(path, [_event(1), _event(2)])
    path.write_bytes(path.read_bytes()[:-10])
    events.append(path, [_event(3)])
    assert [event.at for event in events.read(path)] == [3.0, 1.0]


def test_line_breaks_in_texts_stay_within_their_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    odd = _event(1, "one\ntwo\u2028three\x85four")
    events.append(path, [odd])
    assert events.read(path) == [odd]


def test_the_journal_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for number in range(12):
        events.append(path, [_event(number * 1000 + one, "x" * 1000) for one in range(1000)])
    assert path.stat().st_size < 6 * 2**20
    assert events.read(path, 1)[0].at == 11_999.0
