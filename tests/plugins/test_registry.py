"""Claims about the plugins that there are: one kit for all of them."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import msgspec
import pytest

from turnout.contracts.plugin import NoParameters, Plugin, Work
from turnout.plugins import find_plugin, installed_plugins, load_plugins

_DOCUMENT = Path(__file__).parents[2] / "docs" / "plugins.md"
_TOOLS = _DOCUMENT.with_name("server-tools.md")
_METHODS = {"request": "before", "candidate": "fit", "answer": "mend", "stream": "watch"}
FOREIGN = Plugin(id="acme-foreign", work=Work, phases=frozenset())
WRONG = object()


@pytest.mark.parametrize("plugin_id", load_plugins())
def test_every_plugin_keeps_the_contract(plugin_id: str) -> None:
    plugin = load_plugins()[plugin_id]
    assert plugin.id == plugin_id
    assert re.fullmatch(r"[a-z][a-z0-9-]*", plugin_id)
    assert plugin.phases or plugin.tool is not None
    assert plugin.seconds > 0
    assert plugin.fits or not plugin.unasked
    assert not plugin.fits or "candidate" in plugin.phases
    assert not plugin.holds_stream or "stream" in plugin.phases
    stated = None if plugin.tool is None else plugin.tool.parameters
    for kind in (plugin.parameters, plugin.settings, stated or NoParameters):
        msgspec.convert({}, kind)  # nothing has to be said
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"no such key": 1}, kind)


@pytest.mark.parametrize("plugin_id", load_plugins())
def test_every_plugin_is_documented_with_all_it_takes(plugin_id: str) -> None:
    plugin = load_plugins()[plugin_id]
    if plugin.phases:
        names = [*plugin.parameters.__struct_fields__, *plugin.settings.__struct_fields__, *plugin.credentials]
        section = _section(_DOCUMENT, plugin_id)
        assert [name for name in names if name not in section] == []
    if (tool := plugin.tool) is not None:
        section = _section(_TOOLS, tool.kind)
        names = [*(tool.parameters or plugin.parameters).__struct_fields__, *tool.aliases]
        assert [name for name in names if name not in section] == []


def _section(document: Path, title: str) -> str:
    text = document.read_text(encoding="utf-8")
    assert f"## `{title}`" in text
    return text.partition(f"## `{title}`")[2].partition("\n## ")[0]


def test_no_two_ways_lead_to_other_plugins() -> None:
    assert all(find_plugin(name) is plugin for name, plugin in load_plugins().items())
    assert find_plugin("no-such-plugin") is None
    assert not installed_plugins() & set(load_plugins())


def test_a_package_adds_a_plugin_that_is_loaded_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("acme-foreign", f"{__name__}:FOREIGN", "turnout.plugins"),
        EntryPoint("acme-wrong", f"{__name__}:WRONG", "turnout.plugins"),
        EntryPoint("acme-gone", "no_such_module_here:PLUGIN", "turnout.plugins"),
    ]
    loaded: list[str] = []

    def load(point: EntryPoint) -> object:
        loaded.append(point.name)
        if point.name == "acme-gone":
            raise ModuleNotFoundError
        return FOREIGN if point.name == "acme-foreign" else WRONG

    monkeypatch.setattr("turnout.contracts.extension.entry_points", lambda **_: points)
    monkeypatch.setattr(EntryPoint, "load", load)
    for cached in (find_plugin, installed_plugins):
        cached.cache_clear()
    try:
        assert installed_plugins() == {"acme-foreign", "acme-wrong", "acme-gone"}
        assert loaded == []
        assert find_plugin("acme-foreign") is FOREIGN
        for name in ("acme-wrong", "acme-gone"):
            with pytest.raises(ValueError, match=name):
                find_plugin(name)
    finally:
        for cached in (find_plugin, installed_plugins):
            cached.cache_clear()


def test_a_plugin_without_parameters_takes_none() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"a": 1}, NoParameters)


@pytest.mark.parametrize("plugin_id", load_plugins())
def test_every_phase_has_its_method(plugin_id: str) -> None:
    plugin = load_plugins()[plugin_id]
    work = plugin.work(None)  # type: ignore[arg-type]  # nothing is asked of the job yet
    for phase in plugin.phases:
        assert getattr(type(work), _METHODS[phase]) is not getattr(Work, _METHODS[phase])
    if (tool := plugin.tool) is not None:
        assert type((tool.work or plugin.work)(None)).call is not Work.call  # type: ignore[arg-type]  # as above
