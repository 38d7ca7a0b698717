"""Where things are, and what went wrong."""

from __future__ import annotations

from pathlib import Path

__all__ = ["BENCH", "BUILD", "BenchError"]

BENCH = Path(__file__).resolve().parent
BUILD = BENCH / ".build"


class BenchError(Exception):
    """The benchmark cannot go on; the message says why and what to do."""
