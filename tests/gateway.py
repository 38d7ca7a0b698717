"""Real processes for tests: the gateway and fake providers, on loopback, with files of their own."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

__all__ = [
    "API_KEY",
    "MANAGEMENT_KEY",
    "FakeServer",
    "Gateway",
    "Reply",
    "model_tables",
    "of_each_plane",
    "provider_table",
    "running",
]

API_KEY = "sk-to-v1-" + "a1" * 32
MANAGEMENT_KEY = "sk-to-v1-" + "b2" * 32
_START_SECONDS = 90.0


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - tests look inside
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The data of a stream's events, ``[DONE]`` as text, comments left out."""
        lines = self.body.decode().split("\n")
        texts = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        return [text if text == "[DONE]" else json.loads(text) for text in texts]


class Gateway:
    """``turnout serve`` with a configuration of its own: use as a context manager.

    *toml* is the configuration file's text, *descriptors* the most files that the process may open.
    ``url`` is the address without a path, ``key`` an ordinary key.
    """

    def __init__(
        self,
        directory: Path,
        toml: str = "",
        *,
        environment: Mapping[str, str] | None = None,
        workers: int = 1,
        descriptors: int | None = None,
    ) -> None:
        self.data_dir = directory / "data"
        self.config = directory / "turnout.toml"
        self.log_path = directory / "gateway.log"
        self.key = API_KEY
        self.management_key = MANAGEMENT_KEY
        self.url = ""
        self.port = 0
        self._environment = dict(environment or {})
        self._workers = workers
        self._descriptors = descriptors
        self.process: subprocess.Popen[bytes] | None = None
        self.config.write_text(toml)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "turnout", "serve", "--config", str(self.config), "--port", str(self.port)]
        command += ["--data-dir", str(self.data_dir), "--workers", str(self._workers)]
        if self._descriptors is not None:
            command = ["sh", "-c", f'ulimit -n {self._descriptors}; exec "$0" "$@"', *command]
        inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG") if name in os.environ}
        environment = inherited | {"TURNOUT_API_KEY": API_KEY, "TURNOUT_MANAGEMENT_KEY": MANAGEMENT_KEY}
        with self.log_path.open("ab") as log:
            begun = log.tell()
            self.process = subprocess.Popen(  # noqa: S603 - the program under test
                command, stdout=log, stderr=log, env=environment | self._environment, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while not (found := re.search(r"ready at (http://\S+)", self.log_path.read_text()[begun:])):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()  # nobody else would: a context manager that cannot be entered is not left either
                raise RuntimeError(f"the gateway did not start:\n{self.log_path.read_text()}")
            time.sleep(0.01)
        self.url = found[1]
        self.port = urlsplit(self.url).port or 0

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 60.0) -> int:
        """End the process and return its exit status; kills it when it does not end in time."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL to the process and all of its children."""
        assert self.process is not None
        with suppress(ProcessLookupError):  # all are gone already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log(self) -> str:
        return self.log_path.read_text()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = API_KEY,
        timeout: float = 100.0,
    ) -> Reply:
        """One request; *body* is sent as JSON unless it is bytes."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data is not None else {}
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, data, sent | dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def chat(self, model: str, text: str = "Hello, Turnout!", **fields: object) -> Reply:
        """``POST /api/v1/chat/completions`` with one user message."""
        body = {"model": model, "messages": [{"role": "user", "content": text}]} | fields
        return self.request("POST", "/api/v1/chat/completions", body)

    def generation(self, reply: Reply) -> Any:  # noqa: ANN401 - tests look inside
        """The record of an answer."""
        return self.request("GET", f"/api/v1/generation?id={reply.headers['x-generation-id']}").json()["data"]


class FakeServer:
    """The fake provider as a process of its own, with its journal as the oracle: use as a context manager."""

    def __init__(self, directory: Path, name: str = "fake") -> None:
        self.journal_path = directory / f"{name}.journal"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "turnout.providers.fake", "--journal", str(self.journal_path)]
        command += ["--port", str(self.port)]  # the same one when it is started again
        self.process = subprocess.Popen([*command, "--journal-bodies", "--with-parent"], stdout=subprocess.PIPE)  # noqa: S603 - our own
        assert self.process.stdout is not None
        self.port = json.loads(self.process.stdout.readline())["port"]
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def journal(self) -> list[Any]:
        """All entries so far."""
        if not self.journal_path.exists():
            return []
        return [json.loads(line) for line in self.journal_path.read_bytes().split(b"\n") if line]


def provider_table(slug: str, base_url: str, **keys: str) -> str:
    """A ``[providers.x]`` table; values of *keys* are TOML as they stand."""
    lines = [f"[providers.{slug}]", f'base_url = "{base_url}"', 'api_key = "sk-upstream-secret"']
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in keys.items())]) + "\n"


def model_tables(model: str, endpoints: Sequence[tuple[str, str, str]]) -> str:
    """A ``[[models]]`` entry; each endpoint is (provider, upstream model, TOML of its pricing)."""
    tables = [f'[[models]]\nid = "{model}"']
    tables += [
        f'[[models.endpoints]]\nprovider = "{provider}"\nupstream_model = "{upstream}"\npricing = {pricing}'
        for provider, upstream, pricing in endpoints
    ]
    return "\n".join(tables) + "\n"


@contextmanager
def running(*servers: FakeServer | Gateway) -> Iterator[None]:
    """Several at once."""
    started: list[FakeServer | Gateway] = []
    try:
        for server in servers:
            server.__enter__()
            started.append(server)
        yield
    finally:
        for server in reversed(started):
            server.__exit__(None, None, None)


@contextmanager
def of_each_plane(folder: Callable[[str], Path], toml: str) -> Iterator[Callable[[str], Gateway]]:
    """A gateway by its ``server.data_plane``, started when it is first asked for. None of them makes a mistake."""
    started: dict[str, Gateway] = {}
    with ExitStack() as stack:

        def gateway(plane: str) -> Gateway:
            if plane not in started:
                own = f'server.data_plane = "{plane}"\n{toml}'
                started[plane] = stack.enter_context(Gateway(folder(plane), own))
            return started[plane]

        yield gateway
        for one in started.values():
            assert "mistake of ours" not in one.log()
            assert "Traceback" not in one.log()
