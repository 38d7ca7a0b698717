"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from imports import PACKAGE
from turnout.app.providers import known_slugs
from turnout.config.settings import DIALECTS

_REPOSITORY = Path(__file__).parents[1]
_LONGEST_FILE = 600
_LONGEST_FUNCTION = 80

_LATER_RUN = frozenset({"eval", "exec", "compile"})
_UNSAFE_LOADERS = frozenset({"pickle", "cPickle", "dill", "marshal", "shelve", "jsonpickle"})
_REASONS_TO_RUN: Mapping[str, str] = {
    "catalog/sources/genai_prices.py": "the data of an installed dependency, run as an import would run it",
}
_SQL_CALLS = frozenset({"execute", "executemany", "executescript", "exec_driver_sql", "text"})
_SLUGS_AS_DATA: Mapping[str, str] = {
    "catalog/": "merges what sources say of named providers; it decides no request",
    "config/load.py": "the fake provider may be declared though no table ships it",
}

# Written in two parts, so that this file does not hold what it forbids.
_FOREIGN = {
    "a machine's path": re.compile(r"(?<![\w.}*-])/(?:wo" r"rk|ro" r"ot|ho" r"me|opt|tmp)/[\w.]"),
    "a package registry": re.compile(r"pypi\." r"org|pythonhosted\." r"org|registry\.npmjs|registry\.yarnpkg"),
}


def _sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _all_code() -> list[Path]:
    folders = (_REPOSITORY / name for name in ("src", "tests", "bench"))
    return sorted(path for folder in folders for path in folder.rglob("*.py") if ".build" not in path.parts)


def _named(path: Path) -> str:
    return path.relative_to(_REPOSITORY).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _found(complaints: Callable[[ast.Module], Iterator[tuple[int, str]]], exempt: Mapping[str, str]) -> list[str]:
    """What *complaints* finds in the package, but for the places that have their reason."""
    return [
        f"{_named(path)}:{line}: {what}"
        for path in _sources()
        if not any(path.relative_to(PACKAGE).as_posix().startswith(place) for place in exempt)
        for line, what in complaints(_tree(path))
    ]


def test_no_file_is_too_long() -> None:
    lengths = {_named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _all_code()}
    assert {name: length for name, length in lengths.items() if length > _LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    functions = (
        (f"{_named(path)}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for path in _all_code()
        if "migrations" not in path.parts  # a list of tables, read from top to bottom
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert {name: length for name, length in functions if length > _LONGEST_FUNCTION} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [_named(path) for path in _sources() if not ast.get_docstring(_tree(path))] == []


def test_every_module_lists_its_public_names() -> None:
    def public(path: Path) -> bool:
        inside = path.relative_to(PACKAGE).parts
        return path.name not in {"__init__.py", "__main__.py"} and "migrations" not in inside

    def lists_names(tree: ast.Module) -> bool:
        names = (target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets)
        return any(isinstance(name, ast.Name) and name.id == "__all__" for name in names)

    assert [_named(path) for path in _sources() if public(path) and not lists_names(_tree(path))] == []


def test_no_statement_of_sql_is_put_together_from_text() -> None:
    assert _found(_formatted_sql, {}) == []


def test_nothing_that_was_read_is_run() -> None:
    assert _found(_run_later, _REASONS_TO_RUN) == []


def test_providers_are_told_apart_by_data_and_not_by_name() -> None:
    assert _found(_compared_slugs, {"providers/": "their own files", **_SLUGS_AS_DATA}) == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("sql", "connection.execute(f'select * from {table}')"),
        ("sql", "connection.exec_driver_sql('select ' + column)"),
        ("sql", "text('select %s' % column)"),
        ("sql", "connection.execute(text('select {}'.format(column)))"),
        ("run", "eval(text)"),
        ("run", "import pickle"),
        ("run", "from marshal import loads"),
        ("run", "yaml.load(text)"),
        ("slug", "if provider.slug == 'groq': pass"),
        ("slug", "wanted = slug in {'groq', 'openai'}"),
        ("slug", "match slug:\n  case 'groq': pass"),
        ("slug", "slug.startswith('groq')"),
    ],
)
def test_the_rules_find_what_they_forbid(rule: str, text: str) -> None:
    rules = {"sql": _formatted_sql, "run": _run_later, "slug": _compared_slugs}
    assert len(list(rules[rule](ast.parse(text)))) == 1


def test_the_repository_names_neither_machines_nor_package_registries() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=_REPOSITORY, capture_output=True, check=False)  # noqa: S607 - git
    if listing.returncode:
        pytest.skip("not a git repository")
    found = []
    for name in listing.stdout.decode().split("\0"):
        path = _REPOSITORY / name
        if not name or not path.is_file() or name == "LICENSE":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found += [f"{name}:{number}: {what}" for what, pattern in _FOREIGN.items() if pattern.search(line)]
    assert found == []


def _formatted_sql(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and node.args
            and _called(node.func) in _SQL_CALLS
            and _is_formatted(node.args[0])
        ):
            yield node.lineno, "a statement put together from text"


def _called(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _is_formatted(value: ast.expr) -> bool:
    if isinstance(value, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in value.values)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Mod):
        return any(
            isinstance(side, ast.JoinedStr | ast.Constant) and not isinstance(getattr(side, "value", ""), int)
            for side in (value.left, value.right)
        )
    return isinstance(value, ast.Call) and _called(value.func) in {"format", "join"}


def _run_later(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in _LATER_RUN:
                yield node.lineno, f"{name}()"
            case ast.Import(names=aliases) if {alias.name for alias in aliases} & _UNSAFE_LOADERS:
                yield node.lineno, "a loader that runs what it reads"
            case ast.ImportFrom(module=str() as module) if module in _UNSAFE_LOADERS:
                yield node.lineno, "a loader that runs what it reads"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="yaml"), attr="load" | "load_all" | "unsafe_load")):
                yield node.lineno, "a loader that runs what it reads"


def _compared_slugs(tree: ast.Module) -> Iterator[tuple[int, str]]:
    slugs = known_slugs().union(DIALECTS)
    for node in ast.walk(tree):
        match node:
            case ast.Compare() if not _is_about_dialects(node):
                compared: list[ast.AST] = [node.left, *node.comparators]
            case ast.match_case(pattern=pattern):
                compared = [pattern]
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith" | "removeprefix")):
                compared = list(node.args)
            case _:
                continue
        inside = (leaf for one in compared for leaf in ast.walk(one))
        names = sorted({str(leaf.value) for leaf in inside if isinstance(leaf, ast.Constant) and leaf.value in slugs})
        if names:
            yield getattr(node, "lineno", getattr(compared[0], "lineno", 0)), f"compares with {', '.join(names)}"


def _is_about_dialects(node: ast.Compare) -> bool:
    """Dialects share some names with the providers that made them."""
    return any("dialect" in ast.unparse(side) for side in (node.left, *node.comparators))
