"""Who imports whom: every import of a package, read from its source and not from a running program."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["FLOORS", "PACKAGE", "Import", "cycle", "imports_of", "misplaced", "module_name", "modules_of"]

PACKAGE = Path(__file__).parents[1] / "src" / "turnout"

FLOORS: Sequence[frozenset[str]] = (
    frozenset({"__init__", "base"}),
    frozenset({"domain"}),
    frozenset({"contracts", "config", "observe"}),
    frozenset({"net", "shared"}),
    frozenset({
        "catalog", "ledger", "accounts", "health", "providers", "plugins", "strategies", "auto", "stores",
    }),
    frozenset({"engine"}),
    frozenset({"query"}),
    frozenset({"api", "web"}),
    frozenset({"app"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)  # fmt: skip
"""Lowest first. Folders on one floor do not know each other."""


class Import(NamedTuple):
    """One import: the importing module, the imported one, and where it stands."""

    importer: str
    imported: str
    line: int


def module_name(path: Path, package: Path) -> str:
    """The dotted name of the module at *path*; a folder's ``__init__`` has the folder's name."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(package: Path) -> Mapping[str, Path]:
    """Every module of *package* with its file."""
    return {module_name(path, package): path for path in sorted(package.rglob("*.py"))}


def imports_of(package: Path) -> list[Import]:
    """Every import within *package*, those in functions and under ``TYPE_CHECKING`` included."""
    modules = modules_of(package)
    return [found for name, path in modules.items() for found in _imports_of_module(name, path, modules)]


def _imports_of_module(name: str, path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    root = name.partition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        line = getattr(node, "lineno", 0)
        for imported in _named(node, name, path):
            if imported.partition(".")[0] == root:
                yield Import(name, _nearest(imported, modules), line)


def _named(node: ast.AST, name: str, path: Path) -> Iterator[str]:
    """What *node* imports, as dotted names that may end in a class or a function."""
    match node:
        case ast.Import(names=aliases):
            yield from (alias.name for alias in aliases)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            base = module or ""
            if level:
                own = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
                base = ".".join([*own[: len(own) - level + 1], *([module] if module else [])])
            yield from (f"{base}.{alias.name}" for alias in aliases)
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str() as written), *_],
        ):
            yield written


def _nearest(imported: str, modules: Mapping[str, Path]) -> str:
    """The module that *imported* is, or is in."""
    while imported not in modules and "." in imported:
        imported = imported.rpartition(".")[0]
    return imported


def _folder_of(module: str) -> str:
    """The name by which a module's floor is found."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def misplaced(found: Import, floors: Sequence[frozenset[str]] = FLOORS) -> str | None:
    """Why *found* is not allowed: an upward or sideways edge, or a folder without a floor; None when it is."""
    heights = {folder: height for height, floor in enumerate(floors) for folder in floor}
    importer, imported = _folder_of(found.importer), _folder_of(found.imported)
    if unknown := {importer, imported} - heights.keys():
        return f"{', '.join(sorted(unknown))} stands on no floor"
    if importer == imported or heights[imported] < heights[importer]:
        return None
    direction = "upward" if heights[imported] > heights[importer] else "sideways"
    return f"{found.importer}:{found.line} imports {found.imported}: {direction}"


def cycle(found: Sequence[Import]) -> list[str] | None:
    """Modules that import each other in a ring, the first one repeated at the end; None when there is no ring."""
    edges: dict[str, set[str]] = {}
    for one in found:
        if one.importer != one.imported:
            edges.setdefault(one.importer, set()).add(one.imported)
    finished: set[str] = set()
    for start in edges:
        if ring := _ring_from(start, edges, finished):
            return ring
    return None


def _ring_from(start: str, edges: Mapping[str, set[str]], finished: set[str]) -> list[str] | None:
    trail = [start]
    pending = [iter(sorted(edges.get(start, ())))]
    while trail:
        step = next(pending[-1], None)
        if step is None:
            finished.add(trail.pop())
            pending.pop()
        elif step in trail:
            return [*trail[trail.index(step) :], step]
        elif step not in finished:
            trail.append(step)
            pending.append(iter(sorted(edges.get(step, ()))))
    return None
