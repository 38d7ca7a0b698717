"""Measures Turnout, or any OpenAI-compatible gateway, against nginx in the same run and prints one Markdown table.

bench.py [run]                       Turnout of this checkout against nginx, all figures (some minutes)
bench.py --quick                     only the CPU figures, in about 40 seconds
bench.py peer NAME...                other gateways of peers/*.json against nginx
bench.py url http://HOST:PORT/v1     a gateway that runs already; its upstream must be the mock (--key --model --pid)
bench.py compare A B                 two peers, or folders with checkouts, against each other, for small differences
bench.py compare --against REVISION  the same: that git revision against this checkout
bench.py check NAME...               do they start, answer and stream?
bench.py mock                        only the mock upstream, in the foreground
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time

from figures import FIGURES, QUICK, Figure
from load import QUIET_CORES
from measure import Session, check, measure_catalog, measure_pairs, measure_starts
from peers import Peer, checkout_of_revision, named_peer, peer_in_checkout, running_peer
from places import BENCH, BUILD, BenchError
from processes import LOAD_CPU, MOCK_PORT, Mock, build_programs, machine_lock
from table import comparison_table, limits_table

_REFERENCE = "nginx"
_PORTS_OF_CHECKOUTS = (9232, 9233)
_COMMANDS = ("run", "peer", "url", "compare", "check", "mock")


def main() -> int:
    """Run the command line; return the exit status: 0, 1 for a missed must under ``--enforce``, 2 for no benchmark."""
    options = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        build_programs()
        if options.command == "mock":
            os.execv(BUILD / "mock", ["mock", str(MOCK_PORT)])  # noqa: S606 - our own program takes this one's place
        # Away from the gateway's core; what is started from here inherits it.
        os.sched_setaffinity(0, {LOAD_CPU})
        with machine_lock(), Mock() as mock:
            session = Session(mock, _chosen_figures(options), _pairs(options), options.seconds)
            return _dispatch(options, session)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _dispatch(options: argparse.Namespace, session: Session) -> int:
    match options.command:
        case "compare":
            _compare(session, *_compared_peers(options))
            return 0
        case "check":
            for name in options.names:
                check(session, named_peer(name))
            return 0
        case "url":
            peers = [_peer_of_url(options)]
        case "peer":
            peers = [named_peer(name) for name in options.names]
        case _:
            peers = [named_peer("turnout")]
    missed = [title for peer in peers for title in _measure(session, peer, options.slack)]
    return 1 if missed and options.enforce else 0


def _measure(session: Session, peer: Peer, slack: float) -> list[str]:
    """Measure *peer* against nginx, print the table and write the results; return what misses its must by *slack*."""
    reference = named_peer(_REFERENCE)
    reference.require_program()
    measure_pairs(session, reference, peer, with_direct=True)
    if peer.command:
        measure_starts(session, [reference, peer])
        if peer.name == "turnout":
            measure_catalog(session, reference)
    shown = [figure for figure in session.figures if peer.command or figure.work]
    table, missed = limits_table(session.samples, shown, peer.name, _REFERENCE, slack)
    _print_result(session, [reference, peer], table)
    return missed


def _compare(session: Session, before: Peer, after: Peer) -> None:
    """Interleave two gateways and print the ratio of *after* to *before* with its spread."""
    measure_pairs(session, before, after, with_direct=False)
    _print_result(session, [before, after], comparison_table(session.samples, session.figures, before.name, after.name))


def _print_result(session: Session, peers: list[Peer], table: str) -> None:
    """Print *table* with its notes; write it, and all runs, to ``results``."""
    versions = [f"{peer.name}: {peer.version_text() or '-'} ({peer.note})" for peer in peers]
    lost = {name: count for name, count in session.failed.items() if count}
    notes = [
        f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}",
        *versions,
        f"pairs: {session.pairs}; failed or cut answers: {lost or 'none'}",
        f"runs that others disturbed by more than {QUIET_CORES} cores even when repeated: {session.disturbed}",
    ]
    if session.load_limited:
        notes.append(f"limited by the load side, not by the gateway: {', '.join(sorted(session.load_limited))}")
    text = f"{table}\n\n" + "\n".join(f"* {note}" for note in notes)
    print(text)
    folder = BENCH / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{peers[-1].name}"
    file.with_suffix(".md").write_text(text + "\n")
    file.with_suffix(".json").write_text(json.dumps({"samples": session.samples.values, "runs": session.runs}))


# ---- the command line ----


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", default="run", choices=_COMMANDS)
    parser.add_argument("names", nargs="*", help="peers, checkouts, or the URL")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}, fewer pairs")
    parser.add_argument("--pairs", type=int, help="interleaved pairs for each figure (8; --quick 5; compare 10)")
    parser.add_argument("--seconds", type=float, help="length of each run that is not a stream (about 1)")
    parser.add_argument("--figures", nargs="+", metavar="NAME", help=", ".join(figure.name for figure in FIGURES))
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a must is missed")
    parser.add_argument("--slack", type=float, default=1.0, help="with --enforce: allow this times a must (noise)")
    parser.add_argument("--against", metavar="REVISION", help="compare: the git revision to compare with")
    parser.add_argument("--key", default="sk-bench", help="url: the gateway's key")
    parser.add_argument("--model", default="{mock_model}", help="url: the gateway's name for a model of the mock")
    parser.add_argument("--pid", type=int, help="url: root process of the gateway, for CPU and memory")
    return parser.parse_args()


def _chosen_figures(options: argparse.Namespace) -> list[Figure]:
    narrow = options.quick or options.command == "compare"
    names = options.figures or (QUICK if narrow else [figure.name for figure in FIGURES])
    unknown = set(names) - {figure.name for figure in FIGURES}
    if unknown:
        raise BenchError(f"there is no figure {', '.join(sorted(unknown))}")
    return [figure for figure in FIGURES if figure.name in names]


def _pairs(options: argparse.Namespace) -> int:
    usual = 10 if options.command == "compare" else 5 if options.quick else 8
    return max(1, options.pairs or usual)


def _compared_peers(options: argparse.Namespace) -> tuple[Peer, Peer]:
    if options.against:
        checkout = checkout_of_revision(options.against)
        return peer_in_checkout(checkout, "turnout-before", _PORTS_OF_CHECKOUTS[0]), named_peer("turnout")
    if len(options.names) != len(_PORTS_OF_CHECKOUTS):
        raise BenchError("compare wants two peers or checkouts, or --against REVISION")
    before, after = map(named_peer, options.names, _PORTS_OF_CHECKOUTS)
    if before.port == after.port:
        raise BenchError(f"{before.name} and {after.name} want the same port")
    return before, after


def _peer_of_url(options: argparse.Namespace) -> Peer:
    if len(options.names) != 1:
        raise BenchError("url wants the base URL of the gateway")
    template = Peer(
        name="gateway", port=0, key=options.key, model=options.model, process=options.pid, note="runs already"
    )
    return running_peer(options.names[0], template)


if __name__ == "__main__":
    sys.exit(main())
