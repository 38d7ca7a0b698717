from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stored import generation_row
from turnout.base.clock import Clock
from turnout.base.money import MAX_PICO, Pico
from turnout.domain.account import AttemptRecord, Generation
from turnout.domain.usage import COUNTS, Pricing, Usage
from turnout.ledger.journal import BrokenLine, Journal, format_line, line_of, parse_line

FROZEN = Clock(lambda: 1790000000.0, lambda: 0.0)
GENERATION = Generation(
    id="gen-1-abc",
    account_id="default",
    key_hash="f" * 64,
    created=1790000000.25,
    api="chat",
    requested_model="acme/tiny",
    outcome="answered",
)

counts = st.integers(0, 10**9)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
counted = dict.fromkeys(COUNTS, counts)
billed = st.none() | st.builds(Usage, **counted)
usages = st.builds(Usage, estimated=st.booleans(), billed=billed, **counted)
money = st.integers(0, MAX_PICO).map(Pico)
times = st.floats(0, 1e9)
attempts = st.builds(
    AttemptRecord, endpoint_id=texts, model=texts, provider=texts, provider_name=texts, outcome=st.just("failed"),
    started_ms=times, first_byte_ms=st.none() | times, ended_ms=times, status=st.none() | st.integers(100, 599),
    usage=usages, cost=money,
)  # fmt: skip
generations = st.builds(
    Generation, id=texts, account_id=texts, key_hash=texts, created=times, api=texts, requested_model=texts,
    outcome=st.sampled_from(["answered", "failed", "cancelled"]), usage=usages, cost=money,
    budgets=st.lists(texts, max_size=3).map(tuple),
    pricing=st.builds(Pricing, money, money, image=st.none() | money), title=st.none() | texts, user=st.none() | texts,
    latency_ms=st.none() | times, earlier=st.lists(attempts, max_size=3).map(tuple),
)  # fmt: skip


def lines_of(directory: Path) -> list[bytes]:
    return [line for path in sorted(directory.glob("*.journal")) for line in path.read_bytes().split(b"\n") if line]


@given(generations)
def test_a_line_gives_back_what_was_put_into_it_to_the_last_digit(generation: Generation) -> None:
    line = format_line(generation)
    assert line.count(b"\n") == 1
    row = parse_line(line)
    assert row == parse_line(line[:-1]) == generation_row(generation)
    assert msgspec.json.decode(row.record, type=Generation) == generation


@given(generations, st.data())
def test_no_part_of_a_line_passes_for_a_whole_one(generation: Generation, data: st.DataObject) -> None:
    line = format_line(generation)[:-1]
    with pytest.raises(BrokenLine):
        parse_line(line[: data.draw(st.integers(0, len(line) - 1))])


@given(generations, st.data())
def test_a_flipped_bit_is_noticed(generation: Generation, data: st.DataObject) -> None:
    line = bytearray(format_line(generation)[:-1])
    line[data.draw(st.integers(0, len(line) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BrokenLine):
        parse_line(bytes(line))


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b'{"id":"a"}', b"\xff", b"[" * 100_000])
def test_a_whole_line_that_is_no_generation_is_refused(payload: bytes) -> None:
    with pytest.raises(BrokenLine):
        parse_line(line_of(payload))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(line: bytes) -> None:
    with pytest.raises(BrokenLine):
        parse_line(line)


def test_a_generation_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journals", "worker-0")
    journal.append(GENERATION)
    assert [parse_line(line) for line in lines_of(tmp_path / "journals")] == [generation_row(GENERATION)]
    journal.close()


def test_only_the_owner_may_read_a_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journals", "worker-0")
    [path] = (tmp_path / "journals").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    journal.close()


def test_a_journal_names_its_process_and_is_locked_while_that_lives(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "worker-0", clock=FROZEN)
    [path] = tmp_path.iterdir()
    assert path.name.startswith(f"worker-0-{os.getpid()}-1790000000")
    with path.open("rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    journal.close()
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_a_full_file_is_let_go_and_a_new_one_begun(tmp_path: Path) -> None:
    size = len(format_line(GENERATION))
    journal = Journal(tmp_path, "worker-0", max_bytes=3 * size, clock=FROZEN)
    for _ in range(7):
        journal.append(GENERATION)
    files = sorted(tmp_path.glob("*.journal"))
    assert [file.stat().st_size // size for file in files] == [3, 3, 1]
    for file in files[:2]:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    journal.close()


def test_two_journals_of_one_moment_have_files_of_their_own(tmp_path: Path) -> None:
    journals = [Journal(tmp_path, name, clock=FROZEN) for name in ("worker-0", "worker-1")]
    assert len(list(tmp_path.glob("*.journal"))) == 2
    for journal in journals:
        journal.close()


def limited_disk(monkeypatch: pytest.MonkeyPatch, room: int) -> Callable[[int], None]:
    """A disk with *room* bytes; the function returned gives it more."""
    write = os.write
    left = room

    def limited(descriptor: int, content: bytes) -> int:
        nonlocal left
        if left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(descriptor, content[:left])
        left -= written
        return written

    def add(more: int) -> None:
        nonlocal left
        left += more

    monkeypatch.setattr("turnout.ledger.journal.os.write", limited)
    return add


@pytest.mark.parametrize("room", [0, 1, 100, 170, 400])
def test_what_a_full_disk_refuses_is_written_later_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    add_room = limited_disk(monkeypatch, room)
    journal = Journal(tmp_path, "worker-0")
    records = [replace(GENERATION, id=f"gen-1-{number}") for number in range(5)]
    for record in records:
        journal.append(record)
    states = [journal.failing, journal.flush()]
    add_room(10**6)
    states += [journal.flush(), journal.failing]
    assert states == [True, False, True, False]
    assert journal.dropped == 0
    whole = []
    for line in lines_of(tmp_path):
        try:
            whole.append(parse_line(line))
        except BrokenLine:
            assert room
    assert whole == [generation_row(record) for record in records]
    journal.close()


def test_the_next_append_after_a_full_disk_writes_what_waited_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_room = limited_disk(monkeypatch, 0)
    journal = Journal(tmp_path, "worker-0")
    journal.append(replace(GENERATION, id="first"))
    add_room(10**6)
    journal.append(replace(GENERATION, id="second"))
    assert not journal.failing
    assert [parse_line(line).id for line in lines_of(tmp_path)] == ["first", "second"]
    journal.close()


def test_memory_stays_bounded_while_a_disk_is_full_and_losses_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.ledger.journal._MAX_WAITING", 3)
    limited_disk(monkeypatch, 0)
    journal = Journal(tmp_path, "worker-0")
    for _ in range(5):
        journal.append(GENERATION)
    assert journal.failing
    assert journal.dropped == 2
    journal.close()


def test_a_file_that_cannot_be_replaced_serves_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, "worker-0", max_bytes=1)

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("turnout.ledger.journal.os.open", refuse)
        journal.append(GENERATION)
        journal.append(GENERATION)
    assert not journal.failing
    assert len(lines_of(tmp_path)) == 2
    journal.close()
