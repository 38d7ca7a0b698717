"""Clients as they are installed: their ordinary examples against the fake provider and recorded answers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import anthropic
import openai
import openrouter
import pytest

from answers import read_stream, read_whole
from gateway import Gateway, model_tables, provider_table
from recordings import Exchange, exchanges, stand_in

_HERE = Path(__file__).parent
_PACKAGES = (
    "openai@7.55.0", "@anthropic-ai/sdk@1.11.0", "@openrouter/sdk@1.3.19", "@openrouter/agent@0.8.0", "ai@7.0.173",
    "@openrouter/ai-sdk-provider@3.1.0", "@ai-sdk/openai-compatible@3.0.92", "@ai-sdk/anthropic@4.0.105",
    "@ai-sdk/openai@4.0.118", "zod@4.6.7",
)  # fmt: skip
_SCRIPTS = ("anthropic", "openai", "openrouter", "vercel")
_FRAMEWORKS = ("langchain", "pydantic_ai")
_DIALECTS = {
    "openai-chat": ("openai", "/v1"),
    "openai-responses": ("openai-responses", "/v1"),
    "anthropic": ("anthropic", "/v1"),
    "google": ("google", "/v1beta"),
}
"""Recordings with the dialect that they are in, and where its API stands."""
_PRICE = '{ prompt = "0.000001", completion = "0.000002" }'
_HELLO: Any = [{"role": "user", "content": "Hello, Turnout!"}]
_CALLS = (b'"function_call"', b'"functionCall"', b'"tool_use"', b'"tool_calls"')
_MOST_BYTES = 50_000
_OF_EACH_KIND = 4
_INSTALLING_SECONDS = 400
_RUNNING_SECONDS = 120


@cache
def _offered() -> dict[str, Exchange]:
    """Of each recording some short answers of each kind: whole and streamed, with calls of tools and without."""
    kinds: defaultdict[tuple[str, bool, bool], list[Exchange]] = defaultdict(list)
    for one in (one for name in _DIALECTS for one in exchanges(name)):
        body = one.body()
        if one.status == 200 and one.request.get("n", 1) == 1 and len(body) < _MOST_BYTES:
            kinds[one.provider, one.streamed, any(word in body for word in _CALLS)].append(one)
    return {one.id: one for found in kinds.values() for one in found[:_OF_EACH_KIND]}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with stand_in() as upstream:
        upstream.library = _offered()
        toml = "[catalog]\nbundled = false\n" + model_tables("acme/paid", [("fake", "echo", _PRICE)])
        for name, (dialect, path) in _DIALECTS.items():
            toml += provider_table(f"recorded-{name}", upstream.url + path, dialect=f'"{dialect}"')
        for model in ("acme/listed", "acme/listed-too"):  # models of the fake provider are not, beside those of others
            toml += model_tables(model, [("recorded-openai-chat", "unheard", _PRICE)])
        for one in upstream.library.values():
            toml += model_tables(f"recorded/{one.id}", [(f"recorded-{one.provider}", one.id, _PRICE)])
        with Gateway(tmp_path_factory.mktemp("gateway"), toml) as running:
            yield running
            assert "mistake of ours" not in running.log()


@pytest.fixture(scope="module")
def recorded(gateway: Gateway) -> list[dict[str, Any]]:
    """What a plain client reads of recorded answers that end well, one of each kind: text, and calls of tools.

    Of what a provider's own tools did, not every client knows what to make.
    """
    found: dict[tuple[str, bool, bool], dict[str, Any]] = {}
    for one in _offered().values():
        model = f"recorded/{one.id}"
        reply = gateway.chat(model, stream=one.streamed)
        assert reply.status == 200, reply.body
        answer = read_stream(reply.events()[:-1]) if one.streamed else read_whole(reply.json())
        said = answer.choices[0]
        calls = [{"name": call.name, "arguments": call.arguments} for call in said.tool_calls]
        if (said.text or calls) and b"reasoning.server_tool_call" not in reply.body:
            heard = {"model": model, "streamed": one.streamed, "text": said.text, "calls": calls}
            found.setdefault((one.provider, one.streamed, bool(calls)), heard)
    return list(found.values())


# -- the SDKs in Python: what they do with the fake provider stands in tests/contract and tests/e2e --

_Heard = tuple[str, list[tuple[str, Any]]]


def _through_openai(gateway: Gateway, model: str, *, stream: bool) -> _Heard:
    with openai.OpenAI(base_url=f"{gateway.url}/api/v1", api_key=gateway.key, max_retries=0) as client:
        message: Any
        if stream:
            with client.chat.completions.stream(model=model, messages=_HELLO) as events:
                message = events.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(model=model, messages=_HELLO).choices[0].message
    calls = [(call.function.name, json.loads(call.function.arguments or "{}")) for call in message.tool_calls or ()]
    return message.content or "", calls


def _through_anthropic(gateway: Gateway, model: str, *, stream: bool) -> _Heard:
    with anthropic.Anthropic(base_url=f"{gateway.url}/api", api_key=gateway.key, max_retries=0) as client:
        message: Any
        if stream:
            with client.messages.stream(model=model, max_tokens=500, messages=_HELLO) as events:
                message = events.get_final_message()
        else:
            message = client.messages.create(model=model, max_tokens=500, messages=_HELLO)
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def _through_openrouter(gateway: Gateway, model: str, *, stream: bool) -> _Heard:
    with openrouter.OpenRouter(api_key=gateway.key, server_url=f"{gateway.url}/api/v1") as client:
        answer: Any = client.chat.send(model=model, messages=_HELLO, stream=stream, retries=None)
        if stream:
            chunks = [chunk.model_dump(mode="json") for chunk in answer]
            said = read_stream(chunks).choices[0]
        else:
            said = read_whole(answer.model_dump(mode="json")).choices[0]
    return said.text, [(call.name, json.loads(call.arguments or "{}")) for call in said.tool_calls]


@pytest.mark.parametrize("through", [_through_anthropic, _through_openai, _through_openrouter])
def test_python_sdks_read_recorded_answers(
    gateway: Gateway, recorded: Sequence[Mapping[str, Any]], through: Callable[..., _Heard]
) -> None:
    if not recorded:
        pytest.skip("TURNOUT_TEST_DATA names no folder with recorded-traffic")
    for one in recorded:
        expected = one["text"], [(call["name"], json.loads(call["arguments"] or "{}")) for call in one["calls"]]
        for stream in (True,) if one["streamed"] else (False, True):
            assert through(gateway, one["model"], stream=stream) == expected, (one["model"], stream)


# -- clients that are installed for these tests alone --


def _cached(name: str, contents: str) -> Path:
    """A folder for what was installed under a *name*; another one when its *contents* change."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "turnout-tests"
    return cache / f"{name}-{hashlib.sha256(contents.encode()).hexdigest()[:12]}"


def _install(folder: Path, command: Sequence[str]) -> None:
    """Run *command*, unless it has ended well before."""
    if (folder / "installed").exists():
        return
    refusal = f"{command[0]} cannot install what {folder.name} names"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALLING_SECONDS, check=False)  # noqa: S603 - a fixed command
    except subprocess.TimeoutExpired:
        pytest.skip(f"{refusal} in {_INSTALLING_SECONDS} seconds")
    if done.returncode:
        pytest.skip(f"{refusal}: {done.stderr[-300:]}")
    (folder / "installed").touch()


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scripts, and what they import beside them."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("there is no npm")
    folder = _cached("npm-clients", " ".join(_PACKAGES))
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts")
    _install(folder, [npm, "install", *quiet, "--prefix", str(folder), *_PACKAGES])
    place = tmp_path_factory.mktemp("scripts")
    for script in _HERE.glob("*.mjs"):
        shutil.copy(script, place)
    (place / "node_modules").symlink_to(folder / "node_modules")
    return place


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python with the frameworks."""
    wanted = _HERE / "requirements.txt"
    folder = _cached("python-clients", f"{sys.version_info[:2]} {wanted.read_text()}")
    command = folder / "bin" / "python"
    uv = shutil.which("uv")
    if not command.exists():
        venv.create(folder, with_pip=uv is None)
    pip = [str(command), "-m", "pip"] if uv is None else [uv, "pip"]
    where = [] if uv is None else ["--python", str(command)]
    _install(folder, [*pip, "install", "--quiet", *where, "-r", str(wanted)])
    return command


def _run(command: Sequence[str], gateway: Gateway, recorded: object) -> None:
    """Run the examples; what failed is told with its reason."""
    given = {"TURNOUT_URL": gateway.url, "TURNOUT_KEY": gateway.key, "RECORDED": json.dumps(recorded)}
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(  # noqa: S603 - a fixed command
        command,
        capture_output=True,
        text=True,
        timeout=_RUNNING_SECONDS,
        check=False,
        env=inherited | given,
        cwd=_HERE.parent,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines
    failed = [f"{line['example']}: {line['failure']}" for line in lines if line["failure"]]
    assert not failed, "\n".join(failed)


@pytest.mark.slow
@pytest.mark.timeout(_INSTALLING_SECONDS + _RUNNING_SECONDS + 20)
@pytest.mark.parametrize("script", _SCRIPTS)
def test_the_examples_of_a_typescript_client(
    modules: Path, gateway: Gateway, recorded: Sequence[object], script: str
) -> None:
    _run(["node", str(modules / f"{script}.mjs")], gateway, recorded)


@pytest.mark.slow
@pytest.mark.timeout(_INSTALLING_SECONDS + _RUNNING_SECONDS + 20)
@pytest.mark.parametrize("framework", _FRAMEWORKS)
def test_the_examples_of_a_python_framework(
    python: Path, gateway: Gateway, recorded: Sequence[object], framework: str
) -> None:
    _run([str(python), "-m", f"clients.{framework}_examples"], gateway, recorded)
