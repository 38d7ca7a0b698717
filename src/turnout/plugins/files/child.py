"""The process that parses files: a fresh interpreter with limits of its own, fed through its standard input."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from turnout.plugins.files.documents import read_document
from turnout.plugins.files.limits import Limits, Unreadable

__all__ = ["main"]

_HEAVY = 160 * 2**20
"""A process that stays so large says that this was its last file."""
_TOO_MUCH = "reading it takes too much memory"
_MIB = 2**20


def main() -> None:
    """Say a byte when all is ready, then read files until there are no more: each is a line of JSON and the bytes that
    it announces; each answer is its length in eight bytes, and JSON.
    """
    os.nice(10)  # whoever streams comes first
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # parsers may print
    os.dup2(nowhere, 2)
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):  # it writes no files
        resource.setrlimit(kind, (0, 0))
    answers.write(b"+")
    answers.flush()
    while line := sys.stdin.buffer.readline():
        found = _answer(json.loads(line), sys.stdin.buffer)
        answer = json.dumps(found | {"last": _resident() > _HEAVY}).encode()
        answers.write(len(answer).to_bytes(8, "big") + answer)
        answers.flush()


def _answer(order: dict[str, int | str], source: BinaryIO) -> dict[str, object]:
    most = int(order["megabytes"]) * _MIB
    signal.alarm(int(order["seconds"]) + 2)  # should whoever waits for it be dead
    _allow(most)
    try:
        content = source.read(int(order["size"]))
        limits = Limits(int(order["pages"]), int(order["characters"]), words=bool(order["words"]))
        return asdict(read_document(content, str(order["media_type"]), limits))
    except Unreadable as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"refused": _TOO_MUCH}
    except RecursionError:
        return {"refused": "it is nested too deeply"}
    except Exception as error:  # noqa: BLE001 - a parser that stumbles over a file must not end the process
        return {"refused": f"the reader stumbles over it ({type(error).__name__})"}
    finally:
        _allow(None)
        signal.alarm(0)


def _allow(most: int | None) -> None:
    """Limit the memory of this process, or let it have what the system gives."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = hard if most is None or (hard != resource.RLIM_INFINITY and hard < most) else most
    with suppress(OSError, ValueError):  # not every system has such a limit; the time is limited in any case
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _resident() -> int:
    """Bytes of memory that this process has; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main()
