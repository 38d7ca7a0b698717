"""Where a request would go, and why."""

from __future__ import annotations

import http.client
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from turnout.base.errors import BadRequest, NoEndpoints, TurnoutError
from turnout.cli.options import ConfigOption, KeyOption, UrlOption, print_table
from turnout.cli.server import connect, server_of

__all__ = ["explain"]

_SECONDS = 5.0
_OK = 200
_REFUSED = frozenset({400, 404, 413})
"""Answers about the request itself, which would be the same without a server."""


def explain(
    request: Annotated[str, typer.Argument(help="A file with the body of a chat request; - is standard input.")],
    url: UrlOption = None,
    key: KeyOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every number that was used.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show which endpoint a request would go to, and why not to the others, without sending it."""
    body = sys.stdin.buffer.read() if request == "-" else Path(request).read_bytes()
    found: Any = _from_server(body, config, url, key)
    if found is None:
        from turnout.app.configuration import load_configuration
        from turnout.app.rehearsal import explained

        if url is not None:
            raise TurnoutError(f"no answer from {url} (is it running? turnout serve)")
        found = explained(load_configuration(config), body)
        typer.echo("No server answers: planned from the configuration alone, without health.", err=True)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _print(found)
    if found["dead_end"] is not None:
        raise NoEndpoints(str(found["dead_end"]["message"]))


def _from_server(body: bytes, config: Path | None, url: str | None, key: str | None) -> dict[str, Any] | None:
    """What a running server says, which knows of health; None where none answers.

    Raises:
        BadRequest: the request is wrong.
    """
    server = server_of(config, url, key)
    try:
        with closing(connect(server, _SECONDS)) as connection:
            connection.request("POST", f"{server.path}/api/v1/explain", body, server.headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
        reply = json.loads(text)
        if status in _REFUSED:
            raise BadRequest(str(reply["error"]["message"]))
        found: dict[str, Any] | None = reply["data"] if status == _OK else None
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None
    return found


def _print(found: dict[str, Any]) -> None:
    for warning in found["warnings"]:
        typer.echo(warning, err=True)
    for one in found.get("picked", ()):
        typer.echo(_choice(one), err=True)
    columns = ("place", "endpoint", "why", "numbers")
    rows = [
        (
            "-" if one["place"] is None else str(one["place"]),
            one["endpoint"],
            _why(one, found),
            _numbers(one["numbers"]),
        )
        for one in found["endpoints"]
    ]
    print_table(columns, rows, right=("place",))


def _choice(one: dict[str, Any]) -> str:
    """What a router chose, and from what."""
    told = ", ".join(f"{name} {value}" for name, value in one.items() if name not in {"router", "candidates"})
    models = ", ".join(
        entry["model"] + (f" (quality {entry['quality']:.2f}, $ {entry['cost']:.6f})" if "quality" in entry else "")
        for entry in one.get("candidates", ())
    )
    return f"{one['router']}: {told}" + (f"; best first: {models}" if models else "")


def _why(one: dict[str, Any], found: dict[str, Any]) -> str:
    if one["rule"] is not None:
        return f"{one['rule']}: {one['detail']}"
    return next((f"by {entry['by']}" for entry in found["order"] if entry["model"] == one["model"]), "in its order")


def _numbers(numbers: dict[str, Any]) -> str:
    texts = (
        f"{name} {json.dumps(value) if isinstance(value, list | dict) else value}" for name, value in numbers.items()
    )
    return ", ".join(texts)
