"""Secrets and prompts stay where they belong: in no log line, error, metric, record or file."""

from __future__ import annotations

import json
import socketserver
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway import API_KEY, MANAGEMENT_KEY, FakeServer, Gateway, Reply, model_tables, provider_table, running
from rawhttp import connected, converse, post_chat
from rawprovider import RawProvider, Script, event, stream_of

_UPSTREAM_KEY = "upstream-canary-7f3a9c51e2"
_HEADER_SECRET = "header-canary-55aa10f7"
_PROMPT = "prompt-canary-c0ffee42"
_ANSWER = "answer-canary-8badf00d"
_STRANGER = "sk-to-v1-" + "c7" * 32
_SECRETS = (API_KEY, MANAGEMENT_KEY, _STRANGER, _UPSTREAM_KEY, _HEADER_SECRET)


def _echoing(status: int, wording: str) -> Script:
    """A refusal whose words repeat the credential that came."""

    def answer(handler: socketserver.StreamRequestHandler, headers: Mapping[str, str]) -> None:
        words = wording.format(key=headers["authorization"].removeprefix("Bearer "), header=headers["x-secret"])
        body = json.dumps({"error": {"message": words, "code": words, "type": words}}).encode()
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        handler.wfile.write(head.encode() + body)

    return answer


def _echo_in_stream(handler: socketserver.StreamRequestHandler, headers: Mapping[str, str]) -> None:
    says = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": _ANSWER}}]})
    error = event({"error": {"message": f"your key {headers['authorization']} is out of credit", "code": 429}})
    handler.wfile.write(stream_of(says, error))


_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 503, 504)
_WORDINGS = {
    "plain": "the key {key} and the header {header} are wrong",
    "cut-off": "x" * 385 + "{key}",
    "bare": "{key}",
}
_SCRIPTS: Mapping[str, Script] = {
    **{f"{name}-{status}": _echoing(status, wording) for name, wording in _WORDINGS.items() for status in _STATUSES},
    "in-stream": _echo_in_stream,
}
_FAULTS = ("hang", "reset", "reset-after-3", "malformed", "error-in-stream", "html", "empty", "status-500", "lorem-5")


class House(NamedTuple):
    gateway: Gateway
    replies: list[Reply]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("canary")
    with RawProvider(_SCRIPTS) as raw, running(fake := FakeServer(directory)):
        toml = '[catalog]\nbundled = false\n[logging]\nlevel = "debug"\nformat = "json"\n'
        for slug, address in (("raw", raw.base_url), ("acme", fake.base_url)):
            toml += provider_table(
                slug,
                address,
                headers=f'{{ "X-Secret" = "{_HEADER_SECRET}" }}',
                timeouts="{ first_byte = 0.5, idle = 0.5 }",
            ).replace('"sk-upstream-secret"', '"env:UPSTREAM_KEY"')
        toml += "".join(model_tables(f"raw/{name}", [("raw", name, "{}")]) for name in _SCRIPTS)
        toml += "".join(model_tables(f"acme/{word}", [("acme", word, "{}")]) for word in _FAULTS)
        with Gateway(directory, toml, environment={"UPSTREAM_KEY": _UPSTREAM_KEY}) as gateway:
            replies = [
                gateway.chat(f"{author}/{name}", f"Say {_PROMPT}", stream=stream)
                for author, names in (("raw", list(_SCRIPTS)), ("acme", list(_FAULTS)))
                for name in names
                for stream in (True, False)
            ]
            _misbehave(gateway)
            yield House(gateway, replies)


def _misbehave(gateway: Gateway) -> None:
    """What clients do wrong, secrets in hand."""
    body = {"model": "acme/lorem-5", "messages": [{"role": "user", "content": _PROMPT}]}
    wrong: list[Mapping[str, object]] = [
        body | {"temperature": _PROMPT},
        body | {_PROMPT: 1, "messages": _PROMPT},
        body | {"model": f"nobody/{_PROMPT}"},
        body | {"provider": {"order": [_PROMPT], "only": [_PROMPT]}},
        body | {"metadata": {"key": API_KEY}},
    ]
    for one in wrong:
        gateway.request("POST", "/v1/chat/completions", one)
    gateway.request("POST", "/v1/chat/completions", body, key=_STRANGER)
    gateway.request("GET", "/v1/key", key=_STRANGER)
    gateway.request("GET", f"/v1/key?api_key={API_KEY}")
    gateway.request("GET", f"/v1/generation?id={_STRANGER}")
    gateway.request("GET", f"/{API_KEY}")
    converse(gateway.port, post_chat(b"{" + _PROMPT.encode()))
    converse(gateway.port, post_chat(json.dumps(body).encode(), "Content-Length: 5"))
    converse(gateway.port, f"{API_KEY} / HTTP/1.1\r\n\r\n".encode())
    with connected(gateway.port) as client:
        client.sendall(post_chat(json.dumps(body | {"model": "acme/hang"}).encode()))
        time.sleep(0.1)


def test_no_reply_repeats_a_secret(house: House) -> None:
    for reply in house.replies:
        text = reply.body.decode() + repr(reply.headers)
        for secret in _SECRETS:
            assert secret not in text
        assert _UPSTREAM_KEY[:10] not in text  # nor the beginning of one that was cut off


def test_an_error_still_says_what_is_not_secret(house: House) -> None:
    refused = [reply for reply in house.replies if b"the key ********" in reply.body]
    assert len(refused) >= 10


def test_no_record_holds_a_secret_or_a_word_of_the_conversation(house: House) -> None:
    for reply in house.replies:
        record = json.dumps(house.gateway.generation(reply))
        for secret in (*_SECRETS, _PROMPT, _ANSWER):
            assert secret not in record


def test_no_log_line_holds_a_secret_or_a_word_of_the_conversation(house: House) -> None:
    log = house.gateway.log()
    assert "ready at" in log
    for secret in (*_SECRETS, _PROMPT, _ANSWER):
        assert secret not in log


def test_no_metric_holds_a_secret_or_a_word_of_the_conversation(house: House) -> None:
    metrics = house.gateway.request("GET", "/metrics", key=MANAGEMENT_KEY).body.decode()
    assert "turnout_" in metrics
    for secret in (*_SECRETS, _PROMPT, _ANSWER):
        assert secret not in metrics


def test_no_file_holds_a_secret_or_a_word_of_the_conversation(house: House) -> None:
    files = [path for path in house.gateway.data_dir.rglob("*") if path.is_file()]
    assert any(path.suffix == ".journal" for path in files)
    assert any(path.name.endswith("-wal") for path in files)
    for path in files:
        content = path.read_bytes()
        for secret in (*_SECRETS, _PROMPT, _ANSWER):
            assert secret.encode() not in content, path


def test_files_are_for_their_owner_alone(house: House) -> None:
    data_dir = house.gateway.data_dir
    assert data_dir.stat().st_mode & 0o077 == 0
    for path in data_dir.rglob("*"):
        if path.name == "first-key" or path.suffix in {".sqlite", ".journal"} or path.name.endswith(("-wal", "-shm")):
            assert path.stat().st_mode & 0o077 == 0, path


def test_no_command_line_holds_a_secret(tmp_path: Path) -> None:
    with Gateway(tmp_path, "[catalog]\nbundled = false\n", workers=2) as gateway:
        time.sleep(0.3)
        commands = b"".join(_command(folder) for folder in Path("/proc").iterdir() if folder.name.isdigit())
        assert b"turnout" in commands
        for secret in (gateway.key, gateway.management_key):
            assert secret.encode() not in commands


def _command(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""
