"""Whatever the file, the variables and the flags hold: a configuration or BadConfiguration, nothing else."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.config import BadConfiguration, Loaded, load, show
from turnout.config.keys import fields_of, inside, is_container
from turnout.config.settings import Settings

_ODD_TEXTS = st.sampled_from(
    ["", "env:X", "env:", "env:UNSET", "acme", "acme/tiny", "a/b", "fake", "http://h", "6h", "0.1", "-1", "true", "9"]
)
_NAMES = st.sampled_from(["acme", "fake", "a b", "é", "", "__proto__", "self", "cls", "[key]", "0"]) | st.text(
    max_size=5
)
_SCALARS = (
    _ODD_TEXTS
    | st.text(max_size=12)
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.times()
    | st.none()
)
_ANYTHING = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=8
)


@st.composite
def _shaped(draw: st.DrawFn, kind: Any = Settings) -> object:  # noqa: ANN401 - an annotation
    """Something like what *kind* wants, with anything else now and then."""
    if draw(st.integers(0, 7)) == 0:
        return draw(_ANYTHING)
    if fields := fields_of(kind):
        chosen = draw(st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True))
        table: dict[str, object] = {name: draw(_shaped(fields[name])) for name in chosen}
        return table | draw(st.dictionaries(_NAMES, _SCALARS, max_size=1))
    if (item := inside(kind, 0)) is not None:
        return draw(st.lists(_shaped(item), max_size=3))
    if is_container(kind):
        return draw(st.dictionaries(_NAMES, _shaped(inside(kind, "any")), max_size=3))
    return draw(_SCALARS)


def _outcome(path: Path | None, environment: dict[str, str], flags: dict[str, object]) -> Loaded | None:
    try:
        return load(path, environment, flags, ["openai"])
    except BadConfiguration as error:
        bad = error
    assert bad.mistakes
    assert len(str(bad).splitlines()) == len(bad.mistakes)
    return None


@given(tree=_shaped())
def test_any_tables_end_in_a_configuration_or_in_mistakes(
    tree: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = _outcome(None, {"X": "acme/tiny"}, tree if isinstance(tree, dict) else {"models": tree})
    if loaded:
        shown = tmp_path / "shown.toml"
        shown.write_text(show(loaded), encoding="utf-8")
        again = load(shown, {}, {}, ["openai"])
        assert show(again).count("\n") <= show(loaded).count("\n")
        assert again.settings.models == loaded.settings.models


@given(raw=st.binary(max_size=60) | st.text(alphabet="ab.=[]{}\"'\\\n#0-:,T", max_size=40).map(str.encode))
def test_any_bytes_end_in_a_configuration_or_in_mistakes(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_bytes(raw)
    _outcome(path, {}, {})


@given(
    variables=st.dictionaries(
        st.sampled_from(
            [
                "SERVER",
                "SERVER__PORT",
                "server__Port",
                "MODELS",
                "MODELS__0",
                "PROVIDERS__A",
                "PROVIDERS__A__HEADERS",
                "PROVIDERS__A__TIMEOUTS__IDLE",
                "CATALOG__SOURCES",
                "__",
                "SERVER__",
                "X__Y",
                "STORE__URL__X",
            ]
        ),
        st.text(max_size=12)
        | st.sampled_from(["{}", "[]", '{"a":{}}', "[{}]", '"x"', "null", "NaN", "1e999", "[" * 9999]),
        max_size=4,
    )
)
def test_any_variables_end_in_a_configuration_or_in_mistakes(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _outcome(None, {f"TURNOUT_{name}": value for name, value in variables.items()}, {})
