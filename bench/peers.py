"""Describes what is measured: gateways of ``peers/*.json``, other checkouts of Turnout, gateways that run already."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from places import BENCH, BUILD, BenchError

__all__ = ["Peer", "checkout_of_revision", "named_peer", "peer_in_checkout", "running_peer"]

_CHECKOUT = BENCH.parent


@dataclass(frozen=True, slots=True)
class Peer:
    """How to start a gateway and how to ask it. A field of ``peers/NAME.json`` has the name it has here.

    In the strings of a file ``{python}``, ``{bench}``, ``{checkout}``, ``{scratch}``, ``{port}`` and ``{key}`` are
    replaced; in ``model`` only ``{mock_model}``, the name that the mock upstream knows.
    """

    name: str
    port: int
    command: tuple[str, ...] = ()
    """Empty: it runs already."""
    key: str = "sk-bench"
    model: str = "{mock_model}"
    headers: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    ready_path: str = ""
    """Ready when a GET of it answers 200; left out: when a chat completion comes back right."""
    start_timeout_s: float = 90.0
    version: tuple[str, ...] = ()
    """Command that prints the version."""
    install: str = ""
    note: str = ""
    host: str = "127.0.0.1"
    base_path: str = "/v1"
    process: int | None = None
    """Root process of a gateway that already runs."""

    @property
    def scratch(self) -> Path:
        """Folder for whatever the gateway writes; emptied before it starts."""
        return BUILD / f"{self.name}-data"

    @property
    def url(self) -> str:
        """Base URL, with the version part."""
        return f"http://{self.host}:{self.port}{self.base_path}"

    def model_for(self, mock_model: str) -> str:
        """The name under which this gateway knows *mock_model*."""
        return self.model.replace("{mock_model}", mock_model)

    def require_program(self) -> None:
        """Raise :class:`BenchError`, with the way to install it, when the gateway's program is not there."""
        if self.command and shutil.which(self.command[0]) is None:
            hint = f"; install it with: {self.install}" if self.install else ""
            raise BenchError(f"{self.name} needs the program {self.command[0]}{hint}")

    def version_text(self) -> str:
        """One line about the version, empty when it is not known."""
        if not self.version:
            return ""
        try:
            environment = os.environ | self.environment
            done = subprocess.run(
                self.version, env=environment, capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return (done.stdout + done.stderr).strip().partition("\n")[0]


def named_peer(name: str, port_of_checkout: int = 0) -> Peer:
    """The peer described in ``peers/NAME.json``, or the checkout of Turnout in the folder *name*.

    *port_of_checkout* is for the latter only: the port of a described peer stands in its configuration.

    Raises:
        BenchError: neither is there.
    """
    if (Path(name) / "src" / "turnout").is_dir():
        checkout = Path(name).resolve()
        return peer_in_checkout(checkout, re.sub(r"\W+", "-", str(checkout)).strip("-"), port_of_checkout)
    file = BENCH / "peers" / f"{name}.json"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.json")))
        raise BenchError(f"there is no peer {name}; known are {known}")
    return _peer_from(json.loads(file.read_text()), name, _CHECKOUT)


def peer_in_checkout(checkout: Path, name: str, port: int) -> Peer:
    """Turnout as it stands in the folder *checkout*, under another name and, unless 0, another port.

    Its own ``bench/conf/turnout.toml`` is used where it has one, so that an older format stays readable.
    """
    fields = json.loads((BENCH / "peers" / "turnout.json").read_text())
    bench = checkout / "bench" if (checkout / "bench" / "conf" / "turnout.toml").is_file() else BENCH
    other = {"note": f"the sources in {checkout.name}"} | ({"port": port} if port else {})
    return _peer_from(fields | other, name, checkout, bench)


def checkout_of_revision(revision: str) -> Path:
    """Unpack the sources of a git revision of this repository under ``.build`` and return their folder.

    Raises:
        BenchError: git does not know *revision*.
    """
    git = ["git", "-C", str(_CHECKOUT)]
    resolved = subprocess.run(
        [*git, "rev-parse", "--short=12", f"{revision}^{{commit}}"], capture_output=True, text=True, check=False
    )
    if resolved.returncode:
        raise BenchError(f"git does not know the revision {revision}")
    folder = BUILD / f"revision-{resolved.stdout.strip()}"
    if not folder.is_dir():
        archive = subprocess.Popen([*git, "archive", resolved.stdout.strip()], stdout=subprocess.PIPE)
        with tarfile.open(fileobj=archive.stdout, mode="r|") as files:
            files.extractall(folder, filter="data")
        archive.wait()
    return folder


def running_peer(url: str, template: Peer) -> Peer:
    """A gateway that already runs at *url*; everything else as in *template*.

    Raises:
        BenchError: *url* has no address and port.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise BenchError(f"a URL like http://127.0.0.1:8000/v1 is wanted, not {url}")
    return replace(template, host=parts.hostname, port=parts.port, base_path=parts.path.rstrip("/"))


def _peer_from(fields: dict[str, Any], name: str, checkout: Path, bench: Path = BENCH) -> Peer:
    port = int(fields["port"])
    words = {
        "{python}": sys.executable,
        "{bench}": str(bench),
        "{checkout}": str(checkout),
        "{scratch}": str(BUILD / f"{name}-data"),
        "{port}": str(port),
        "{key}": str(fields.get("key", "sk-bench")),
    }

    def filled(text: str) -> str:
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    return Peer(
        **fields
        | {
            "name": name,
            "command": tuple(filled(part) for part in fields.get("command", ())),
            "version": tuple(filled(part) for part in fields.get("version", ())),
            "environment": {key: filled(value) for key, value in fields.get("environment", {}).items()},
        }
    )
