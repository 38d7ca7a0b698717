"""Codex, a coding agent from npm, does a task with two tools through the gateway; its model is a script."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, model_tables, provider_table
from listening import listening

pytestmark = pytest.mark.slow

_PACKAGE = "@openai/codex@0.169.0"
_MODEL = "openai/gpt-5.5"
"""A name that the agent knows: for others it has no tool that takes plain text."""
_CONFIG = """
model = "{model}"
model_provider = "turnout"
[model_providers.turnout]
name = "Turnout"
base_url = "{url}/api/v1"
env_key = "TURNOUT_API_KEY"
wire_api = "responses"
"""
_PATCH = "*** Begin Patch\n*** Add File: second.txt\n+two\n*** End Patch\n"
_STEPS: list[dict[str, Any]] = [
    {"name": "exec_command", "arguments": json.dumps({"cmd": "echo one > first.txt"})},
    {"name": "apply_patch", "arguments": json.dumps({"input": _PATCH})},
]


@pytest.fixture(scope="module")
def codex() -> Path:
    """The agent's command, installed by npm into a cache of the user's."""
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "turnout-tests" / _PACKAGE.partition("/")[2]
    )
    command = cache / "node_modules" / ".bin" / "codex"
    if not command.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("there is no npm")
        install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(cache), _PACKAGE]
        done = subprocess.run(install, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603 - a fixed command
        if done.returncode:
            pytest.skip(f"npm cannot install {_PACKAGE}")
    return command


@contextmanager
def _script(seen: list[Any]) -> Iterator[str]:
    """A provider of the chat dialect that calls one tool after the other, and then says that it is done."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append(asked)
            results = sum(message["role"] == "tool" for message in asked["messages"])
            delta: dict[str, Any] = {"content": "Both files are there."}
            if results < len(_STEPS):
                delta = {
                    "tool_calls": [{"index": 0, "id": f"c{results}", "type": "function", "function": _STEPS[results]}]
                }
            chunks = [
                {"choices": [{"index": 0, "delta": delta}]},
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            ]
            body = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(body.encode())

    with listening(Handler) as url:
        yield f"{url}/v1"


def test_a_task_with_two_tools_is_completed(codex: Path, tmp_path: Path) -> None:
    seen: list[Any] = []
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    with _script(seen) as url:
        toml = "[catalog]\nbundled = false\n" + provider_table("scripted", url)
        with Gateway(tmp_path, toml + model_tables(_MODEL, [("scripted", "coder", "{}")])) as gateway:
            (home / "config.toml").write_text(_CONFIG.format(model=_MODEL, url=gateway.url))
            command = [
                str(codex),
                "exec",
                "--json",
                "--skip-git-repo-check",
                "--dangerously-bypass-approvals-and-sandbox",
            ]
            done = subprocess.run(  # noqa: S603 - a fixed command
                [*command, "-C", str(work), "Make two files."],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(home),
                    "CODEX_HOME": str(home),
                    "TURNOUT_API_KEY": gateway.key,
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert "mistake of ours" not in gateway.log()
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["type"] == "turn.completed"
    assert events[-2]["item"]["text"] == "Both files are there."
    assert (work / "first.txt").read_text() == "one\n"
    assert (work / "second.txt").read_text() == "two\n"
    assert len(seen) == len(_STEPS) + 1
    assert any(tool["function"]["name"] == "apply_patch" for tool in seen[0]["tools"])
