"""What users see is written down. That every setting is, tests/config/test_schema.py claims."""

import re
from pathlib import Path

import pytest
import typer.main

from turnout.api.errors import _BY_TYPE, status_of
from turnout.base import errors
from turnout.cli.main import application
from turnout.providers.fake.words import _RULES, parse_words

_REPOSITORY = Path(__file__).parents[1]
_DOCS = _REPOSITORY / "docs"


def _rows_of_error_types() -> dict[str, set[int]]:
    rows: dict[str, set[int]] = {}
    text = (_DOCS / "errors.md").read_text(encoding="utf-8")
    for word, status in re.findall(r"^\| `(\w+)` \| (\d{3}) \|", text, re.MULTILINE):
        rows.setdefault(word, set()).add(int(status))
    for word, status in re.findall(r"`(\w+)` \((\d{3})\)", text):
        rows.setdefault(word, set()).add(int(status))
    return rows


def _command_paths() -> list[str]:
    root = typer.main.get_command(application)
    paths = []
    for name, command in root.commands.items():  # type: ignore[attr-defined]  # a group
        inner = getattr(command, "commands", None)
        paths += [name] if inner is None else [f"{name} {below}" for below in inner]
    return paths


@pytest.mark.parametrize("error_type", sorted(_BY_TYPE))
def test_every_error_type_is_documented_with_its_status(error_type: str) -> None:
    assert _BY_TYPE[error_type] in _rows_of_error_types()[error_type]


def test_every_error_class_answers_with_a_documented_status() -> None:
    rows = _rows_of_error_types()
    for name in errors.__all__:
        kind = getattr(errors, name)
        error = kind() if name == "Internal" else kind("x")
        assert status_of(error) in rows[error.error_type], name


def test_no_error_type_is_documented_that_does_not_exist() -> None:
    assert _rows_of_error_types().keys() <= _BY_TYPE.keys()


def test_every_command_is_documented() -> None:
    text = (_DOCS / "commands.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `turnout ([a-z]+(?: [a-z]+(?:-[a-z]+)*)?)", text, re.MULTILINE))
    assert documented == set(_command_paths())


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*_REPOSITORY.glob("*.md"), *_DOCS.rglob("*.md"), _REPOSITORY / "bench" / "README.md"]
    dead = [
        f"{document.relative_to(_REPOSITORY)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert dead == []


def test_the_words_of_the_fake_provider_are_documented_and_exist() -> None:
    text = (_DOCS / "fake-provider.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    written = [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]
    stands_for = {"C": "0", "MS": "5", "N": "200", "P": "0", "PORT": "1", "Q": "0", "W": "zero", "WORD": "alpha"}
    for word in written:
        parse_words(re.sub(r"[A-Z]+", lambda capitals: stands_for[capitals[0]], word))
    rules = {
        re.split(r"[-(@]", pattern.pattern.removeprefix("(?:").replace("\\-", "-"))[0].rstrip(")")
        for pattern, _ in _RULES
    }
    assert {rule for rule in rules if not any(word.startswith(rule) for word in written)} == set()
