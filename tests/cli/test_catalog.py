import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from commands import turnout
from feeds import Feeds, models_dev

_CONFIGURATION = """
[catalog]
bundled = false
[providers.acme]
base_url = "http://127.0.0.1:9/v1"
[[models]]
id = "acme/tiny"
name = "Acme: Tiny Thinker"
context_length = 8192
aliases = ["acme/small"]
[[models.endpoints]]
provider = "acme"
upstream_model = "tiny-1"
pricing = { prompt = "0.000001", completion = "0.0000025" }
[[models.endpoints]]
provider = "openai"
upstream_model = "tiny-2"
pricing = { prompt = "0.0000005", completion = "0.000002", input_cache_read = "0.0000001" }
"""


def _configured(directory: Path) -> Path:
    (directory / "turnout.toml").write_text(_CONFIGURATION)
    return directory


def test_search_finds_words_in_any_order_and_shows_the_lowest_price(tmp_path: Path) -> None:
    said = turnout(_configured(tmp_path), "catalog", "search", "thinker ACME")
    assert said.stdout.splitlines()[1:] == ["acme/tiny\t8,192\t0.5\t2\t2\t1"]


def test_search_can_leave_out_what_cannot_be_called(tmp_path: Path) -> None:
    (tmp_path / "turnout.toml").write_text(
        _CONFIGURATION.replace("[providers.acme]", "[providers.acme]\nenabled = false")
    )
    assert turnout(tmp_path, "catalog", "search", "tiny").returncode == 0
    said = turnout(tmp_path, "catalog", "search", "tiny", "--callable")
    assert (said.returncode, said.stdout) == (1, "")


def test_show_lists_every_endpoint_with_its_prices(tmp_path: Path) -> None:
    said = turnout(_configured(tmp_path), "catalog", "show", "acme/small")
    lines = said.stdout.splitlines()
    assert lines[0].split() == ["id", "acme/tiny"]
    assert lines[-2:] == ["acme\ttiny-1\tyes\t8,192\t1\t2.5\t-", "openai\ttiny-2\tno credential\t8,192\t0.5\t2\t0.1"]


def test_an_unknown_model_is_status_1(tmp_path: Path) -> None:
    for name in ("acme/huge", "not a name"):
        said = turnout(_configured(tmp_path), "catalog", "show", name)
        assert said.returncode == 1
        assert len(said.stderr.splitlines()) == 1


def test_the_shipped_catalog_is_read_without_a_server_and_leaves_nothing_behind(tmp_path: Path) -> None:
    said = turnout(tmp_path, "catalog", "search", "gpt-4o-mini")
    assert any(line.startswith("openai/gpt-4o-mini\t") for line in said.stdout.splitlines())
    assert list(tmp_path.iterdir()) == []


def _synced(directory: Path, feeds: Feeds) -> None:
    feeds["/api.json"] = models_dev(openai={"gpt-1": (1, 2), "gpt-2": (1, 2)})
    (directory / "turnout.toml").write_text(feeds.toml(["models.dev"]))
    said = turnout(directory, "catalog", "sync")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == ["models.dev: 2 models, read", "the catalog has changed: 2 new"]


def test_sync_tells_each_source_in_one_line_and_what_has_changed(tmp_path: Path) -> None:
    with Feeds() as feeds:
        _synced(tmp_path, feeds)
        said = turnout(tmp_path, "catalog", "sync")
        assert said.stdout.splitlines() == ["models.dev: 2 models, unchanged", "the catalog has not changed"]


def test_diff_shows_changes_and_quarantine_and_decides(tmp_path: Path) -> None:
    with Feeds() as feeds:
        _synced(tmp_path, feeds)
        feeds["/api.json"] = models_dev(openai={"gpt-1": (0, 2), "gpt-3": (1, 2)})
        said = turnout(tmp_path, "catalog", "sync")
        assert said.stdout.splitlines()[-1] == "the catalog has changed: 1 new, 1 retired"
    rows = [line.split("\t") for line in turnout(tmp_path, "catalog", "diff").stdout.splitlines()[1:]]
    assert [row[:2] for row in rows if row[0] != "quarantined"] == [
        ["retired", "openai/gpt-2"],
        ["new", "openai/gpt-3"],
    ]
    (held,) = [row for row in rows if row[0] == "quarantined"]
    assert held[2] == "openai gpt-1: prompt 1 $/M -> 0 $/M (says models.dev)"
    assert turnout(tmp_path, "catalog", "diff", "--approve", "00000000").returncode == 1
    assert turnout(tmp_path, "catalog", "diff", "--approve", held[1]).stdout.startswith("approved: openai gpt-1")
    assert "\t0\t2\t" in turnout(tmp_path, "catalog", "show", "openai/gpt-1").stdout
    assert "quarantined" not in turnout(tmp_path, "catalog", "diff").stdout
    assert "new\topenai/gpt-1" in turnout(tmp_path, "catalog", "diff", "--days", "1").stdout


def test_show_says_who_said_what_and_when(tmp_path: Path) -> None:
    with Feeds() as feeds:
        _synced(tmp_path, feeds)
    lines = turnout(tmp_path, "catalog", "show", "openai/gpt-1", "--provenance").stdout.splitlines()
    assert lines[0].split("\t") == ["of", "field", "value", "source", "said on"]
    (pricing,) = [line.split("\t") for line in lines if line.startswith("openai\tpricing")]
    assert pricing[2:4] == ["prompt 0.000001, completion 0.000002", "models.dev"]
    assert len(pricing[4]) == len("2026-11-20")
    assert turnout(tmp_path, "catalog", "show", "no/model", "--provenance").returncode == 1


def test_a_source_that_is_none_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "turnout.toml").write_text('catalog.sources = ["opnerouter"]')
    said = turnout(tmp_path, "catalog", "sync")
    assert (said.returncode, len(said.stderr.splitlines())) == (2, 1)


def test_a_terminal_gets_a_progress_bar(tmp_path: Path) -> None:
    with Feeds() as feeds:
        feeds["/api.json"] = models_dev(openai={f"gpt-{number}": (1, 2) for number in range(3000)})
        (tmp_path / "turnout.toml").write_text(feeds.toml(["models.dev"]))
        terminal, inner = pty.openpty()
        command = [sys.executable, "-m", "turnout", "catalog", "sync"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm"}
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=inner)  # noqa: S603 - our own
        os.close(inner)
        shown = b""
        with suppress(OSError):  # a terminal that nobody holds any longer
            while piece := os.read(terminal, 65_536):
                shown += piece
        os.close(terminal)
        assert process.communicate()[0].splitlines()[0] == b"models.dev: 3,000 models, read"
    assert b"models.dev" in shown
