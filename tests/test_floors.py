"""The floors of the house: a folder imports from lower floors only."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from imports import FLOORS, PACKAGE, Import, cycle, imports_of, misplaced

_FLOORS = (frozenset({"__init__", "base"}), frozenset({"net", "shared"}), frozenset({"engine"}))


def _house(root: Path, modules: Mapping[str, str]) -> Path:
    """A package whose modules have these texts; the name ``net/client`` is the file ``net/client.py``."""
    package = root / "house"
    for name, text in modules.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (package / "__init__.py").touch()
    return package


def _complaints(package: Path) -> list[str]:
    return [why for found in imports_of(package) if (why := misplaced(found, _FLOORS))]


def test_every_import_goes_down() -> None:
    assert [why for found in imports_of(PACKAGE) if (why := misplaced(found))] == []


def test_no_modules_import_each_other_in_a_ring() -> None:
    assert cycle(imports_of(PACKAGE)) is None


def test_every_folder_of_the_package_has_one_floor() -> None:
    named = [name for floor in FLOORS for name in floor]
    present = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert len(named) == len(set(named))
    assert present <= set(named)


@pytest.mark.parametrize(
    "text",
    [
        "import house.engine.line",
        "from house.engine.line import serve",
        "from house.engine import line",
        "from house import engine",
        "from ..engine import line",
        "def late():\n    from house.engine import line",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.engine.line import serve",
        "from importlib import import_module\nimport_module('house.engine.line')",
    ],
)
def test_an_upward_import_is_found_wherever_it_stands(tmp_path: Path, text: str) -> None:
    package = _house(tmp_path, {"net/client": text, "engine/line": "serve = 1", "engine/__init__": ""})
    assert len(complaints := _complaints(package)) == 1
    assert "upward" in complaints[0]


def test_a_sideways_import_is_found(tmp_path: Path) -> None:
    package = _house(tmp_path, {"net/client": "from house.shared.memory import cell", "shared/memory": "cell = 1"})
    assert [complaint.rpartition(": ")[2] for complaint in _complaints(package)] == ["sideways"]


def test_a_folder_without_a_floor_is_found(tmp_path: Path) -> None:
    package = _house(tmp_path, {"net/client": "import house.attic.box", "attic/box": ""})
    assert _complaints(package) == ["attic stands on no floor"]


def test_downward_imports_and_imports_within_a_folder_are_fine(tmp_path: Path) -> None:
    package = _house(
        tmp_path,
        {
            "engine/line": "from house.net.client import Client\nfrom house import base\nimport os",
            "net/client": "from house.net import wire",
            "net/wire": "from house import __version__",
            "base/__init__": "",
        },
    )
    assert _complaints(package) == []


def test_a_ring_is_found_and_told() -> None:
    found = [Import("a", "b", 1), Import("b", "c", 2), Import("c", "b", 3), Import("a", "a", 4)]
    assert cycle(found) == ["b", "c", "b"]
    assert cycle(found[:2]) is None
