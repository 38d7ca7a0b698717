"""A new OpenAI-compatible provider is one row, a new dialect is one file; neither needs a word in any other place."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from importlib.resources import files
from pathlib import Path

import pytest

from conformance.kit import adapter_of
from examples import a_request, an_endpoint
from gateway import Gateway, model_tables
from rawprovider import RawProvider, json_answer, whole_answer
from turnout.app.configuration import load_configuration
from turnout.app.outside import NOTHING_OUTSIDE
from turnout.app.providers import adapters_for, known_slugs, providers_of
from turnout.config import BadConfiguration
from turnout.providers import dialects
from turnout.providers.compatible import parse_compatible
from turnout.providers.dialects import find_dialect, installed_dialects, load_dialects

ROW = """
[acme]
name = "Acme"
base_url = "https://api.acme.example/v1"
credential = ["ACME_API_KEY"]
docs = "https://docs.acme.example"
"""

MORSE = '''
"""A dialect of dots and dashes, all of it in this file."""

import json

from msgspec import Raw

from turnout.base.errors import UpstreamError
from turnout.contracts.provider import Dialect, Outgoing
from turnout.domain.completion import Choice, Chunk, ChunkChoice, Completion
from turnout.domain.usage import Usage

_CODE = {"s": "...", "o": "---"}


class _Decoder:
    ended = False

    def feed(self, piece):
        if b"AR" in piece:
            self.ended = True
        return [_chunk(piece)] if piece else []

    def flush(self):
        return []


def _chunk(piece):
    text = piece.replace(b"AR", b"").decode()
    usage = Usage(fresh=3, completion=1)
    return Chunk([ChunkChoice(Raw(json.dumps({"content": text}).encode()), 0, "stop", "AR")], usage)


class Adapter:
    prepare = None

    def __init__(self, provider):
        self._host = provider.base_url.removeprefix("http://").partition("/")[0]

    def outgoing(self, request, endpoint):
        text = json.loads(bytes(request.fields["messages"]))[-1]["content"]
        signs = " ".join(_CODE.get(letter, letter) for letter in text.lower())
        head = f"POST /key HTTP/1.1\\r\\nHost: {self._host}\\r\\nContent-Length: ".encode()
        return Outgoing(head, json.dumps({"model": endpoint.upstream_model, "signs": signs}).encode(), ("temperature",))

    def completion(self, body):
        try:
            text = json.loads(body)["signs"]
        except (ValueError, KeyError, TypeError):
            raise UpstreamError("no morse") from None
        message = {"content": Raw(json.dumps(text).encode())}
        return Completion([Choice(message, 0, "stop", "AR")], Usage(fresh=3, completion=1), "m1")

    def decoder(self):
        return _Decoder()

    def failure(self, status, retry_after, body):
        return UpstreamError("the line is down", upstream_status=status)


DIALECT = Dialect(name="morse", adapter=lambda provider, outside: Adapter(provider))
'''


@pytest.fixture
def _afresh() -> Iterator[None]:
    """What is found is kept; a test that adds something must see it, and leave nothing behind."""
    kept = (load_dialects, installed_dialects, find_dialect)
    for one in kept:
        one.cache_clear()
    yield
    for one in kept:
        one.cache_clear()
    sys.modules.pop(f"{dialects.__name__}.morse", None)


# -- one row --


def test_a_provider_is_one_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shipped = files("turnout.providers").joinpath("compatible.toml").read_text(encoding="utf-8")
    table = parse_compatible(shipped + ROW)
    monkeypatch.setattr("turnout.app.providers.load_compatible", lambda: table)
    environment = {"ACME_API_KEY": "canary-key"}
    assert "acme" in known_slugs()
    path = tmp_path / "turnout.toml"
    path.write_text("")
    settings = load_configuration(path, {}, environment).settings
    providers, warnings = providers_of(settings, environment, "http://127.0.0.1:1/v1")
    assert warnings == []
    assert providers["acme"].usable
    assert not providers_of(settings, {}, "http://127.0.0.1:1/v1")[0]["acme"].usable
    outgoing = adapters_for(providers, NOTHING_OUTSIDE)["acme"].outgoing(a_request(), an_endpoint())
    assert b"Host: api.acme.example\r\n" in outgoing.head
    assert b"POST /v1/chat/completions" in outgoing.head
    assert b"canary-key" in outgoing.head


def test_a_provider_of_the_operators_own_is_one_table(tmp_path: Path) -> None:
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Aye."}, "finish_reason": "stop"}]}
    with RawProvider({"tiny-1": json_answer(answer)}) as provider:
        toml = "[catalog]\nbundled = false\n" + f'[providers.acme]\nbase_url = "{provider.base_url}"\n'
        toml += model_tables("acme/tiny", [("acme", "tiny-1", '{ prompt = "0", completion = "0" }')])
        with Gateway(tmp_path, toml) as gateway:
            reply = gateway.chat(model="acme/tiny", messages=[{"role": "user", "content": "Ready?"}])
    assert reply.json()["choices"][0]["message"]["content"] == "Aye."


# -- one file --


@pytest.mark.usefixtures("_afresh")
def test_a_dialect_is_one_file_in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "morse.py").write_text(MORSE)
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])
    assert "morse" in load_dialects()
    assert find_dialect("morse") is load_dialects()["morse"]
    assert json.loads(adapter_of("morse").outgoing(a_request(), an_endpoint()).body)["model"] == "tiny-1"


@pytest.mark.usefixtures("_afresh")
@pytest.mark.parametrize("text", ["", "DIALECT = 1", MORSE.replace('"morse"', '"openai"')])
def test_a_file_that_is_no_dialect_of_its_own_is_found_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    (tmp_path / "morse.py").write_text(text)
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])
    with pytest.raises(TypeError, match="no dialect of its own"):
        load_dialects()


# -- or one package --


def package(root: Path, module: str, points: str, text: str = MORSE) -> None:
    """An installed package, as an installer leaves it."""
    (root / f"{module}.py").write_text(text)
    installed = root / f"{module}-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[turnout.providers]\n{points}\n")


def configured(path: Path, dialect: str) -> Path:
    file = path / "turnout.toml"
    file.write_text(f'[providers.acme]\ndialect = "{dialect}"\nbase_url = "http://127.0.0.1:1"\n')
    return file


@pytest.mark.usefixtures("_afresh")
def test_a_package_is_loaded_only_where_the_configuration_names_its_dialect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package(tmp_path, "morse_for_turnout", "morse = morse_for_turnout:DIALECT")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed_dialects() == {"morse"}
    load_configuration(configured(tmp_path, "openai"), {}, {})
    assert "morse_for_turnout" not in sys.modules
    assert "morse" not in load_dialects()
    settings = load_configuration(configured(tmp_path, "morse"), {}, {}).settings
    assert "morse_for_turnout" in sys.modules
    providers, _ = providers_of(settings, {}, "http://127.0.0.1:1/v1")
    assert providers["acme"].usable
    assert type(adapters_for(providers, NOTHING_OUTSIDE)["acme"]).__module__ == "morse_for_turnout"
    del sys.modules["morse_for_turnout"]


@pytest.mark.usefixtures("_afresh")
@pytest.mark.parametrize(
    ("point", "text", "why"),
    [
        ("morse = nowhere_at_all:DIALECT", "", "ModuleNotFoundError"),
        ("morse = morse_broken:DIALECT", "raise RuntimeError('canary')", "RuntimeError"),
        ("morse = morse_broken:MISSING", "", "AttributeError"),
        ("morse = morse_broken:DIALECT", "DIALECT = 1", "gives something else"),
        ("morse = morse_broken:DIALECT", MORSE.replace('"morse"', '"telegraph"'), "gives something else"),
    ],
)
def test_a_package_that_does_not_keep_its_word_is_a_mistake_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, point: str, text: str, why: str
) -> None:
    package(tmp_path, "morse_broken", point, text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        BadConfiguration, match=rf"providers\.acme\.dialect: the dialect morse cannot be loaded.*{why}"
    ) as found:
        load_configuration(configured(tmp_path, "morse"), {}, {})
    assert "canary" not in str(found.value)
    sys.modules.pop("morse_broken", None)


@pytest.mark.usefixtures("_afresh")
def test_a_package_cannot_take_the_place_of_a_shipped_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("openai", "nowhere_at_all:DIALECT", "turnout.providers")
    monkeypatch.setattr("turnout.contracts.extension.entry_points", lambda **_: [point])
    assert installed_dialects() == frozenset()
    assert find_dialect("openai") is load_dialects()["openai"]


def test_a_dialect_that_nobody_speaks_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(
        BadConfiguration, match=r"providers\.acme\.dialect: must be openai, .*or one that an installed package adds"
    ):
        load_configuration(configured(tmp_path, "smoke-signals"), {}, {})


@pytest.mark.parametrize("stream", [False, True])
def test_the_gateway_answers_in_a_dialect_that_a_package_adds(tmp_path: Path, stream: bool) -> None:  # noqa: FBT001 - drawn
    package(tmp_path, "morse_for_turnout", "morse = morse_for_turnout:DIALECT")
    answer = whole_answer(b"... AR", kind="text/event-stream") if stream else json_answer({"signs": "..."})
    with RawProvider({"key-1": answer}) as provider:
        toml = (
            "[catalog]\nbundled = false\n" + f'[providers.acme]\ndialect = "morse"\nbase_url = "{provider.base_url}"\n'
        )
        toml += model_tables("acme/tiny", [("acme", "key-1", '{ prompt = "0.000001", completion = "0" }')])
        with Gateway(tmp_path, toml, environment={"PYTHONPATH": str(tmp_path)}) as gateway:
            reply = gateway.chat(model="acme/tiny", stream=stream, messages=[{"role": "user", "content": "SOS"}])
    assert reply.status == 200
    if stream:
        [first, *_, last, done] = reply.events()
        assert (first["choices"][0]["delta"]["content"].strip(), last["usage"]["cost"], done) == (
            "...",
            0.000003,
            "[DONE]",
        )
    else:
        assert reply.json()["choices"][0]["message"]["content"] == "..."
        assert reply.json()["usage"]["cost"] == 0.000003
