"""Noticing a changed file; telling what needs a restart."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from turnout.config import Settings, needs_restart, watch


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("server", "host", "::1"),
        ("server", "port", 1),
        ("server", "workers", 2),
        ("server", "data_dir", "elsewhere"),
        ("server", "data_plane", "asgi"),
        ("server", "cors", False),
        ("store", "url", "postgresql://h/db"),
        ("store", "shared", "redis://h"),
        ("auth", "public_pages", False),
        ("auth", "oidc", {"issuer": "https://id.test", "client_id": "turnout"}),
        ("metrics", "public", True),
        ("catalog", "price_weights", {"request": 2}),
        ("limits", "drain_seconds", 1.0),
        ("logging", "level", "debug"),
        ("logging", "format", "json"),
        ("auto", "figures", "figures.json"),
    ],
)
def test_what_is_read_at_the_start_alone_needs_a_restart(table: str, key: str, value: Any) -> None:  # noqa: ANN401 - any value of a key
    assert needs_restart(Settings(), Settings.model_validate({table: {key: value}})) == [f"{table}.{key}"]


def test_everything_else_is_swapped_without_a_restart() -> None:
    new = Settings.model_validate(
        {
            "limits": {"connections": 1},
            "store": {"retention": "1d"},
            "providers": {"acme": {}},
            "models": [{"id": "a/b"}],
            "auth": {"api_key": "k"},
        }
    )
    assert needs_restart(Settings(), new) == []


class _Calls:
    """Counts calls, and lets a test wait for one."""

    def __init__(self) -> None:
        self.count = 0
        self._happened = asyncio.Event()

    async def __call__(self) -> None:
        self.count += 1
        self._happened.set()

    async def next(self) -> None:
        await asyncio.wait_for(self._happened.wait(), 15)
        self._happened.clear()


@asynccontextmanager
async def _watching(path: Path) -> AsyncIterator[_Calls]:
    calls = _Calls()
    task = asyncio.create_task(watch(path, calls))
    await asyncio.sleep(0.3)
    try:
        yield calls
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _rewrite(path: Path) -> None:
    path.write_text("b = 2")


def _replace(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_text("c = 3")
    new.replace(path)


def _relink(path: Path) -> None:
    """As a mounted configuration map changes: the link's link is swapped."""
    current = path.parent / "..data"
    (path.parent / "second").mkdir()
    (path.parent / "second" / path.name).write_text("d = 4")
    (path.parent / "next").symlink_to("second")
    (path.parent / "next").replace(current)


@pytest.mark.parametrize("change", [_rewrite, _replace, _relink])
async def test_a_changed_file_is_noticed_however_it_changes(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "turnout.toml"
    if change is _relink:
        (tmp_path / "first").mkdir()
        (tmp_path / "first" / path.name).write_text("a = 1")
        (tmp_path / "..data").symlink_to("first")
        path.symlink_to("..data/turnout.toml")
    else:
        path.write_text("a = 1")
    async with _watching(path) as calls:
        change(path)
        await calls.next()
        assert calls.count == 1


async def test_what_does_not_change_the_content_is_no_change(tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text("a = 1")
    async with _watching(path) as calls:
        (tmp_path / "turnout.sqlite").write_text("busy")
        path.touch()
        path.unlink()
        await asyncio.sleep(1)
        path.write_text("a = 1")
        await asyncio.sleep(1)
        assert calls.count == 0
        path.write_text("a = 2")
        await calls.next()


async def test_what_the_callback_raises_ends_the_watch(tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text("a = 1")

    async def fail() -> None:
        raise LookupError("no")

    task = asyncio.create_task(watch(path, fail))
    await asyncio.sleep(0.3)
    path.write_text("a = 2")
    with pytest.raises(LookupError):
        await asyncio.wait_for(task, 15)


async def test_a_cancelled_watch_leaves_no_thread(tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text("a = 1")
    before = set(threading.enumerate())
    async with _watching(path):
        pass
    busy = [thread for thread in set(threading.enumerate()) - before if "AnyIO" not in thread.name]
    assert busy == []


def test_importing_the_configuration_does_not_import_the_watcher() -> None:
    program = "import sys, turnout.config; sys.exit('watchfiles' in sys.modules or 'typer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - our own program
