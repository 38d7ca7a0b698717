from pathlib import Path

from commands import turnout

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
