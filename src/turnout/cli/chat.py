"""A conversation with a model through a running server."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any

import typer

from turnout.base.errors import TurnoutError, Unavailable
from turnout.cli.options import ConfigOption, KeyOption, UrlOption
from turnout.cli.server import Server, connect, server_of

__all__ = ["chat"]

_SECONDS = 600.0
_OK = 200


def chat(
    model: Annotated[str, typer.Argument(help="Such as fake/echo or author/slug.")],
    prompt: Annotated[
        str | None, typer.Argument(help="Left out: standard input; on a terminal, line by line.", show_default=False)
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask a model through a running server and print its answer as it comes."""
    server = server_of(config, url, key)
    talk = sys.stdin.isatty() and prompt is None
    messages: list[dict[str, str]] = []
    for text in _prompts(prompt, talk=talk):
        messages.append({"role": "user", "content": text})
        messages.append({"role": "assistant", "content": _answer(server, model, messages)})


def _prompts(prompt: str | None, *, talk: bool) -> Iterator[str]:
    if prompt is not None:
        yield prompt
    elif not talk:
        yield sys.stdin.read()
    else:
        while True:
            try:
                text = input("> ")
            except EOFError:
                return
            if text.strip():
                yield text


def _answer(server: Server, model: str, messages: list[dict[str, str]]) -> str:
    """Print the answer while it arrives; return it.

    Raises:
        Unavailable: there is no server, or it breaks off.
        TurnoutError: the server refuses or fails, with its own words.
    """
    pieces: list[str] = []
    try:
        for event in _events(server, {"model": model, "messages": messages, "stream": True}):
            if "error" in event:
                typer.echo()
                raise TurnoutError(event["error"]["message"])
            for choice in event["choices"]:
                piece = choice["delta"].get("content") or ""
                pieces.append(piece)
                typer.echo(piece, nl=False)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unavailable(f"no answer from {server.url}: {reason} (is it running? turnout serve)") from None
    typer.echo()
    return "".join(pieces)


def _events(server: Server, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of one stream, ``[DONE]`` left out."""
    with closing(connect(server, _SECONDS)) as connection:
        connection.request("POST", f"{server.path}/api/v1/chat/completions", json.dumps(body), server.headers)
        answer = connection.getresponse()
        if answer.status != _OK:
            raise TurnoutError(_refusal(answer.status, answer.read()))
        for line in answer:
            text = line.decode().strip()
            if text.startswith("data: ") and text != "data: [DONE]":
                yield json.loads(text.removeprefix("data: "))


def _refusal(status: int, body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return f"the server answered with status {status}"
