"""Files that are there whole or not at all."""

import os
import time
from pathlib import Path

from turnout.catalog.whole_file import write_whole


def test_a_file_is_replaced_as_a_whole_and_its_directory_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.json"
    for content in (b"one", b"two"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert [one.name for one in path.parent.iterdir()] == ["state.json"]


def test_what_a_killed_writer_left_goes_once_nobody_can_be_writing_it(tmp_path: Path) -> None:
    old, fresh, other = (tmp_path / name for name in (".state.json-aaaa", ".state.json-bbbb", ".other.json-cccc"))
    for path in (old, fresh, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (time.time() - 7_200,) * 2)

    write_whole(tmp_path / "state.json", b"whole")

    assert sorted(one.name for one in tmp_path.iterdir()) == [other.name, fresh.name, "state.json"]
