"""How many client connections the operating system's limit of open files leaves room for."""

from __future__ import annotations

import resource
from contextlib import suppress

__all__ = ["room_for_connections"]

_OWN = 64
"""Descriptors for everything that is no connection: the store, journals, logs, the event loop."""


def room_for_connections(wanted: int) -> int:
    """At most *wanted* connections of clients, as each may need one to a provider too; at least one.

    Takes all descriptors that this process may have. Running out of them would leave callers unanswered, and the
    event loop busy with asking again; below the limit, whoever is too many reads a 503.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems name a limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (most - _OWN) // 2))
