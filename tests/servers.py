"""PostgreSQL and Redis for tests: real servers on loopback, each with files of its own that go when it ends.

Where their programs are missing, tests that ask for one are skipped, and say so.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from random import SystemRandom
from typing import NoReturn, Self, final

import pytest

from turnout.contracts.store import Store
from turnout.stores.sqlite import SQLiteStore

__all__ = [
    "NewStore",
    "PostgresServer",
    "RedisServer",
    "database",
    "new_store",
    "postgres_server",
    "redis_server",
    "redis_url",
]

NewStore = Callable[[], Store]
"""Makes one more store, not open yet, of what those before it hold: another process, or another node."""

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_USER = "turnout"
_DEBIAN = Path("/usr/lib/postgresql")


@final
class PostgresServer:
    """A cluster that keeps nothing through a power cut, with the user ``turnout``, who needs no password.

    Its language is English, so that texts are not sorted by their bytes unless somebody asks for that.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="turnout-postgres-"))
        self._files = self._folder / "files"
        self._owner = _unprivileged()
        if self._owner is not None:
            os.chown(self._folder, self._owner, -1)
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count(1)
        self.port = _free_port()
        make = ["initdb", "-D", str(self._files), "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        if self._run([*make, "--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"]) != 0:
            shutil.rmtree(self._files, ignore_errors=True)  # before 15 it knows no locale of ICU
            assert self._run([*make, "--locale=C"]) == 0, (self._folder / "log").read_text()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Serve again, on the same port."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "shared_buffers": "32MB",
            "log_min_messages": "fatal",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of the system
                [self._programs / "postgres", "-D", self._files, *arguments],
                stdout=log,
                stderr=log,
                user=self._owner,
                cwd=self._folder,
            )
        until = time.monotonic() + _START_SECONDS
        while not self._accepts():
            assert time.monotonic() < until, (self._folder / "log").read_text()
            time.sleep(0.02)

    def stop(self, *, at_once: bool = False) -> None:
        """Refuse all from now on and end sessions; *at_once*: as after a crash."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            process.wait(_STOP_SECONDS)

    def freeze(self) -> None:
        """Answer nobody, and keep all connections, until :meth:`thaw`."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._signal_all(signal.SIGCONT)

    def new_database(self) -> str:
        """The URL of a new, empty database: a schema, which is made and removed a hundred times as quickly as one."""
        name = f"test{next(self._names)}"
        self.run_sql(f"CREATE SCHEMA {name}")
        return f"{self._url}?options=-csearch_path%3D{name}"

    def run_sql(self, statement: str, url: str = "") -> str:
        """What ``psql`` prints for one statement, bare."""
        done = subprocess.run(  # noqa: S603 - a program of the system
            [self._programs / "psql", "-X", "-q", "-t", "-A", "-d", url or self._url, "-c", statement],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def _url(self) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/postgres"

    def _accepts(self) -> bool:
        return self._run(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", _USER]) == 0

    def _run(self, arguments: Sequence[str]) -> int:
        with (self._folder / "log").open("ab") as log:
            return subprocess.run(  # noqa: S603 - a program of the system
                [self._programs / arguments[0], *arguments[1:]],
                stdout=log,
                stderr=log,
                user=self._owner,
                cwd=self._folder,
                check=False,
            ).returncode

    def _signal_all(self, number: signal.Signals) -> None:
        """Sessions are children of the server."""
        assert self._process is not None
        server = self._process.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii").split()
        for pid in [server, *map(int, children)]:
            os.kill(pid, number)


@final
class RedisServer:
    """A Redis or Valkey that writes nothing to the disk."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Serve again, on the same port, with nothing in it."""
        self._process = subprocess.Popen(  # noqa: S603 - a program of the system
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
        until = time.monotonic() + _START_SECONDS
        while self.command("PING") != "+PONG":
            assert time.monotonic() < until, "Redis does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """Refuse all from now on; everything is forgotten."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(_STOP_SECONDS)

    def freeze(self) -> None:
        """Answer nobody, and keep all connections, until :meth:`thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> str:
        """The first line of the answer to a command; empty where there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2.0) as connection:
                connection.sendall(" ".join(words).encode() + b"\r\n")
                return connection.recv(65_536).decode().split("\r\n")[0]
        except OSError:
            return ""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests that ask for one; who stops it starts it again."""
    programs = _postgres_programs()
    if programs is None:
        _leave_out("there is no PostgreSQL here (on Debian: apt-get install postgresql)")
    if find_spec("asyncpg") is None:
        _leave_out("there is no asyncpg here")
    with PostgresServer(programs) as server:
        yield server


@pytest.fixture
def database(postgres_server: PostgresServer) -> str:
    """The URL of a new, empty database."""
    return postgres_server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> NewStore:
    """Stores of every kind, one after the other; each that it makes has nothing in it."""
    if request.param == "sqlite":
        names = count(1)
        return lambda: SQLiteStore(tmp_path / str(next(names)) / "turnout.db")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return lambda: _postgres_store(server.new_database())


@pytest.fixture(params=["sqlite", "postgresql"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> NewStore:
    """Stores of every kind, one after the other; all that it makes in one test hold the same."""
    if request.param == "sqlite":
        return lambda: SQLiteStore(tmp_path / "turnout.db")
    url: str = request.getfixturevalue("database")
    return lambda: _postgres_store(url)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for all tests that ask for one; who stops it starts it again."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        _leave_out("there is no Redis here (on Debian: apt-get install redis-server)")
    with RedisServer(program) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of a Redis with nothing in it."""
    assert redis_server.command("FLUSHALL") == "+OK"
    return redis_server.url


def _leave_out(reason: str) -> NoReturn:
    """Skip, or fail where the environment says that all servers must be there."""
    if os.environ.get("TURNOUT_TEST_SERVERS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def _postgres_store(url: str) -> Store:
    from turnout.stores.postgres import PostgresStore  # noqa: PLC0415 - its driver is an option

    return PostgresStore(url)


def _postgres_programs() -> Path | None:
    """Where ``postgres``, ``initdb`` and ``psql`` are: the newest."""
    found = shutil.which("initdb")
    versions = sorted(_DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name))
    places = [*versions, *([Path(found).parent] if found else [])]
    usable = [place for place in places if all((place / name).exists() for name in ("initdb", "postgres", "psql"))]
    return usable[-1] if usable else None


def _unprivileged() -> int | None:
    """Whom PostgreSQL runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return 65_534


def _free_port() -> int:
    """Not one that the system gives to whoever asks for any: nobody takes it while its server is made or stopped."""
    while True:
        port = SystemRandom().randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
