"""Starts, pins, measures and stops the processes of a benchmark: the mock upstream and the gateways."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from places import BENCH, BUILD, BenchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from peers import Peer

__all__ = [
    "LOAD_CPU",
    "MOCK_PORT",
    "Gateway",
    "Mock",
    "build_programs",
    "busy_cpu_s",
    "cpu_times_ns",
    "machine_lock",
    "process_tree",
    "rss_bytes",
]

MOCK_PORT = 9100
_CPUS = sorted(os.sched_getaffinity(0))
GATEWAY_CPU = _CPUS[0]
LOAD_CPU = _CPUS[-1]
_START_POLL_S = 0.002
_STOP_PATIENCE_S = 5.0
_CPU_CLOCK_OF_PROCESS = 2  # Linux, <linux/posix-timers.h>: CPUCLOCK_SCHED, all threads of a process


def build_programs() -> None:
    """Compile the mock and the load generator into ``.build`` where they are older than their sources.

    Raises:
        BenchError: there is no C compiler, or it refuses.
    """
    BUILD.mkdir(exist_ok=True)
    sources = BENCH / "src"
    newest = max(file.stat().st_mtime for file in sources.iterdir())
    compiler = shutil.which("gcc") or shutil.which("cc")
    for name in ("mock", "load"):
        program = BUILD / name
        if program.exists() and program.stat().st_mtime >= newest:
            continue
        if compiler is None:
            raise BenchError("a C compiler is needed: apt-get install gcc libc6-dev")
        files = [str(program), str(sources / f"{name}.c")]
        command = [compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", *files, "-lm"]
        if subprocess.run(command, check=False).returncode:
            raise BenchError(f"{name}.c does not compile")


@contextlib.contextmanager
def machine_lock() -> Iterator[None]:
    """Wait until no other benchmark runs on this machine: they would share ports and disturb each other."""
    with (Path(tempfile.gettempdir()) / "turnout-bench.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another benchmark runs on this machine; waiting for its end", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def process_tree(root: int) -> list[int]:
    """Process ids of *root* and of all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    tree = [root]
    for process in tree:
        tree.extend(children.get(process, []))
    return tree


def cpu_times_ns(processes: Iterable[int]) -> dict[int, int]:
    """User and system time of each process in nanoseconds, all threads, those that ended included.

    Read from the processes' CPU clocks: exact, where ``/proc/PID/stat`` counts in steps of 10 ms.
    """
    times = {}
    for process in processes:
        with contextlib.suppress(OSError):
            times[process] = time.clock_gettime_ns((~process << 3) | _CPU_CLOCK_OF_PROCESS)
    return times


def rss_bytes(processes: Iterable[int]) -> int:
    """Resident memory of *processes*; pages that they share count in each."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
    return total


def busy_cpu_s() -> float:
    """Seconds that all cores together have worked since boot, whoever for; time stolen by the host included."""
    user, nice, system, _idle, _iowait, *rest = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + sum(rest[:3])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _started_on(cpu: int) -> Iterator[None]:
    """What is started inside inherits the core *cpu*."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


class Mock:
    """The mock upstream on its fixed port, on the core of the load generator."""

    def __enter__(self) -> Self:
        with _started_on(LOAD_CPU):
            self.process = subprocess.Popen([BUILD / "mock", str(MOCK_PORT)])
        time.sleep(0.2)
        if self.process.poll() is not None:
            raise BenchError(f"the mock upstream did not start; is port {MOCK_PORT} taken?")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def stats(self) -> dict[str, int]:
        """The mock's counters, among them ``active_streams``."""
        connection = http.client.HTTPConnection("127.0.0.1", MOCK_PORT, timeout=5)
        try:
            connection.request("GET", "/__stats")
            counters: dict[str, int] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return counters


class Gateway:
    """One peer: started and stopped here, or already running and only observed."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.name = peer.name
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def processes(self) -> list[int]:
        """Process ids of the gateway, none when it is not known."""
        root = self._process.pid if self._process else self.peer.process
        return process_tree(root) if root else []

    def start(self, *, keep_data: bool = False) -> float:
        """Start the gateway; return the seconds until its first correct answer. Its scratch folder is emptied before.

        Raises:
            BenchError: it is not installed, ends, or does not answer in time; with the end of its log.
        """
        if not self.peer.command:
            return 0.0
        self.peer.require_program()
        if not keep_data:
            shutil.rmtree(self.peer.scratch, ignore_errors=True)
        self.peer.scratch.mkdir(parents=True, exist_ok=True)
        # A short environment: no PYTHONDONTWRITEBYTECODE, no credentials, no proxies and no configuration of the user.
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin"),
            "HOME": str(self.peer.scratch),
            "LANG": "C.UTF-8",
            **self.peer.environment,
        }
        begin = time.monotonic()
        with _started_on(GATEWAY_CPU), self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.peer.command,
                cwd=self.peer.scratch,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while time.monotonic() - begin < self.peer.start_timeout_s:
            if self._process.poll() is not None:
                raise BenchError(f"{self.name} ended at its start:\n{self._end_of_log()}")
            if self._answers():
                return time.monotonic() - begin
            time.sleep(_START_POLL_S)
        self.close()
        raise BenchError(f"{self.name} did not answer in {self.peer.start_timeout_s:.0f} s:\n{self._end_of_log()}")

    def close(self) -> None:
        """End the gateway and what it started: politely, then not."""
        if self._process is None:
            return
        tree = self.processes()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_PATIENCE_S)
        for process in tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        self._process = None

    @property
    def _log(self) -> Path:
        return BUILD / f"{self.name}.log"

    def _end_of_log(self) -> str:
        return self._log.read_text(errors="replace")[-1500:]

    def _answers(self) -> bool:
        """Whether the gateway gives the answer that shows it is ready."""
        peer = self.peer
        connection = http.client.HTTPConnection(peer.host, peer.port, timeout=10)
        try:
            if peer.ready_path:
                connection.request("GET", peer.ready_path)
                return connection.getresponse().status == 200
            body: dict[str, Any] = {"model": peer.model_for("mock"), "messages": [{"role": "user", "content": "hi"}]}
            headers = {"authorization": f"Bearer {peer.key}", "content-type": "application/json", **peer.headers}
            connection.request("POST", f"{peer.base_path}/chat/completions", json.dumps(body), headers)
            response = connection.getresponse()
            return response.status == 200 and b"fixed reply" in response.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
