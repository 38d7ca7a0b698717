"""One table over all recordings at the end of a run: how many exchanges passed, and why the others were left out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Final

import pytest

__all__ = ["pytest_runtest_logreport", "pytest_terminal_summary"]

_EXCHANGE: Final = re.compile(r"\[.*?((?:[a-z]+-)+)[0-9a-f]{8}-\d+\b")
_ID: Final = re.compile(r"(?:[a-z]+-)+[0-9a-f]{8}-\d+\b")
_ANSWER, _REQUEST, _BACK = "answers read", "requests sent", "sent back"
_COLUMNS: Final = (_ANSWER, _REQUEST, _BACK)
_results: dict[str, dict[str, dict[str, set[str]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(set)))
"""Outcomes by recording, column and exchange."""
_reasons: dict[str, Counter[str]] = defaultdict(Counter)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what became of an exchange."""
    found = _EXCHANGE.search(report.nodeid)
    if found is None or "tests/recorded/" not in report.nodeid or (report.when != "call" and report.passed):
        return
    recording = found[1].rstrip("-")
    exchange = _ID.findall(report.nodeid)[-1]
    _results[recording][_column(report.nodeid)][exchange].add(report.outcome)
    if report.skipped and isinstance(report.longrepr, tuple):
        _reasons[recording][report.longrepr[2].removeprefix("Skipped: ")] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, where recordings were replayed."""
    if not _results:
        return
    terminalreporter.section("recorded exchanges: passed of tried, and requests that no chat can express")
    terminalreporter.write_line(f"{'recording':18} {'exchanges':>9}" + "".join(f" {name:>14}" for name in _COLUMNS))
    for recording, columns in sorted(_results.items()):
        known = {exchange for outcomes in columns.values() for exchange in outcomes}
        cells = "".join(f" {_told(columns.get(name, {})):>14}" for name in _COLUMNS)
        terminalreporter.write_line(f"{recording:18} {len(known):>9}{cells}")
        for reason, count in _reasons[recording].most_common():
            terminalreporter.write_line(f"{'':18} {count:>9} left out: {reason}")


def _column(nodeid: str) -> str:
    name = nodeid.rpartition("::")[2]
    if "_sends_back_" in name or "_back" in name:
        return _BACK
    return _REQUEST if "is_sent" in name else _ANSWER


def _told(outcomes: dict[str, set[str]]) -> str:
    """Passed of tried; what was only skipped was not tried."""
    tried = [found for found in outcomes.values() if found != {"skipped"}]
    return f"{sum('failed' not in found for found in tried)} of {len(tried)}"
