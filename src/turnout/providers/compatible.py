"""The table of OpenAI-compatible providers: its rows as frozen data, and what the environment configures of them."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from turnout.base.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CompatibleProvider", "Resolved", "TableError", "load_compatible", "parse_compatible"]

_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PATH: Final = re.compile(r"[A-Za-z0-9/._~-]*")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - listening addresses to be replaced, not used


class TableError(ValueError):
    """A row of the table is wrong; the message names the row and the key."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """Where a configured provider is reached: the base URL without placeholders or trailing slash, and its key."""

    base_url: str
    credential: Secret | None


class CompatibleProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider that serves an OpenAI-compatible ``POST {base_url}/chat/completions``.

    Attributes:
        slug: the name of its table, lower-case kebab.
        name: what people read.
        base_url: without trailing slash; ``{NAME}`` stands for the value of an environment variable.
        credential: environment variables, the first one that is set wins; empty where none is needed. A local
            server may do without a value.
        models_path: its model listing, below the base URL; empty where there is none.
        docs: where the operator reads about it.
        dialect: the language of its chat, where that has grown apart from OpenAI's.
        stream_usage: it takes ``stream_options.include_usage``.
        max_tokens_field: what it calls the limit of the completion.
        reasoning: how its thinking is steered: the string ``reasoning_effort``, an object ``reasoning`` as
            OpenRouter has it, an object ``thinking`` with the type enabled or disabled, a boolean
            ``enable_thinking``, or not at all.
        developer_role: it understands the role ``developer``; otherwise that is sent as ``system``.
        structured: the strongest ``response_format`` it takes.
        drop: parameters of the chat API that it refuses for every model.
        embeddings, embedding_batch: whose habits its embeddings follow, and the most inputs of one call.
        server_tools: it runs tools of the ``openrouter:…`` kinds itself.
        local: it runs on the operator's own machines, and ``base_url`` is on the loopback interface.
        local_variable: the environment variable that holds a local server's address and makes it count as
            configured.
        aliases: what other catalogs call it.
        data_collection, zdr, regions, headquarters: policy facts; None or empty means unknown. ``regions`` are
            lower-case, ``headquarters`` is an ISO 3166 country code.
    """

    slug: str
    name: str
    base_url: str
    credential: tuple[str, ...]
    docs: str
    models_path: str = "/models"
    dialect: Literal["openai", "mistral"] = "openai"
    stream_usage: bool = True
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    reasoning: Literal["effort", "object", "thinking", "enable_thinking", "none"] = "effort"
    developer_role: bool = False
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    drop: tuple[str, ...] = ()
    embeddings: Literal["openai", "plain", "gateway", "mistral", "voyage", "nvidia"] = "openai"
    embedding_batch: Annotated[int, msgspec.Meta(ge=1)] | None = None
    server_tools: bool = False
    local: bool = False
    local_variable: str = ""
    aliases: tuple[str, ...] = ()
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    regions: tuple[str, ...] = ()
    headquarters: str | None = None
    privacy_policy_url: str | None = None
    terms_of_service_url: str | None = None
    status_page_url: str | None = None

    def __post_init__(self) -> None:
        for problem in (*_naming_problems(self), *_address_problems(self)):
            raise ValueError(problem)

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The environment variables that the base URL needs, in their order."""
        return tuple(_PLACEHOLDER.findall(self.base_url))

    def resolve(self, environment: Mapping[str, str]) -> Resolved | None:
        """Where and with which key *environment* reaches this provider, or None where it does not configure it.

        A blank value counts as unset. A local server is configured by its ``local_variable`` alone.

        Raises:
            ValueError: a variable holds no address or no account name; the message names the variable, never its
                value, which may hold a password.
        """
        credential = next((value for name in self.credential if (value := environment.get(name, "").strip())), None)
        if self.local:
            address = environment.get(self.local_variable, "").strip()
            base_url = _local_base_url(self.local_variable, address, self.base_url) if address else None
        elif self.credential and credential is None:
            base_url = None
        else:
            base_url = _filled(self.base_url, environment)
        if base_url is None:
            return None
        return Resolved(base_url=base_url, credential=Secret(credential) if credential else None)


@cache
def load_compatible() -> Mapping[str, CompatibleProvider]:
    """The table that is shipped, by slug.

    Raises:
        TableError: a row is wrong.
    """
    return parse_compatible(files("turnout.providers").joinpath("compatible.toml").read_text(encoding="utf-8"))


def parse_compatible(text: str) -> Mapping[str, CompatibleProvider]:
    """The rows of a table in TOML, by slug, read-only.

    Raises:
        TableError: it is no TOML, a row has an unknown key or a wrong value, or two rows share a name.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"the table of providers is no TOML: {error}") from error
    rows: dict[str, CompatibleProvider] = {}
    for slug, table in tables.items():
        rows[slug] = _row(slug, table)
    owner: dict[str, str] = {slug: slug for slug in rows}
    for slug, row in rows.items():
        for alias in row.aliases:
            if owner.setdefault(alias, slug) != slug or alias == slug:
                raise TableError(f"[{slug}] aliases: {alias!r} names [{owner[alias]}] already")
    return MappingProxyType(rows)


def _row(slug: str, table: object) -> CompatibleProvider:
    if not isinstance(table, dict):
        raise TableError(f"[{slug}] is no table")
    if "slug" in table:
        raise TableError(f"[{slug}] slug: the name of the table is the slug")
    try:
        return msgspec.convert({**table, "slug": slug}, CompatibleProvider)
    except msgspec.ValidationError as error:
        raise TableError(f"[{slug}] {error}") from error


def _naming_problems(row: CompatibleProvider) -> list[str]:
    """What is wrong with the names of a row, each with its key first."""
    problems = []
    if not _SLUG.fullmatch(row.slug):
        problems.append("slug: not lower-case kebab")
    problems += [
        f"credential: {name!r} is no name of a variable" for name in row.credential if not _VARIABLE.fullmatch(name)
    ]
    problems += [
        f"base_url: {{{name}}} names no variable" for name in row.placeholders if not _VARIABLE.fullmatch(name)
    ]
    problems += [f"aliases: {alias!r} is not lower-case kebab" for alias in row.aliases if not _SLUG.fullmatch(alias)]
    if row.local and not _VARIABLE.fullmatch(row.local_variable):
        problems.append("local_variable: a local server needs one")
    if not row.local and row.local_variable:
        problems.append("local_variable: only a local server has one")
    if not row.local and not row.credential:
        problems.append("credential: only a local server does without")
    return problems


def _address_problems(row: CompatibleProvider) -> list[str]:
    """What is wrong with the addresses of a row, each with its key first."""
    problems = []
    url = urlsplit(row.base_url)
    if row.local and (url.scheme != "http" or url.hostname not in _LOOPBACK):
        problems.append("base_url: a local server is on the loopback interface")
    if not row.local and (url.scheme != "https" or not url.hostname):
        problems.append("base_url: not https")
    if row.base_url.endswith("/"):
        problems.append("base_url: ends with a slash")
    if row.models_path and not row.models_path.startswith("/"):
        problems.append("models_path: does not begin with a slash")
    links = {
        "docs": row.docs,
        "privacy_policy_url": row.privacy_policy_url,
        "terms_of_service_url": row.terms_of_service_url,
        "status_page_url": row.status_page_url,
    }
    problems += [f"{key}: not https" for key, link in links.items() if link is not None and link[:8] != "https://"]
    return problems


def _filled(base_url: str, environment: Mapping[str, str]) -> str | None:
    """*base_url* with its placeholders replaced, or None where a variable is unset.

    A value is an account name: it cannot move the request to another host or path.
    """
    for name in _PLACEHOLDER.findall(base_url):
        value = environment.get(name, "").strip()
        if not value:
            return None
        if not _NAME.fullmatch(value):
            raise ValueError(f"{name} is no account name: only letters, digits, dots, hyphens and underscores")
        base_url = base_url.replace(f"{{{name}}}", value)
    return base_url


def _local_base_url(variable: str, address: str, default: str) -> str:
    """The base URL for an *address* that may lack scheme, port and path.

    The path comes from *default* where there is none, and so does the port where there is no scheme either; a scheme
    without a port means that scheme's own. A server's listening address (all interfaces) becomes the loopback one.
    """
    bare = "://" not in address
    if bare and address.count(":") > 1 and not address.startswith("["):
        address = f"[{address}]"
    try:
        url = urlsplit(f"http://{address}" if bare else address)
        port = url.port
    except ValueError:
        raise ValueError(f"{variable} is no address of a server") from None
    host = _ANY_ADDRESS.get(url.hostname or "", url.hostname or "")
    path = url.path.rstrip("/")
    if not (
        url.scheme in {"http", "https"}
        and (_NAME.fullmatch(host) or _is_ipv6(host))
        and _PATH.fullmatch(path)
        and not (url.username is not None or url.query or url.fragment)
    ):
        raise ValueError(
            f"{variable} is no address of a server: write host:port, or a URL without user, query and fragment"
        )
    known = urlsplit(default)
    if bare and port is None:
        port = known.port
    authority = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{authority}{f':{port}' if port is not None else ''}{path or known.path}"


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True
