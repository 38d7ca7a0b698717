from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from turnout.base.clock import Clock
from turnout.shared import regions as regions_module
from turnout.shared.regions import PAGE, MappedRegions, PrivateRegion

SIZE = 2 * PAGE
LAYOUT = b"test 1"

HOLD = """
import sys
from pathlib import Path
from turnout.shared.regions import MappedRegions
regions = MappedRegions(Path(sys.argv[1]), int(sys.argv[2]), b"test 1")
regions.own[100] = int(sys.argv[3])
print(regions.epoch, flush=True)
sys.stdin.read()
"""


class Holder:
    """Another process that holds a region, and has written *mark* into it."""

    def __init__(self, path: Path, mark: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", HOLD, str(path), str(SIZE), str(mark)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.epoch = float(self._process.stdout.readline())

    def end(self, *, kill: bool = False) -> None:
        if kill:
            self._process.kill()
        self._process.communicate()


def _stopped(wall: float, monotonic: float) -> Clock:
    return Clock(lambda: wall, lambda: monotonic)


def test_each_process_has_a_region_of_its_own_and_reads_the_others(tmp_path: Path) -> None:
    path = tmp_path / "file"
    holders = [Holder(path, mark) for mark in (7, 8)]
    regions = MappedRegions(path, SIZE, LAYOUT)
    assert [region[100] for region in regions.others()] == [7, 8]
    assert regions.own[100] == 0
    assert {holder.epoch for holder in holders} == {regions.epoch}
    assert len(regions.own) == SIZE
    regions.close()
    for holder in holders:
        holder.end()


@pytest.mark.parametrize("kill", [False, True], ids=["ended", "killed"])
def test_a_region_whose_holder_is_gone_is_taken_over_with_what_stands_in_it(
    tmp_path: Path,
    kill: bool,  # noqa: FBT001 - a column
) -> None:
    path = tmp_path / "file"
    first, second = Holder(path, 7), Holder(path, 8)
    first.end(kill=kill)
    regions = MappedRegions(path, SIZE, LAYOUT)
    assert regions.own[100] == 7
    assert [region[100] for region in regions.others()] == [8]
    second.end()
    assert [region[100] for region in regions.others()] == [8]
    regions.close()


def test_regions_that_come_later_are_seen_and_keep_their_places(tmp_path: Path) -> None:
    path = tmp_path / "file"
    regions = MappedRegions(path, SIZE, LAYOUT)
    assert regions.others() == []
    holders = [Holder(path, mark) for mark in (7, 8, 9)]
    assert [region[100] for region in regions.others()] == [7, 8, 9]
    for holder in holders:
        holder.end()
    regions.close()


def test_a_file_of_another_layout_is_put_aside_and_its_readers_are_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    holder = Holder(path, 7)
    regions = MappedRegions(path, SIZE, b"test 2")
    assert regions.own[100] == 0
    assert regions.others() == []
    assert (tmp_path / "file.old").stat().st_size == PAGE + SIZE
    holder.end()
    regions.close()


def test_a_file_that_is_no_such_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"junk")
    regions = MappedRegions(path, SIZE, LAYOUT)
    assert bytes(regions.own[:200]) == bytes(200)
    regions.close()


def test_times_of_the_file_are_unix_time_after_a_boot_and_never_jump_within_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(regions_module, "_BOOT_ID", boot)
    epochs = []
    for name, wall, monotonic in (("one", 5e8, 100.0), ("one", 6e8, 200.0), ("two", 7e8, 50.0)):
        boot.write_text(name)
        regions = MappedRegions(tmp_path / "file", SIZE, LAYOUT, _stopped(wall, monotonic))
        epochs.append(regions.epoch)
        regions.close()
    assert epochs == [5e8 - 100, 5e8 - 100, 7e8 - 50]


def test_without_a_name_of_the_boot_the_clocks_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions_module, "_BOOT_ID", tmp_path / "none")
    epochs = []
    for wall in (5e8, 5e8 + 100, 5e8 + 8000):
        regions = MappedRegions(tmp_path / "file", SIZE, LAYOUT, _stopped(wall, 500.0))
        epochs.append(regions.epoch)
        regions.close()
    assert epochs == [5e8 - 500, 5e8 - 500, 5e8 + 7500]


def test_what_is_reserved_is_empty_and_what_a_full_disk_refuses_raises(tmp_path: Path) -> None:
    regions = MappedRegions(tmp_path / "file", SIZE, LAYOUT)
    regions.own[PAGE : PAGE + 4] = b"full"
    regions.reserve(PAGE, 64)
    assert bytes(regions.own[PAGE : PAGE + 64]) == bytes(64)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (PAGE, limit[1]))  # a write beyond it fails, as on a full disk
    try:
        with pytest.raises(OSError, match=r"."):
            regions.reserve(PAGE, 64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    regions.close()


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    MappedRegions(tmp_path / "folder" / "file", SIZE, LAYOUT).close()
    assert (tmp_path / "folder" / "file").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_made_is_an_error_and_leaves_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="file"):
        MappedRegions(tmp_path / "file", SIZE, LAYOUT)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_private_region_is_empty_and_alone() -> None:
    region = PrivateRegion(SIZE)
    region.own[0:4] = b"full"
    region.reserve(0, 4)
    assert bytes(region.own) == bytes(SIZE)
    assert region.others() == []
    region.close()
