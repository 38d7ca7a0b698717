"""Finding the file, laying the layers over one another, what is known afterwards."""

from collections.abc import Callable
from pathlib import Path

import pytest

from turnout.base.secrets import Secret
from turnout.config import BadConfiguration, Loaded, Settings, load


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes ``turnout.toml`` into an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = Path("turnout.toml")
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_without_file_variables_and_flags_everything_is_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(None, {"HOME": str(tmp_path)}, {})
    assert loaded == Loaded(settings=Settings(), path=None, warnings=(), set_by={}, variables={})
    assert loaded.settings.server.port == 8000
    assert loaded.settings.limits.body_bytes == 33_554_432
    assert loaded.settings.catalog.refresh_seconds == 6 * 3600


def test_the_named_file_wins_over_the_variable_the_working_directory_and_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [
        tmp_path / name for name in ("named.toml", "variable.toml", "here/turnout.toml", "xdg/turnout/turnout.toml")
    ]
    home = tmp_path / "home/.config/turnout/turnout.toml"
    for port, place in enumerate([*places, home], start=1):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"server.port = {port}")
    monkeypatch.chdir(tmp_path / "here")
    everything = {
        "TURNOUT_CONFIG": str(places[1]),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
        "HOME": str(tmp_path / "home"),
    }

    def port_with(path: Path | None, *names: str) -> int:
        return load(path, {name: everything[name] for name in names}, {}).settings.server.port

    assert port_with(places[0], *everything) == 1
    assert port_with(None, *everything) == 2
    assert port_with(None, "XDG_CONFIG_HOME", "HOME") == 3
    monkeypatch.chdir(tmp_path)
    assert port_with(None, "XDG_CONFIG_HOME", "HOME") == 4
    assert port_with(None, "HOME") == 5
    assert port_with(None) == 8000


def test_a_relative_xdg_directory_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xdg/turnout").mkdir(parents=True)
    (tmp_path / "xdg/turnout/turnout.toml").write_text("server.port = 4")
    assert load(None, {"XDG_CONFIG_HOME": "xdg"}, {}).path is None


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_a_named_file_that_does_not_exist_is_a_mistake(by: str) -> None:
    environment = {} if by == "argument" else {"TURNOUT_CONFIG": "no/such.toml"}
    with pytest.raises(BadConfiguration, match=r"^no/such\.toml: no such file$"):
        load(Path("no/such.toml") if by == "argument" else None, environment, {})


def test_a_directory_in_place_of_the_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="no such file"):
        load(tmp_path, {}, {})


def test_flags_override_variables_which_override_the_file(written: Callable[[str], Path]) -> None:
    path = written("[server]\nhost = '::1'\nport = 1\nworkers = 1\ncors = false")
    environment = {"TURNOUT_SERVER__PORT": "2", "TURNOUT_SERVER__WORKERS": "2"}
    loaded = load(path, environment, {"server": {"workers": 3}})
    server = loaded.settings.server
    assert (server.host, server.port, server.workers, server.cors) == ("::1", 2, 3, False)
    assert loaded.set_by == {
        "server.host": "file",
        "server.cors": "file",
        "server.port": "environment",
        "server.workers": "flag",
    }


def test_a_flag_that_is_none_was_not_given(written: Callable[[str], Path]) -> None:
    loaded = load(written("server.port = 1"), {}, {"server": {"port": None}})
    assert loaded.settings.server.port == 1


def test_lists_and_tables_in_variables_are_json(written: Callable[[str], Path]) -> None:
    path = written("catalog.sources = ['providers']\n[providers.acme]\nname = 'A'")
    environment = {
        "TURNOUT_CATALOG__SOURCES": '["models.dev"]',
        "TURNOUT_PROVIDERS__ACME__TIMEOUTS": '{"connect": 1, "idle": 2}',
        "TURNOUT_PROVIDERS__ACME__TIMEOUTS__IDLE": "3.5",
        "TURNOUT_MODELS": '[{"id": "a/b", "created": "2026-01-31"}]',
    }
    with pytest.raises(BadConfiguration, match="TIMEOUTS__IDLE: contradicts another variable"):
        load(path, environment, {})
    environment["TURNOUT_PROVIDERS__ACME__TIMEOUTS"] = '{"connect": 1}'
    settings = load(path, environment, {}).settings
    assert settings.catalog.sources == ("models.dev",)
    assert settings.providers["acme"].name == "A"
    assert (settings.providers["acme"].timeouts.connect, settings.providers["acme"].timeouts.idle) == (1.0, 3.5)
    assert settings.models[0].created == 1_769_817_600


def test_an_underscore_in_a_variable_stands_for_the_hyphen_of_a_known_slug(written: Callable[[str], Path]) -> None:
    environment = {
        "TURNOUT_PROVIDERS__TOGETHER_AI__API_KEY": "one",
        "TURNOUT_PROVIDERS__OUR_OWN__API_KEY": "two",
        "TURNOUT_PROVIDERS__UNHEARD_OF__API_KEY": "three",
    }
    settings = load(written("[providers.our-own]"), environment, {}, ["together-ai"]).settings
    assert {slug: str(provider.api_key) for slug, provider in settings.providers.items()} == {
        "together-ai": "********",
        "our-own": "********",
        "unheard_of": "********",
    }
    assert settings.providers["our-own"].api_key == Secret("two")


def test_variables_that_are_no_overrides_are_left_alone(written: Callable[[str], Path]) -> None:
    environment = {"TURNOUT_TEST_DATA": "x", "TURNOUT_MANAGEMENT_KEY": "m", "PATH": "/bin", "turnout_server__port": "1"}
    assert load(written(""), environment, {}).settings.server == Settings().server


def test_env_values_are_replaced_everywhere_even_for_numbers(written: Callable[[str], Path]) -> None:
    path = written(
        """
        [server]
        port = "env:PORT"
        cors = "env:CORS"
        [catalog]
        sources = ["env:FIRST", "env:NONE", "openrouter"]
        [providers.acme]
        headers = { X-Team = "env:TEAM" }
        timeouts = { idle = "env:IDLE" }
        """
    )
    environment = {"PORT": "9", "CORS": "false", "FIRST": "providers", "TEAM": "search", "IDLE": "2.5"}
    loaded = load(path, environment, {})
    settings = loaded.settings
    assert (settings.server.port, settings.server.cors) == (9, False)
    assert settings.catalog.sources == ("providers", "openrouter")
    assert settings.providers["acme"].headers == {"X-Team": Secret("search")}
    assert settings.providers["acme"].timeouts.idle == 2.5
    assert loaded.variables["server.port"] == "PORT"
    assert loaded.warnings == ("turnout.toml: catalog.sources[1]: the variable NONE is unset, so this key is absent",)


@pytest.mark.parametrize("environment", [{}, {"ACME_API_KEY": ""}])
def test_an_unset_or_empty_variable_means_the_key_is_absent_with_a_warning(
    written: Callable[[str], Path], environment: dict[str, str]
) -> None:
    loaded = load(written('[providers.acme]\napi_key = "env:ACME_API_KEY"'), environment, {})
    assert loaded.settings.providers["acme"].api_key is None
    assert loaded.warnings == (
        "turnout.toml: providers.acme.api_key: the variable ACME_API_KEY is unset, so this key is absent",
    )
    assert "providers.acme.api_key" not in loaded.set_by


def test_no_warning_where_a_higher_layer_gives_the_value(written: Callable[[str], Path]) -> None:
    path = written('server.port = "env:NONE"')
    assert load(path, {"TURNOUT_SERVER__PORT": "5"}, {}).warnings == ()


def test_the_first_keys_come_from_their_usual_variables_unless_the_file_names_others(
    written: Callable[[str], Path],
) -> None:
    environment = {"TURNOUT_MANAGEMENT_KEY": "usual", "TURNOUT_API_KEY": "usual too", "OTHER": "other"}
    auth = load(written('auth.management_key = "env:OTHER"'), environment, {}).settings.auth
    assert auth.management_key == Secret("other")
    assert auth.api_key == Secret("usual too")


def test_a_variable_that_is_overridden_is_not_named(written: Callable[[str], Path]) -> None:
    path = written('auth.management_key = "literal"\nserver.port = "env:PORT"')
    loaded = load(path, {"TURNOUT_MANAGEMENT_KEY": "m", "PORT": "1"}, {"server": {"port": 2}})
    assert loaded.variables == {}
    assert loaded.set_by == {"auth.management_key": "file", "server.port": "flag"}


def test_an_unreachable_provider_is_a_warning_when_the_shipped_ones_are_known(written: Callable[[str], Path]) -> None:
    path = written("[providers.acme]\n[providers.openai]\n[providers.aws]\ndialect = 'bedrock'")
    assert load(path, {}, {}, ["openai"]).warnings == (
        "turnout.toml: providers.acme: no base_url, so it cannot be called",
    )
    assert load(path, {}, {}).warnings == ()


def test_settings_never_read_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER", '{"port": 1}')
    monkeypatch.setenv("TURNOUT_SERVER__PORT", "1")
    assert Settings().server.port == 8000


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


def test_dialects_that_packages_add_may_be_named(written: Callable[[str], Path]) -> None:
    path = written('[providers.acme]\ndialect = "morse"')
    assert load(path, {}, {}, (), ("morse",)).settings.providers["acme"].dialect == "morse"
    with pytest.raises(BadConfiguration, match=r"providers\.acme\.dialect: must be openai"):
        load(path, {}, {})


def test_own_hosts_are_written_in_one_way(written: Callable[[str], Path]) -> None:
    path = written('fetch.allow = ["Files.Intra:8080", "[0:0:0::1]:81"]')
    assert load(path, {}, {}).settings.fetch.allow == ("files.intra:8080", "[::1]:81")


@pytest.mark.parametrize(
    "place", ["http://a:80", "a", "a:", "a:0", "a:65536", ":80", "[x]:80", "[1.2.3.4]:80", "u@a:80"]
)
def test_own_hosts_are_host_and_port_and_nothing_else(written: Callable[[str], Path], place: str) -> None:
    with pytest.raises(BadConfiguration, match="must be host:port"):
        load(written(f'fetch.allow = ["{place}"]'), {}, {})
