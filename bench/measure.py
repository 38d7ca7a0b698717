"""Runs the works on two gateways in turn and collects the samples: one run of each makes a pair."""

from __future__ import annotations

import contextlib
import http.client
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from figures import CATALOG, FIGURES, WORKS
from load import QUIET_CORES, Run, Work, memory_per_silent_stream, run_work
from peers import Peer, named_peer
from places import BenchError
from processes import Gateway, Mock, rss_bytes
from table import Samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from figures import Figure

__all__ = ["Session", "check", "measure_catalog", "measure_pairs", "measure_starts"]

_MAX_STARTS = 3
_BEFORE_IDLE_S = 1.0
_CATALOG_FILE = "models.json.gz"
_CATALOG_PATIENCE_S = 20.0


@dataclass(slots=True)
class Session:
    """One benchmark: the running mock, which figures, how many pairs, and what has been seen so far."""

    mock: Mock
    figures: Sequence[Figure]
    pairs: int
    seconds: float | None
    """Length of closed-loop runs where it is not the usual one."""
    samples: Samples = field(default_factory=Samples)
    runs: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    """Wrong, cut or missing answers by gateway."""
    disturbed: int = 0
    load_limited: set[str] = field(default_factory=set)

    def run(self, gateway: Gateway, work: Work) -> Run:
        """Run *work* once and remember what is worth a note under the table."""
        run = run_work(gateway, self.mock, work)
        self.failed[gateway.name] = self.failed.get(gateway.name, 0) + run.failed
        self.disturbed += run.foreign_cores > QUIET_CORES
        if run.load_side_is_limit and gateway.name != "direct":
            self.load_limited.add(f"{work.name} ({gateway.name})")
        self.runs.append({"work": work.name, "peer": gateway.name, **asdict(run)})
        return run


def measure_pairs(session: Session, first: Peer, second: Peer, *, with_direct: bool) -> None:
    """Measure all figures that a load gives: first, second, first, second, ... so that the machine's drift cancels.

    *with_direct* adds runs without a gateway: in each pair where they are taken off, else once for each work.
    """
    direct = Gateway(named_peer("direct"))
    wanted = {figure.work for figure in session.figures}
    with Gateway(first) as one, Gateway(second) as other:
        for work in WORKS:
            if work.name not in wanted:
                continue
            _progress(f"{first.name}, {second.name}: {work.name}")
            for gateway in (one, other):
                session.run(gateway, _warm_up(work))
            sized = work if session.seconds is None else replace(work, seconds=session.seconds)
            figures = [figure for figure in session.figures if figure.work == work.name]
            every_pair = any(figure.beyond_direct for figure in figures)
            for pair in range(session.pairs):
                floor = session.run(direct, sized) if with_direct and (every_pair or pair == 0) else None
                _collect(session.samples, figures, floor, [(g.name, session.run(g, sized)) for g in (one, other)])


def measure_starts(session: Session, peers: Sequence[Peer]) -> None:
    """Starts, idle memory and silent streams, each on a newly started gateway, one peer after the other."""
    wanted = {figure.name for figure in session.figures if not figure.work}
    if not wanted:
        return
    for _ in range(min(session.pairs, _MAX_STARTS)):
        for peer in peers:
            _progress(f"{peer.name}: start, memory")
            with contextlib.closing(Gateway(peer)) as gateway:
                session.samples.add("first-start", peer.name, gateway.start())
            with contextlib.closing(Gateway(peer)) as gateway:
                session.samples.add("start", peer.name, gateway.start(keep_data=True))
                time.sleep(_BEFORE_IDLE_S)
                session.samples.add("idle-rss", peer.name, rss_bytes(gateway.processes()) / 1e6)
                if "silent-stream" in wanted:
                    session.samples.add("silent-stream", peer.name, memory_per_silent_stream(gateway, session.mock))
            if peer.name == "turnout" and "default-start" in wanted:
                with contextlib.closing(Gateway(named_peer("turnout-default"))) as gateway:
                    session.samples.add("default-start", peer.name, gateway.start())


def measure_catalog(session: Session, reference: Peer) -> None:
    """The listing of models with the offline catalog against nginx, which serves the same bytes, in pairs."""
    figures = [figure for figure in FIGURES if figure.name == "models"]
    if not {figure.name for figure in session.figures} & {figure.name for figure in figures}:
        return
    _progress(f"{reference.name}, turnout: models")
    with Gateway(reference) as one, Gateway(named_peer("turnout-default")) as other:
        (reference.scratch / _CATALOG_FILE).write_bytes(_compressed_listing(other.peer))
        for gateway in (one, other):
            session.run(gateway, _warm_up(CATALOG))
        for _ in range(session.pairs):
            runs = [("nginx", session.run(one, CATALOG)), ("turnout", session.run(other, CATALOG))]
            _collect(session.samples, figures, None, runs)


def _compressed_listing(peer: Peer) -> bytes:
    """What the gateway answers to a client that takes gzip, once it has compressed it."""
    deadline = time.monotonic() + _CATALOG_PATIENCE_S
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(peer.host, peer.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", f"{peer.base_path}{CATALOG.get_path}", headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200 and answer.headers["Content-Encoding"] == "gzip":
                return body
        time.sleep(0.1)
    raise BenchError(f"{peer.name} does not compress its listing of models")


def check(session: Session, peer: Peer) -> None:
    """Start *peer*, send a few streams through it, and print what came."""
    with contextlib.closing(Gateway(peer)) as gateway:
        seconds = gateway.start()
        if peer.ready_path:
            print(f"{peer.name}: ready in {seconds:.2f} s")
            return
        report = session.run(gateway, Work("check", connections=2, streams=4, mock_model="mock-n200-g5")).report
        print(f"{peer.name}: answers in {seconds:.2f} s; {report['ok']} of 4 streams whole {report['sample']}")


def _warm_up(work: Work) -> Work:
    """The same work, short: pools are filled and code is warm before the first pair."""
    return replace(work, seconds=0.3, streams=min(work.streams, work.connections))


def _collect(samples: Samples, figures: Sequence[Figure], floor: Run | None, runs: list[tuple[str, Run]]) -> None:
    """Add the figures of one pair; what *floor*, the run without a gateway, shows is taken off where that is asked."""
    for figure in figures:
        off = 0.0
        if floor:
            samples.add(figure.name, "direct", figure.read(floor))
            off = (figure.read(floor) or 0.0) if figure.beyond_direct else 0.0
        for name, run in runs:
            value = figure.read(run)
            samples.add(figure.name, name, None if value is None else value - off)


def _progress(text: str) -> None:
    print(f"measuring {text}", file=sys.stderr, flush=True)
