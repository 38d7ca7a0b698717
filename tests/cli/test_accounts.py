from pathlib import Path

from commands import turnout


def _rows(directory: Path, *command: str) -> list[list[str]]:
    said = turnout(directory, *command)
    assert said.returncode == 0, said.stderr
    return [line.split("\t") for line in said.stdout.splitlines()[1:]]


def test_an_account_is_made_listed_and_given_credit(tmp_path: Path) -> None:
    account = turnout(tmp_path, "accounts", "create", "team").stdout.strip()
    assert _rows(tmp_path, "accounts", "list") == [[account, "team", "", "0", "unlimited"]]
    assert turnout(tmp_path, "accounts", "credit", account, "2.5").returncode == 0
    assert _rows(tmp_path, "accounts", "list")[0][4] == "2.5"
    assert turnout(tmp_path, "accounts", "credit", account, "unlimited").returncode == 0
    assert _rows(tmp_path, "accounts", "list")[0][4] == "unlimited"
    wrong = turnout(tmp_path, "accounts", "credit", account, "much")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "dollars" in wrong.stderr
    unknown = turnout(tmp_path, "accounts", "credit", "nobody", "1")
    assert unknown.stderr == "turnout: There is no account of that id\n"


def test_a_key_belongs_to_an_account_and_has_a_limit(tmp_path: Path) -> None:
    account = turnout(tmp_path, "accounts", "create", "team").stdout.strip()
    made = turnout(
        tmp_path, "keys", "create", "ann", "--account", account, "--limit", "12.5", "--reset", "weekly", "--tag", "a"
    )
    assert made.returncode == 0, made.stderr
    assert _rows(tmp_path, "keys", "list")[0][-1] == "12.5 weekly"
    wrongs = (("--limit", "-1", "dollars", 2), ("--limit", "x", "dollars", 2), ("--reset", "hourly", "daily", 2),
              ("--account", "nobody", "account", 1))  # fmt: skip
    for option, value, word, status in wrongs:
        said = turnout(tmp_path, "keys", "create", "bob", option, value)
        assert (said.returncode, said.stderr.count("\n")) == (status, 1)
        assert word in said.stderr
