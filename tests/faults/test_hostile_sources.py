"""Sources of the catalog that are down, slow, cut off, too large or malicious: the last good catalog stays."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from commands import turnout
from feeds import Feeds, models_dev, openrouter_model, price
from syncing import NOON, Installation
from turnout.app import sync_sources
from turnout.catalog.sync_fetch import Bounds

_SECRET = "sk-acme-very-secret"
_GOOD = [openrouter_model(f"acme/m{number}", price("0.000001", "0.000002")) for number in range(6)]


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with Feeds() as running:
        running["/or/models"] = {"data": _GOOD}
        for entry in _GOOD:
            running[f"/or/models/{entry['id']}/endpoints"] = {"data": {"endpoints": []}}
        running["/api.json"] = models_dev(openai={f"gpt-{number}": (1, 2) for number in range(6)})
        running["/own/models"] = {"data": [{"id": f"own-{number}"} for number in range(6)]}
        yield running


@pytest.fixture
def here(feeds: Feeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation that has synced well once, and whose limits are small."""
    own = f'[providers.own]\nbase_url = "{feeds.url}/own"\napi_key = "{_SECRET}"\n'
    installation = Installation(tmp_path, feeds.toml(["providers", "openrouter", "models.dev"]) + own)
    assert all(source.well for source in installation.sync().sources)
    small = Bounds(size=100_000, seconds=3.0, connect_seconds=2.0, silence_seconds=2.0)
    monkeypatch.setattr(sync_sources, "_LIST_BOUNDS", small)
    monkeypatch.setattr(sync_sources, "_FILE_BOUNDS", small)
    return installation


def _listed(here: Installation) -> dict[str, Any]:
    """What is served, but for its age."""
    catalog = here.catalog()
    return {model_id: replace(model, created=0) for model_id, model in catalog.models.items()}


def _cut_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [{"id": "acme/m1"')
    handler.close_connection = True


def _drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def _silent(_handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3.5)


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b'{"data": [' + b" " * 10_000)
    handler.close_connection = True


def _bomb(handler: BaseHTTPRequestHandler) -> None:
    import gzip  # noqa: PLC0415 - used here alone

    body = gzip.compress(b" " * 50_000_000)
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _not_gzip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", "12")
    handler.end_headers()
    handler.wfile.write(b'{"data": []}')


def _elsewhere(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/acme/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _fails(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(500)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


_BROKEN: dict[str, object] = {
    "cut off": _cut_off,
    "dripping": _drips,
    "silent": _silent,
    "endless": _endless,
    "a bomb": _bomb,
    "no gzip": _not_gzip,
    "a redirect": _elsewhere,
    "a failure": _fails,
    "nothing": b"",
    "half of it": json.dumps({"data": _GOOD}).encode()[:-40],
    "a page": b"<!doctype html><title>Sign in</title>",
    "too large": {"data": _GOOD, "padding": "x" * 1_000_000},
    "10,000 deep": b'{"data":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 objects deep": b'{"data":[' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"]}",
    "other types": {"data": {"id": 7}, "models": "none"},
    "a number": b"17",
    "no text": b'{"data": [{"id": "\xff\xfe"}]}',
    "no models": {"data": []},
    "wrong everywhere": {"data": [None, 1, "x", [], {}, {"id": None}, {"id": {}}, {"id": ["acme/m1"]}, {"name": 3}]},
}


@pytest.mark.parametrize("kind", _BROKEN)
@pytest.mark.parametrize("path", ["/or/models", "/api.json", "/own/models"])
def test_a_source_that_cannot_be_read_leaves_the_last_good_catalog_and_says_so_in_one_line(
    feeds: Feeds, here: Installation, path: str, kind: str
) -> None:
    before = _listed(here)
    feeds[path] = _BROKEN[kind]
    if kind in {"other types", "no models", "wrong everywhere"} and path == "/api.json":
        feeds[path] = {"openai": {"id": "openai", "models": 7}, "x": None, "y": {"id": 1, "models": {"m": []}}}
    report = here.sync(NOON + 60)
    failed = [source for source in report.sources if not source.well]
    assert len(failed) == 1, report.sources
    assert "\n" not in failed[0].text
    assert len(failed[0].text) < 300
    assert failed[0].text.endswith("; the copy of 2026-11-20 stays")
    assert not report.failed
    assert report.changes == ()
    assert _listed(here) == before


def test_all_sources_down_is_a_failure_and_changes_nothing(feeds: Feeds, here: Installation) -> None:
    before = here.catalog()
    for path in ("/or/models", "/api.json", "/own/models"):
        del feeds[path]
    report = here.sync(NOON + 60)
    assert report.failed
    assert here.catalog() == before  # its age included


def _malicious(change: Callable[[dict[str, Any]], object]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(json.dumps(_GOOD))
    for entry in entries[:2]:
        change(entry)
    return entries


@pytest.mark.parametrize("text", ["NaN", "-NaN", "sNaN", "Infinity", "-1", "-0.000001", "1e400", "1e999999999", "5",
                                  "0x10", "", " ", "9" * 100, "1e-400", "\u0661", "1_000"])  # fmt: skip
def test_a_price_that_is_none_keeps_the_old_one(feeds: Feeds, here: Installation, text: str) -> None:
    before = _listed(here)
    feeds["/or/models"] = {"data": _malicious(lambda entry: entry["pricing"].update(prompt=text))}
    here.sync(NOON + 60)
    assert _listed(here) == before


@pytest.mark.parametrize("raw", ["1e400", "-1", "NaN", "0", "99999999999999999999999", "true", "null", "[]", '"x"'])
def test_a_number_that_is_no_price_keeps_the_old_one(feeds: Feeds, here: Installation, raw: str) -> None:
    before = _listed(here)
    body = json.dumps(models_dev(openai={f"gpt-{number}": (1, 2) for number in range(6)}))
    feeds["/api.json"] = body.replace('"input": 1,', f'"input": {raw},', 1).encode()
    here.sync(NOON + 60)
    assert _listed(here) == before


def test_an_override_cannot_smuggle_a_price_in(feeds: Feeds, here: Installation) -> None:
    before = _listed(here)
    overrides = [{"min_prompt_tokens": 0, "prompt": "0.09", "completion": "0"}]
    feeds["/or/models"] = {"data": _malicious(lambda entry: entry["pricing"].update(overrides=overrides))}
    here.sync(NOON + 60)
    assert {one: [e.pricing for e in model.endpoints] for one, model in _listed(here).items()} == {
        one: [e.pricing for e in model.endpoints] for one, model in before.items()
    }


def test_markup_in_names_does_not_come_through(feeds: Feeds, here: Installation) -> None:
    image = "<img src=x onerror=alert(1)>"
    feeds["/or/models"] = {
        "data": [
            *_malicious(lambda entry: entry.update(name=f"Acme {image}", tokenizer=image)),
            openrouter_model(f"acme/{image}", price("0.000001", "0.000001")),
            openrouter_model("acme/quote'\"", price("0.000001", "0.000001")),
            openrouter_model("acme/../../keys", price("0.000001", "0.000001")),
            openrouter_model("acme/a b\r\nX-Injected: 1", price("0.000001", "0.000001")),
        ]
    }
    here.sync(NOON + 60)
    catalog = here.catalog()
    shown = [text for model in catalog.models.values() for text in (model.id, model.name, *model.aliases)]
    assert [text for text in [*shown, *catalog.names] if set(text) & set("<>\"'\r\n")] == []
    assert all("x-injected" not in headers and ".." not in path for path, headers in feeds.asked)


def test_a_name_of_ten_megabytes_is_not_taken_over(
    feeds: Feeds, here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_sources, "_LIST_BOUNDS", Bounds())
    long = "x" * 10_000_000
    entries = [openrouter_model(f"acme/{long}", price("0", "0")), *_malicious(lambda entry: entry.update(name=long))]
    feeds["/or/models"] = {"data": entries}
    here.sync(NOON + 60)
    catalog = here.catalog()
    assert max(len(text) for model in catalog.models.values() for text in (model.id, model.name)) < 300
    assert (here.data_dir / "catalog.snapshot").stat().st_size < 1_000_000


def test_models_that_stand_twice_count_once(feeds: Feeds, here: Installation) -> None:
    before = _listed(here)
    twice = [entry | {"pricing": price("0.000001", "0.0000015"), "context_length": 7} for entry in _GOOD]
    feeds["/or/models"] = {"data": [*_GOOD, *twice]}
    here.sync(NOON + 60)
    assert _listed(here) == before


def test_names_that_lead_in_circles_do_not_hang_anything(feeds: Feeds, here: Installation) -> None:
    entries: list[dict[str, Any]] = json.loads(json.dumps(_GOOD))
    for entry, other in zip(entries, [*entries[1:], entries[0]], strict=True):
        entry["canonical_slug"] = other["id"]
        entry["alias_target"] = {"id": other["id"]}
    feeds["/or/models"] = {"data": entries}
    here.sync(NOON + 60)
    catalog = here.catalog()
    for entry in entries:
        found = catalog.find(entry["id"])
        assert found is not None
        assert found.id == entry["id"]


def test_addresses_and_credentials_never_come_from_a_source(feeds: Feeds, tmp_path: Path) -> None:
    with Feeds() as thief:
        thief["/v1/models"] = {"data": [{"id": "stolen"}]}
        poison = {
            "base_url": f"{thief.url}/v1", "api": f"{thief.url}/v1", "api_base": f"{thief.url}/v1", "url": thief.url,
            "env": ["OPENAI_API_KEY", "PATH"], "api_key_env": "OPENAI_API_KEY", "npm": "evil", "doc": thief.url,
            "credential": "PATH", "headers": {"Authorization": "Bearer evil"}, "models_path": thief.url,
        }  # fmt: skip
        feeds["/or/models"] = {"data": [entry | poison for entry in _GOOD]}
        feed = models_dev(openai={"gpt-1": (1, 2)}, evil={"gpt-1": (0, 0)}, own={"own-1": (1, 2)})
        feeds["/api.json"] = {slug: provider | poison for slug, provider in feed.items()} | poison
        feeds["/own/models"] = {"data": [{"id": "own-1"} | poison]} | poison
        own = f'[providers.own]\nbase_url = "{feeds.url}/own"\napi_key = "{_SECRET}"\n'
        environment = {"OPENAI_API_KEY": "sk-openai-secret"}
        toml = feeds.toml(["providers", "openrouter", "models.dev"]) + own
        toml += f'[providers.openai]\nbase_url = "{feeds.url}/openai/v1"\n'
        here = Installation(tmp_path, toml, environment)
        for moment in range(2):
            here.sync(NOON + 60 * moment)
        providers = here.catalog().providers
        assert "evil" not in providers
        addresses = {slug: provider.base_url for slug, provider in providers.items() if provider.usable}
        assert addresses.keys() == {"own", "openai", "fake"}
        assert not any(thief.url in provider.base_url for provider in providers.values())
        assert thief.asked == []
        for path, headers in feeds.asked:
            sent = headers.get("authorization", "")
            assert (_SECRET in sent) == path.startswith("/own/")
            assert ("sk-openai-secret" in sent) == path.startswith("/openai/")
        for written in here.data_dir.rglob("*"):
            if written.is_file():
                assert b"secret" not in written.read_bytes()


def test_the_command_says_each_failure_in_one_line_and_ends_with_status_1_only_if_all_failed(
    feeds: Feeds, tmp_path: Path
) -> None:
    (tmp_path / "turnout.toml").write_text(feeds.toml(["openrouter", "models.dev"]))
    feeds["/or/models"] = b"<html>"
    said = turnout(tmp_path, "catalog", "sync")
    assert said.returncode == 0
    assert len(said.stderr.splitlines()) == 1
    assert said.stderr.startswith("openrouter: its answer is not what it should be")
    feeds["/api.json"] = b"<html>"
    said = turnout(tmp_path, "catalog", "sync")
    assert said.returncode == 1
    assert len(said.stderr.splitlines()) == 3
    assert turnout(tmp_path, "catalog", "show", "openai/gpt-1").returncode == 0


@pytest.mark.parametrize("delay", [0.25, 0.45, 0.6, 0.75, 0.9])
def test_a_kill_during_a_sync_leaves_a_catalog_that_can_be_read(feeds: Feeds, here: Installation, delay: float) -> None:
    names = {f"gpt-{number}": (1.0, 2.0) for number in range(40)}
    feeds["/api.json"] = models_dev(openai=names)
    command = [sys.executable, "-m", "turnout", "catalog", "sync", "--config", str(here.config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    models = [one for one in here.catalog().models if one.startswith("openai/")]
    assert len(models) in {6, 40}
    assert here.sync(NOON + 60).failed is False  # the lock has gone with its holder
    assert len([one for one in here.catalog().models if one.startswith("openai/")]) == 40
