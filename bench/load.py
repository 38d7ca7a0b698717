"""Runs the load generator against a gateway and reads the figures of one run."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from places import BUILD, BenchError
from processes import busy_cpu_s, cpu_times_ns, rss_bytes

if TYPE_CHECKING:
    from processes import Gateway, Mock

__all__ = ["QUIET_CORES", "Run", "Work", "memory_per_silent_stream", "run_work"]

QUIET_CORES = 0.15
"""A run is repeated when other processes used more than this many cores."""
_REPEATS = 2
_SILENT_STREAMS = 1000
_SILENT_MODEL = "mock-n2-g8000"
_HOLD_S = 6


@dataclass(frozen=True, slots=True)
class Work:
    """What the load generator does in one run. Times in seconds, sizes in bytes."""

    name: str
    connections: int
    body_bytes: int = 250
    seconds: float = 0.8
    warm_up_s: float = 0.2
    per_second: float = 0.0
    """Above 0: a fixed rate instead of a closed loop."""
    streams: int = 0
    """Above 0: so many streams in all, as many at a time as there are connections."""
    mock_model: str = "mock"
    get_path: str = ""
    """Not empty: a GET of that path below the base URL, compressed, instead of a chat completion."""

    def arguments(self) -> list[str]:
        """Command line of the load generator."""
        common = ["-c", str(self.connections), "-b", str(self.body_bytes)]
        if self.get_path:
            common += ["-g", self.get_path, "-H", "Accept-Encoding: gzip"]
        if self.streams:
            return [*common, "-s", "-n", str(self.streams)]
        rate = ["-r", str(self.per_second)] if self.per_second else []
        return [*common, "-d", str(self.seconds), "-w", str(self.warm_up_s), *rate]


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave: the report of the load generator and the CPU time used meanwhile."""

    report: dict[str, Any]
    gateway_cpu_s: float | None
    mock_cpu_s: float
    wall_s: float
    foreign_cores: float
    """Cores used by processes that have nothing to do with the benchmark."""
    tries: int = 1

    @property
    def failed(self) -> int:
        """Answers that were wrong, cut or missing."""
        report = self.report
        return int(report["bad"] + report["errors"] + report["unanswered"])

    @property
    def cpu_us_per_request(self) -> float | None:
        """Microseconds of CPU of the gateway for each answer."""
        return self._cpu_us_per("answered")

    @property
    def cpu_us_per_chunk(self) -> float | None:
        """Microseconds of CPU of the gateway for each chunk of a stream, the request's share included."""
        return self._cpu_us_per("chunks")

    @property
    def load_side_is_limit(self) -> bool:
        """Whether the core of mock and load generator was full while the gateway's was not."""
        load_side = (self.mock_cpu_s + self.report["load_cpu_s"]) / self.wall_s
        return load_side > 0.9 and (self.gateway_cpu_s or 0) / self.wall_s < 0.9

    def reported(self, field: str) -> float | None:
        """A figure of the load generator's report, None where it has no value."""
        value = self.report[field]
        return None if value is None else float(value)

    def _cpu_us_per(self, counted: str) -> float | None:
        count = self.report[counted]
        if self.gateway_cpu_s is None or not count:
            return None
        return float(self.gateway_cpu_s * 1e6 / count)


def run_work(gateway: Gateway, mock: Mock, work: Work) -> Run:
    """Run *work* once; again, at most twice, when others disturbed it. The quietest run counts."""
    runs = [_run_once(gateway, mock, work)]
    while runs[-1].foreign_cores > QUIET_CORES and len(runs) <= _REPEATS:
        runs.append(_run_once(gateway, mock, work, tries=len(runs) + 1))
    return min(runs, key=lambda run: run.foreign_cores)


def memory_per_silent_stream(gateway: Gateway, mock: Mock) -> float | None:
    """KiB of resident memory for each of 1,000 streams that said one chunk and then nothing; None when one was lost.

    The gateway is warmed before, so that what its first requests leave behind does not count.
    """
    _run_once(gateway, mock, Work("warm", connections=8, seconds=0.5))
    _run_once(gateway, mock, Work("warm", connections=8, streams=8, mock_model="mock-n20-g1"))
    time.sleep(0.5)
    before = rss_bytes(gateway.processes())
    count = str(_SILENT_STREAMS)
    command = _command(gateway, _SILENT_MODEL, ["-c", count, "-s", "-n", count, "-t", str(_HOLD_S)])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        time.sleep(_HOLD_S - 1)
        reached_mock = mock.stats()["active_streams"]
        held = rss_bytes(gateway.processes())
        output, _ = load.communicate()
    whole = reached_mock == _SILENT_STREAMS == json.loads(output)["held"]
    return (held - before) / 1024 / _SILENT_STREAMS if whole else None


def _command(gateway: Gateway, mock_model: str, arguments: list[str]) -> list[str]:
    peer = gateway.peer
    headers = [part for name, value in peer.headers.items() for part in ("-H", f"{name}: {value}")]
    target = ["-u", peer.url, "-k", peer.key, "-m", peer.model_for(mock_model)]
    return [str(BUILD / "load"), *target, *headers, *arguments]


def _run_once(gateway: Gateway, mock: Mock, work: Work, tries: int = 1) -> Run:
    command = _command(gateway, work.mock_model, work.arguments())
    gateway_before = cpu_times_ns(gateway.processes())
    mock_before = cpu_times_ns([mock.process.pid])
    busy_before, own_before, begin = busy_cpu_s(), time.process_time(), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall_s = time.monotonic() - begin
    busy_s, own_s = busy_cpu_s() - busy_before, time.process_time() - own_before
    gateway_cpu_s = _seconds_since(gateway_before, gateway.processes())
    mock_cpu_s = _seconds_since(mock_before, [mock.process.pid])
    if done.returncode:
        raise BenchError(f"the load generator failed: {done.stderr.strip()}")
    report: dict[str, Any] = json.loads(done.stdout)
    ours = gateway_cpu_s + mock_cpu_s + report["load_cpu_s"] + own_s
    return Run(
        report=report,
        gateway_cpu_s=gateway_cpu_s if gateway_before else None,
        mock_cpu_s=mock_cpu_s,
        wall_s=wall_s,
        foreign_cores=max(0.0, (busy_s - ours) / wall_s),
        tries=tries,
    )


def _seconds_since(before: dict[int, int], processes: list[int]) -> float:
    """CPU seconds of *processes* since *before*; one that began in between counts whole."""
    return sum(time_ns - before.get(process, 0) for process, time_ns in cpu_times_ns(processes).items()) / 1e9
