from __future__ import annotations

import os
import time
from pathlib import Path

from turnout.app.metrics import TallyFiles
from turnout.observe.tally import Tally, new_tally


def a_tally(answered: int, open_requests: int = 0) -> Tally:
    tally = new_tally()
    tally.open_requests = open_requests
    tally.provider("acme").answered = answered
    return tally


def test_whoever_is_asked_adds_up_all_workers(tmp_path: Path) -> None:
    workers = [TallyFiles(tmp_path / "metrics", str(number), a_tally(number, 1)) for number in (1, 2, 4)]
    for worker in workers:
        worker.write()
    for worker in workers:
        total = worker.total()
        assert (total.provider("acme").answered, total.open_requests) == (7, 3)


def test_what_is_not_written_yet_counts_for_the_one_who_knows(tmp_path: Path) -> None:
    own = a_tally(1)
    files = TallyFiles(tmp_path, "1", own)
    files.write()
    own.provider("acme").answered = 5
    assert files.total().provider("acme").answered == 5
    assert TallyFiles(tmp_path, "2", new_tally()).total().provider("acme").answered == 1


def test_a_worker_that_is_gone_has_counted_but_has_nothing_open(tmp_path: Path) -> None:
    TallyFiles(tmp_path, "gone", a_tally(3, 9)).write()
    hour_ago = time.time() - 3600
    os.utime(tmp_path / "gone.tally", (hour_ago, hour_ago))
    total = TallyFiles(tmp_path, "here", a_tally(1, 1)).total()
    assert (total.provider("acme").answered, total.open_requests) == (4, 1)


def test_a_broken_file_is_left_out(tmp_path: Path) -> None:
    for name, content in (("a", b""), ("b", b"\xc1"), ("c", b"\x80"), ("d", b'{"json":1}')):
        (tmp_path / f"{name}.tally").write_bytes(content)
    assert TallyFiles(tmp_path, "here", a_tally(1)).total().provider("acme").answered == 1


def test_buckets_of_another_version_do_not_stop_the_metrics(tmp_path: Path) -> None:
    older = a_tally(3)
    older.provider("acme").duration.bounds = (1.0,)
    older.provider("acme").duration.counts = [2, 1]
    TallyFiles(tmp_path, "older", older).write()
    total = TallyFiles(tmp_path, "here", a_tally(1)).total()
    assert total.provider("acme").answered == 4


def test_a_directory_that_cannot_be_written_does_not_stop_the_service(tmp_path: Path) -> None:
    files = TallyFiles(tmp_path / "metrics", "1", a_tally(1))
    (tmp_path / "metrics").rmdir()
    files.write()
    assert files.total().provider("acme").answered == 1
