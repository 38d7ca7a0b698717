import sys
import time
from pathlib import Path

import pytest

import turnout as package
from commands import turnout


@pytest.mark.alone
def test_the_version_is_told_at_once(tmp_path: Path) -> None:
    took = []
    for _ in range(5):
        begin = time.monotonic()
        told = turnout(tmp_path, "--version")
        took.append(time.monotonic() - begin)
        assert told.stdout == f"turnout {package.__version__}\n"
    assert min(took) < 0.15


def test_the_version_needs_no_library() -> None:
    assert "typer" not in (Path(package.__file__).parent / "cli" / "__init__.py").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing-of-the-kind",),
        ("keys", "nothing-of-the-kind"),
        ("serve", "--port", "eighty"),
        ("serve", "--no-such-flag"),
        ("chat",),
        ("keys", "create"),
    ],
)
def test_bad_usage_is_status_2_and_one_line_that_names_the_help(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = turnout(tmp_path, *arguments)
    assert said.returncode == 2
    assert said.stdout == ""
    assert len(said.stderr.splitlines()) == 1
    assert said.stderr.startswith("turnout: ")
    assert said.stderr.endswith("--help)\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("config", "check"),
        ("config", "show"),
        ("keys", "list"),
        ("catalog", "search", "x"),
        ("doctor",),
        ("chat", "fake/echo", "x"),
    ],
)
def test_a_bad_configuration_is_status_2_and_names_the_key(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "odd.toml").write_text('[server]\nprot = 1\nport = "x"\n')
    said = turnout(tmp_path, *arguments, "--config", "odd.toml")
    assert said.returncode == 2
    assert sorted(said.stderr.splitlines()) == [
        "odd.toml: server.port: must be a whole number",
        "odd.toml: server.prot: unknown key; did you mean port?",
    ]


@pytest.mark.parametrize("arguments", [(), ("--help",), ("keys", "--help"), ("serve", "--help")])
def test_help_goes_to_the_terminal_and_lists_what_there_is(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = turnout(tmp_path, *arguments)
    assert "Usage: turnout" in said.stdout + said.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such port there")
def test_a_taken_port_is_status_1_and_one_line(tmp_path: Path) -> None:
    said = turnout(tmp_path, "serve", "--host", "203.0.113.1", "--port", "1")
    assert said.returncode == 1
    assert said.stderr.startswith("turnout: ")
    assert "203.0.113.1 port 1" in said.stderr
