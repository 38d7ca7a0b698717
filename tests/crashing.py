"""Loaded into a gateway by its interpreter: the process kills itself before or after a write in money's way.

``install`` is called by a ``sitecustomize`` module that the test makes. While the file that ``TURNOUT_CRASH_ARMED``
names exists, each write is a point, named by file, function, line and side; ``TURNOUT_CRASH_AT`` is the point to die
at, and ``TURNOUT_CRASH_LOG`` takes the names of all points that are passed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["install"]

_PARTS = ("/turnout/ledger/", "/turnout/net/outbox", "/turnout/engine/relay", "/turnout/stores/")


class _Points:
    def __init__(self) -> None:
        self._armed = os.environ["TURNOUT_CRASH_ARMED"]
        self._at = os.environ.get("TURNOUT_CRASH_AT", "")
        self._log = os.environ.get("TURNOUT_CRASH_LOG", "")
        self._seen: set[str] = set()

    def passed(self, side: str, kind: str, work: str = "") -> None:
        name = f"{kind}|{work}{_place()}|{side}"
        if name in self._seen or not os.path.exists(self._armed):  # noqa: PTH110 - patched functions must stay out
            return
        if name == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._seen.add(name)
        if self._log:
            with open(self._log, "a", encoding="utf-8") as log:  # noqa: PTH123 - the same
                log.write(name + "\n")


def _place() -> str:
    """Whose write it is: the nearest frame in money's way."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if any(part in code.co_filename for part in _PARTS):
            return f"{code.co_filename.rpartition('/turnout/')[2]}:{code.co_name}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


class _Cells:
    """Memory that tells of each write."""

    def __init__(self, cells: memoryview, points: _Points) -> None:
        self._cells = cells
        self._points = points

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - a place or a slice
        return self._cells[place]

    def __setitem__(self, place: int, value: int) -> None:
        self._points.passed("before", "cell")
        self._cells[place] = value
        self._points.passed("after", "cell")


def _told(points: _Points, kind: str, work: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as what is wrapped
        operation = getattr(arguments[-1], "__qualname__", "") if kind == "transaction" else ""
        points.passed("before", kind, operation)
        done = work(*arguments, **named)
        points.passed("after", kind, operation)
        return done

    return wrapped


def install() -> None:
    """Wrap every write."""
    from turnout.ledger import journal, purse, writer  # noqa: PLC0415 - only where points are wanted
    from turnout.net import outbox  # noqa: PLC0415 - the same
    from turnout.stores import sqlite_lane  # noqa: PLC0415 - the same

    points = _Points()

    class _OS:
        """The ``os`` of the ledger."""

        write = staticmethod(_told(points, "write", os.write))
        open = staticmethod(_told(points, "open", os.open))

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - anything of os
            return getattr(os, name)

    own = _OS()
    for module in (journal, writer):
        vars(module)["os"] = own
    begin = purse.Purse.__init__

    def begun(self: Any, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - a purse
        begin(self, *arguments, **named)
        self._cells = _Cells(self._cells, points)
        self._used = _Cells(self._used, points)

    purse.Purse.__init__ = begun  # type: ignore[method-assign]
    sqlite_lane.Lane.transact = _told(points, "transaction", sqlite_lane.Lane.transact)  # type: ignore[method-assign]
    flush = outbox.Outbox.flush

    class _Transport:
        def __init__(self, transport: Any) -> None:  # noqa: ANN401 - a transport
            self._transport = transport

        def is_closing(self) -> bool:
            return bool(self._transport.is_closing())

        def write(self, data: bytes) -> None:
            points.passed("before", "wire")
            self._transport.write(data)
            points.passed("after", "wire")

    def flushed(self: Any) -> None:  # noqa: ANN401 - an outbox
        self._waiting = [(_Transport(transport), data) for transport, data in self._waiting]
        flush(self)

    outbox.Outbox.flush = flushed  # type: ignore[method-assign]
