"""The past under another routing policy."""

from __future__ import annotations

import asyncio
import json
import re
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.base.errors import BadRequest
from turnout.cli.options import ConfigOption, JsonOption, is_terminal, print_table

if TYPE_CHECKING:
    from turnout.domain.routing import Preferences
    from turnout.engine.replay import Replayed, Sums

__all__ = ["replay"]

_AGO = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def replay(
    since: Annotated[str, typer.Option(help="A time ago (90m, 24h, 7d), a date, or unix seconds.")],
    policy: Annotated[Path, typer.Option(help="Provider preferences as a TOML or JSON file.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Estimate what recorded requests would have come to under other provider preferences."""
    from msgspec.structs import asdict

    from turnout.app.configuration import load_configuration
    from turnout.app.rehearsal import replayed

    preferences = _preferences(policy)
    began = _moment(since, time.time())
    found = asyncio.run(replayed(load_configuration(config), preferences, began, _progress))
    if is_terminal():
        typer.echo(err=True)
    if as_json:
        report = asdict(found) | {"recorded": asdict(found.recorded), "estimated": asdict(found.estimated)}
        typer.echo(json.dumps(report, indent=2))
    else:
        _print(found)


def _preferences(path: Path) -> Preferences:
    """The preferences in the file, at its top level or under ``provider``.

    Raises:
        BadRequest: it holds none; the message names the field.
    """
    import msgspec

    from turnout.domain.routing import Preferences

    text = path.read_text(encoding="utf-8")
    try:
        held: Any = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        held = held.get("provider", held) if isinstance(held, dict) else held
        return msgspec.convert(held, Preferences)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{path}: {error}") from None


def _moment(text: str, now: float) -> float:
    """Unix seconds.

    Raises:
        BadParameter: the text is no time.
    """
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _SECONDS[ago[2]]
    if text.isdigit():
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        words = f"{text} is neither a time ago (24h), nor a date, nor unix seconds"
        raise typer.BadParameter(words, param_hint="--since") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _progress(count: int) -> None:
    if is_terminal():
        typer.echo(f"\r{count:,} generations read", nl=False, err=True)


def _print(found: Replayed) -> None:
    rows = [
        ("requests", str(found.recorded.requests), str(found.estimated.requests)),
        ("without any endpoint", "0", str(found.unserved)),
        ("success", _share(found.recorded.success), _share(found.estimated.success)),
        ("cost $", f"{found.recorded.cost:.6f}", f"{found.estimated.cost:.6f}"),
        ("first byte ms, mean", _number(found.recorded.latency_mean), _number(found.estimated.latency_mean)),
        ("first byte ms, p50", _number(found.recorded.latency_p50), _number(found.estimated.latency_p50)),
        ("first byte ms, p95", _number(found.recorded.latency_p95), _number(found.estimated.latency_p95)),
    ]
    rows += [
        (name, _share(found.recorded.endpoints.get(name, 0.0)), _share(found.estimated.endpoints.get(name, 0.0)))
        for name in _endpoints(found.recorded, found.estimated)
    ]
    print_table(("", "recorded", "estimated"), rows, right=("recorded", "estimated"))
    typer.echo(found.note, err=True)
    if found.without_record:
        typer.echo(f"Too little is recorded of the endpoints of {_share(found.without_record)}.", err=True)


def _endpoints(*sums: Sums) -> list[str]:
    return list(dict.fromkeys(name for one in sums for name in one.endpoints))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
