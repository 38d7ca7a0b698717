"""The command line as a process of its own, with an environment and a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["turnout"]

_SECONDS = 200.0
_INHERITED = ("PATH", "PYTHONPATH", "LANG")


def turnout(
    directory: Path, *arguments: str, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """What ``turnout ARGUMENTS`` does in *directory*."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return subprocess.run(  # noqa: S603 - the program under test
        [sys.executable, "-m", "turnout", *arguments],
        cwd=directory,
        env={**inherited, "HOME": str(directory), **(environment or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
