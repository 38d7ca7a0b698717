"""The journal: what was accepted and what was sent, one JSON line each, for tests to compare with.

Lines, told apart by ``t``; ``n`` numbers the requests of one server from 1:

* ``request``: when a whole request was accepted. ``at`` is wall-clock seconds, ``authorization`` the SHA-256 of the
  bearer token or null, ``body_sha256`` that of the body.
* ``left``: the client went away before the end; ``after_ms`` counts from the acceptance.
* ``end``: exactly once per request. ``sent`` and ``sha256`` describe the bytes of the body (before chunked framing,
  after compression) that were handed to the kernel or its waiting line. ``outcome`` is ``complete``, ``client_left``,
  ``reset``, ``stalled``, ``hung``, ``closed`` (cut short on purpose), ``shutdown``, or ``broken`` (a bug of ours).

The ``end`` of a complete answer is written before its last byte, so whoever has read the answer finds the line.
"""

import os
import time
from collections import deque
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["Exchange", "Journal"]

Entry = dict[str, object]
_KEPT: Final = 10_000
_KEPT_ANSWER: Final = 1 << 20


class Journal:
    """Appends lines to a file, keeps the last ones in memory, or both. Call ``close`` at the end."""

    def __init__(self, path: Path | None = None, *, bodies: bool = False, keep: bool = False) -> None:
        """Open *path* for appending. With *bodies* the lines hold request and answer bodies too (the first MiB)."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._descriptor = None if path is None else os.open(path, flags, 0o600)
        self._requests = 0
        self.bodies = bodies
        self.entries: deque[Entry] | None = deque(maxlen=_KEPT) if keep else None

    def accept(self, *, path: str, model: str | None, stream: bool, bearer: bytes | None, body: bytes) -> "Exchange":
        """Note an accepted request; the exchange notes its end."""
        self._requests += 1
        entry: Entry = {
            "t": "request",
            "n": self._requests,
            "at": time.time(),
            "path": path,
            "model": model,
            "stream": stream,
            "authorization": None if bearer is None else sha256(bearer).hexdigest(),
            "body_sha256": sha256(body).hexdigest(),
        }
        if self.bodies:
            entry["body"] = body.decode("utf-8", "backslashreplace")
        self.append(entry)
        return Exchange(self, self._requests)

    def append(self, entry: Entry) -> None:
        """Write *entry* as one line with one system call."""
        if self.entries is not None:
            self.entries.append(entry)
        if self._descriptor is not None:
            os.write(self._descriptor, msgspec.json.encode(entry) + b"\n")

    def close(self) -> None:
        """Close the file; later entries go to memory only."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Exchange:
    """One request and the bytes sent in answer to it."""

    def __init__(self, journal: Journal, number: int) -> None:
        """Begin counting for request *number*."""
        self.number = number
        self.planned = "client_left"
        """Outcome to note if the client leaves: a server that meant to be silent was left as planned."""
        self._journal = journal
        self._accepted = time.monotonic()
        self._sent = 0
        self._hash = sha256()
        self._answer: list[bytes] = []
        self._ended = False

    def sent(self, body: bytes) -> None:
        """Count *body* as sent."""
        self._sent += len(body)
        self._hash.update(body)
        if self._journal.bodies and self._sent <= _KEPT_ANSWER:
            self._answer.append(body)

    def left(self) -> None:
        """The client is gone; does nothing after the end."""
        if self._ended:
            return
        after = round((time.monotonic() - self._accepted) * 1000, 1)
        self._journal.append({"t": "left", "n": self.number, "after_ms": after})
        self.end(self.planned)

    def end(self, outcome: str) -> None:
        """Note the end; only the first call counts."""
        if self._ended:
            return
        self._ended = True
        entry: Entry = {
            "t": "end",
            "n": self.number,
            "sent": self._sent,
            "sha256": self._hash.hexdigest(),
            "outcome": outcome,
        }
        if self._journal.bodies:
            entry["answer"] = b"".join(self._answer).decode("utf-8", "backslashreplace")
        self._journal.append(entry)
