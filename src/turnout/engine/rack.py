"""The plugins of this installation, and which of them work on a request: its own entries, its key's, the operator's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.base.secrets import Secret
from turnout.base.slugs import InvalidModelName, parse_model_name
from turnout.contracts.plugin import Plugin, Tool
from turnout.domain.chat import ChatParameters, ChatRequest
from turnout.domain.guardrail import Guard
from turnout.domain.routing import Candidate
from turnout.engine.auto_settings import check_auto_entry

__all__ = ["Chosen", "Fitted", "Rack", "goes_online", "is_tight"]

_ELSEWHERE = frozenset({"auto-beta-router", "auto-router", "fusion", "pareto-router"})
"""Entries that are no plugin's: routers read their own when they choose."""
_ONLINE = "online"
_WEB = "web"
_GUARDRAILS = "guardrails"
_OLD_NAMES = {"middle-out": "context-compression"}
"""What ``transforms`` called them."""
_OURS = "openrouter:"
_NO_LIMIT = 2**63
_FEWEST_BYTES_PER_TOKEN = 3
_SHOWN = 64  # characters of an id
_COMMON = frozenset({"cache_control", "enabled", "id", "type"})
_read_entries = reader(list[dict[str, Raw]])
_read_entry = reader(dict[str, Raw])
_read_names = reader(list[str])


class Fitted(Struct, frozen=True, eq=False):
    """A plugin as the operator wants it.

    Attributes:
        defaults: parameters by name, as JSON, for entries that do not name them.
        enabled: it works on requests that do not name it; None leaves that to its nature.
        fixed: requests and keys change nothing of it.
        skips: when it fails, the request goes on without it.
        seconds: how long each of its steps may take.
    """

    plugin: Plugin
    settings: Struct
    defaults: Mapping[str, Raw]
    credentials: Mapping[str, Secret]
    enabled: bool | None
    fixed: bool
    skips: bool
    seconds: float


class Chosen(NamedTuple):
    """A plugin that works on a request. ``most_room``: only for endpoints of at most so many tokens; None for all.
    ``tool``: it is its tool that does, when the model calls it.
    """

    fitted: Fitted
    parameters: Struct
    most_room: int | None = None
    tool: Tool | None = None

    @property
    def most(self) -> int:
        """Pico-dollars that it may spend at most; of a tool, in one call."""
        most = self.fitted.plugin.most if self.tool is None else self.tool.most
        return 0 if most is None else most(self.parameters, self.fitted.settings)


@final
class Rack:
    """Every plugin of this installation.

    Attributes:
        standing: one of them works on requests that do not name it, whatever they are.
        least: bytes of messages from which on one may have to work of itself.
        unasked: for endpoints of how many tokens it does so.
    """

    def __init__(self, plugins: Iterable[Fitted] = (), rooms: Iterable[int | None] = ()) -> None:
        """*rooms* are the tokens that each endpoint of the catalog takes."""
        in_order = sorted(plugins, key=lambda one: (one.plugin.rank, one.plugin.id))
        self._plugins = {one.plugin.id: one for one in in_order}
        tools = [(one.plugin.tool, one) for one in in_order if one.plugin.tool is not None]
        self._tools = {name: one for tool, one in tools for name in (tool.kind, *tool.aliases)}
        names = {_OURS, *self._tools}
        self._marks = [name.encode() for name in names if not any(one in name for one in names if one != name)]
        self.standing = any(one.enabled for one in in_order)
        self.unasked = max((_unasked(one) for one in in_order), default=0)
        small = min((room for room in rooms if room is not None and room <= self.unasked), default=None)
        self.least = _NO_LIMIT if small is None else small * _FEWEST_BYTES_PER_TOKEN // 2
        if self.standing:
            self.least = 0

    def choose(self, request: ChatRequest, of_key: Sequence[str] = ()) -> tuple[ChatRequest, tuple[Chosen, ...]]:
        """The plugins that work on *request*, in their order, and the request as it is to be planned. *of_key* are the
        entries of its key, each a JSON object.

        Raises:
            BadRequest: an entry names no plugin, stands twice, or says what its plugin does not know.
        """
        online = goes_online(request.parameters)
        nothing_said = request.parameters.plugins is None and "transforms" not in request.fields and not online
        if nothing_said and not (self.standing or of_key or request.traits.files):  # a long prompt speaks for a plugin
            return replace(request, squeezed=self.unasked), ()
        own = self._entries(_named(request))
        if online and _WEB in self._plugins:
            own.setdefault(_WEB, {"id": Raw(encode(_WEB))})
        defaults = self._entries([_read_entry(text.encode()) for text in of_key])
        chosen: list[Chosen] = []
        squeezed = 0
        for plugin_id, fitted in self._plugins.items():
            plugin = fitted.plugin
            stated = (defaults.get(plugin_id), own.get(plugin_id)) if not fitted.fixed else ()
            layers = [entry for entry in stated if entry is not None]
            wanted = _is_on(layers[-1]) if layers else fitted.enabled
            if wanted is None and plugin.for_files:
                wanted = request.traits.files
            if wanted is False or (wanted is None and not _unasked(fitted)):
                continue
            parameters = _parameters(fitted, layers)
            tool = None if plugin.phases else plugin.tool
            chosen.append(Chosen(fitted, parameters, None if wanted else plugin.unasked, tool))
            if plugin.fits:
                squeezed = max(squeezed, _NO_LIMIT if wanted else plugin.unasked)
        if all(one.most_room is not None for one in chosen):  # they are called when an endpoint turns out to be small
            chosen = []
        return (request if squeezed == request.squeezed else replace(request, squeezed=squeezed)), tuple(chosen)

    def guarded(self, guard: Guard, chosen: tuple[Chosen, ...]) -> tuple[Chosen, ...]:
        """*chosen* after the content filters of guardrails, which nobody's entry or setting switches off."""
        if guard.screening is None:
            return chosen
        fitted = replace(self._plugins[_GUARDRAILS], skips=False)
        return (Chosen(fitted, guard.screening), *(one for one in chosen if one.fitted.plugin.id != _GUARDRAILS))

    def check(self, entries: Sequence[str]) -> None:
        """Refuse *entries* for a key, each a JSON object, that would have its requests refused.

        Raises:
            BadRequest: as :meth:`choose` says.
        """
        for plugin_id, entry in self._entries([_read_entry(text.encode()) for text in entries]).items():
            fitted = self._plugins.get(plugin_id)
            if fitted is None:
                check_auto_entry(entry)
            elif not fitted.fixed:
                _parameters(fitted, [entry])

    def find(self, plugin_id: str) -> Fitted | None:
        """The plugin of that id as the operator wants it; None where there is none."""
        return self._plugins.get(plugin_id)

    def offers(self, request: ChatRequest, chosen: Sequence[Chosen]) -> bool:
        """Whether *request* names tools of the gateway, or plugins of *chosen* offer some, by a quick look."""
        if chosen and any(one.tool is not None for one in chosen):
            return True
        if request.parameters.tools is None:
            return False
        tools = bytes(request.fields["tools"])
        return any(mark in tools for mark in self._marks)

    def tool(self, kind: str, entry: Raw, candidates: Sequence[Candidate]) -> Chosen | None:
        """The tool of the gateway that *entry* of type *kind* means; None: it means none. A name that is not ours means
        the provider's own where ``native`` is its engine, and where all *candidates* have one and no engine is named;
        providers that run tools of such kinds themselves run all of them.

        Raises:
            BadRequest: there is no such tool of ours, the operator has switched it off, or the entry says what it does
                not know.
        """
        if kind.startswith(_OURS) and candidates and all(one.provider.capabilities.server_tools for one in candidates):
            return None
        fitted = self._tools.get(kind)
        tool = None if fitted is None else fitted.plugin.tool
        if fitted is None or tool is None:
            if kind.startswith(_OURS):
                known = ", ".join(sorted(one.plugin.tool.kind for one in self._plugins.values() if one.plugin.tool))
                raise BadRequest(f"`tools`: there is no {kind[:_SHOWN]}. There are: {known or 'none'}")
            return None
        fields = _read_entry(entry)
        stated = fields.pop("parameters", None)
        if kind != tool.kind:
            engine = bytes(fields.get("engine", b'"auto"'))
            able = tool.native is not None and all(tool.native(one) for one in candidates)
            if engine == b'"native"' or (able and engine == b'"auto"'):
                return None
        if fitted.fixed and fitted.enabled is False:
            raise BadRequest(f"`tools`: {tool.kind} is switched off here")
        layers = [fields] if stated is None else [fields, _read_entry(stated)]
        return Chosen(fitted, _parameters(fitted, () if fitted.fixed else layers, tool), None, tool)

    def of_themselves(self) -> tuple[Chosen, ...]:
        """Those that work for small endpoints though nobody asked for them."""
        return tuple(
            Chosen(one, _parameters(one, ()), one.plugin.unasked) for one in self._plugins.values() if _unasked(one)
        )

    def _entries(self, entries: Iterable[Mapping[str, Raw]]) -> dict[str, Mapping[str, Raw]]:
        found: dict[str, Mapping[str, Raw]] = {}
        for entry in entries:
            plugin_id = msgspec.json.decode(entry["id"], type=str)
            if plugin_id in found:
                raise BadRequest(f"`plugins`: {plugin_id[:_SHOWN]} stands twice")
            if plugin_id not in self._plugins and plugin_id not in _ELSEWHERE:
                known = ", ".join(sorted(self._plugins))
                raise BadRequest(f"`plugins`: there is no plugin {plugin_id[:_SHOWN]!r}. There are: {known or 'none'}")
            found[plugin_id] = entry
        return found


def goes_online(parameters: ChatParameters) -> bool:
    """Whether a model is named with the suffix that switches the plugin ``web`` on."""
    model = parameters.model
    if model is not None and ":" in model and _is_online(model):
        return True
    return parameters.models is not None and any(map(_is_online, parameters.models))


def is_tight(candidate: Candidate, request: ChatRequest) -> bool:
    """Whether *request* may be too long for *candidate*, by a quick look."""
    if candidate.room is None:
        return False
    return request.prompt_bytes // _FEWEST_BYTES_PER_TOKEN + (request.max_tokens or 0) > candidate.room // 2


@lru_cache(4_096)
def _is_online(name: str) -> bool:
    try:
        return _ONLINE in parse_model_name(name).virtual
    except InvalidModelName:
        return False


def _unasked(fitted: Fitted) -> int:
    return fitted.plugin.unasked if fitted.enabled is None else 0


def _named(request: ChatRequest) -> list[dict[str, Raw]]:
    """The entries of *request*; ``transforms`` is the old name of one."""
    entries = _read_entries(request.fields["plugins"]) if request.parameters.plugins is not None else []
    transforms = request.fields.get("transforms")
    if transforms is None or bytes(transforms) == b"null":
        return entries
    try:
        names = _read_names(transforms)
    except BadJSON as error:
        raise BadRequest(f"`transforms`: {error}") from None
    if unknown := [name for name in names if name not in _OLD_NAMES]:
        raise BadRequest(f"`transforms`: there is no transform {unknown[0][:_SHOWN]!r}. There are: middle-out")
    for plugin_id in _OLD_NAMES.values():
        entry = {"id": Raw(encode(plugin_id)), "enabled": Raw(b"true" if names else b"false")}
        if all(bytes(one["id"]) != bytes(entry["id"]) for one in entries):
            entries.append(entry)
    return entries


def _is_on(entry: Mapping[str, Raw]) -> bool:
    """To be named is to be wanted, unless the entry says otherwise."""
    return bytes(entry.get("enabled", b"true")) != b"false"


def _parameters(fitted: Fitted, layers: Sequence[Mapping[str, Raw]], tool: Tool | None = None) -> Struct:
    plugin, kind = fitted.plugin, None if tool is None else tool.parameters
    fields = dict(fitted.defaults) if kind is None else {}
    for layer in layers:
        fields |= {name: value for name, value in layer.items() if name not in _COMMON}
    try:
        return msgspec.json.decode(encode(fields), type=kind or plugin.parameters)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        place = f"`plugins`: {plugin.id}" if tool is None else f"`tools`: {tool.kind}"
        raise BadRequest(f"{place}: {_plain(str(error))}") from None


def _plain(message: str) -> str:
    return message.replace("`$.", "`").replace(" - at `$`", "").replace("Object contains", "there is an")
