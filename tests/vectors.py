"""Published ids, votes, weights and shapes of Query LLMs."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

__all__ = ["vectors"]


@cache
def _read(path: Path) -> Any:  # noqa: ANN401 - JSON
    return json.loads(path.read_text(encoding="utf-8"))


def vectors() -> Any:  # noqa: ANN401 - JSON
    """The vectors by group; skips the test where they are not at hand."""
    folder = os.environ.get("TURNOUT_TEST_DATA")
    path = Path(folder or ".") / "spec" / "query-llm-vectors.json"
    if folder is None or not path.exists():
        pytest.skip("TURNOUT_TEST_DATA has no vectors of Query LLMs")
    return _read(path)
