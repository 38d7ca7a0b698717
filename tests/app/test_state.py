from pathlib import Path

import pytest

from commands import turnout


@pytest.mark.parametrize(
    ("table", "key"),
    [('url = "postgresql://user@host/db"', "store.url"), ('shared = "redis://host:6379/0"', "store.shared")],
)
def test_a_store_that_this_version_lacks_is_refused_and_never_replaced(tmp_path: Path, table: str, key: str) -> None:
    (tmp_path / "turnout.toml").write_text(f"[store]\n{table}\n")
    for command in ("serve", "doctor"):
        said = turnout(tmp_path, command)
        assert said.returncode == 1
        assert key in said.stdout + said.stderr
    assert not (tmp_path / "turnout-data" / "turnout.sqlite").exists()
