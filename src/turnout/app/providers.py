"""From the table, the configuration and the environment to the providers of this installation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import asdict, replace
from pydantic import BaseModel

from turnout import config
from turnout.base.secrets import Secret
from turnout.config.settings import DeclaredProvider
from turnout.contracts.provider import Adapter, Dialect, Embedder, KnownProvider, Outside
from turnout.domain.provider import Capabilities, Policy, Provider, Timeouts
from turnout.providers.compatible import CompatibleProvider, Resolved, load_compatible
from turnout.providers.dialects import find_dialect, load_dialects

__all__ = [
    "FAKE",
    "adapters_for",
    "embedders_for",
    "errands_for",
    "known_slugs",
    "providers_of",
    "read_headers",
    "variables_of",
    "wants_reasoning_back",
]

FAKE = "fake"
_NOWHERE: Final = "http://127.0.0.1:0/v1"
_FACTS: Final = (
    "name", "dialect", "region", "project", "location", "api_version", "credentials_file", "access_key_id",
    "secret_access_key", "session_token",
)  # fmt: skip
"""What the configuration says of a provider under the name that it has there."""


def read_headers() -> frozenset[bytes]:
    """The headers of answers that some dialect reads, in lower case."""
    return frozenset().union(*(dialect.headers for dialect in load_dialects().values()))


def known_slugs() -> frozenset[str]:
    """Providers that need no declaration: those of the table and of the dialects, and the fake one."""
    native = {known.slug for dialect in load_dialects().values() for known in dialect.providers}
    return frozenset(load_compatible()) | native | {FAKE}


def variables_of(slug: str) -> tuple[str, ...]:
    """The environment variables that the credential of a provider is looked for in; empty where there are none."""
    if (row := load_compatible().get(slug)) is not None:
        return row.credential
    native = (known for dialect in load_dialects().values() for known in dialect.providers)
    return next((known.credential for known in native if known.slug == slug), ())


def providers_of(
    settings: config.Settings, environment: Mapping[str, str], fake_address: str = _NOWHERE
) -> tuple[dict[str, Provider], list[str]]:
    """Every provider by slug, usable or not, and warnings for variables that hold no address.

    *fake_address* is the base URL of the fake provider, for whoever sends something.
    """
    providers: dict[str, Provider] = {}
    warnings: list[str] = []
    for slug, row in load_compatible().items():
        try:
            resolved = row.resolve(environment)
        except ValueError as error:
            resolved = None
            warnings.append(f"provider {slug}: {error}")
        providers[slug] = _with_declared(_from_row(row, resolved), settings.providers.get(slug))
    for dialect in load_dialects().values():
        for known in dialect.providers:
            native = _from_known(known, dialect, environment)
            own = providers[known.slug] = _with_declared(native, settings.providers.get(known.slug))
            if known.slug in settings.providers and not own.base_url and _is_enabled(settings, known.slug):
                warnings.append(f"provider {known.slug}: it has no address, so it cannot be called")
    for slug, declared in settings.providers.items():
        if slug not in providers and slug != FAKE:
            plain = Provider(slug=slug, name=slug, capabilities=_modern(declared))
            providers[slug] = _with_declared(plain, declared)
    fake = Provider(
        slug=FAKE, name="Fake", dialect=FAKE, base_url=fake_address, capabilities=Capabilities(developer_role=True),
        policy=Policy(data_collection="deny", zdr=True), usable=True,
    )  # fmt: skip
    providers[FAKE] = _with_declared(fake, settings.providers.get(FAKE), keep_address=True)
    return {slug: _skilled(one) for slug, one in providers.items() if _is_enabled(settings, slug)}, warnings


def adapters_for(providers: Mapping[str, Provider], outside: Outside) -> dict[str, Adapter]:
    """One adapter for each usable provider whose dialect this program speaks."""
    return {
        slug: dialect.adapter(provider, outside)
        for slug, provider in providers.items()
        if provider.usable and (dialect := _spoken(provider.dialect)) is not None
    }


def embedders_for(providers: Mapping[str, Provider], outside: Outside) -> dict[str, Embedder]:
    """One embedder for each usable provider whose dialect has embeddings."""
    made = {
        slug: dialect.embedder(provider, outside)
        for slug, provider in providers.items()
        if provider.usable and (dialect := _spoken(provider.dialect)) is not None and dialect.embedder is not None
    }
    return {slug: embedder for slug, embedder in made.items() if embedder is not None}


def errands_for(providers: Mapping[str, Provider], outside: Outside) -> dict[str, Mapping[str, Adapter]]:
    """By kind the other things that each usable provider can do."""
    return {
        slug: dialect.errands(provider, outside)
        for slug, provider in providers.items()
        if provider.usable and (dialect := _spoken(provider.dialect)) is not None and dialect.errands is not None
    }


def wants_reasoning_back(provider: Provider) -> bool:
    """Whether reasoning that a client drops is put back before *provider* gets the request."""
    dialect = _spoken(provider.dialect)
    return dialect is not None and dialect.recalls


def _spoken(dialect: str) -> Dialect | None:
    """The dialect of that name, if this program speaks it; the fake provider speaks OpenAI's."""
    return find_dialect("openai" if dialect == FAKE else dialect)


def _skilled(provider: Provider) -> Provider:
    dialect = find_dialect(provider.dialect)
    return provider if dialect is None else replace(provider, skills=dialect.skills)


def _from_known(known: KnownProvider, dialect: Dialect, environment: Mapping[str, str]) -> Provider:
    credential = next((text for name in known.credential if (text := environment.get(name, "").strip())), None)
    provider = Provider(
        slug=known.slug,
        name=known.name,
        dialect=dialect.name,
        base_url=known.base_url,
        credential=Secret(credential) if credential else None,
        models_path=known.models_path,
        policy=msgspec.convert(known, Policy, from_attributes=True),
    )
    if dialect.address is not None and not provider.base_url and provider.credential is not None:
        provider = replace(provider, base_url=dialect.address(provider))
    return replace(provider, usable=_is_usable(provider, dialect))


def _is_usable(provider: Provider, dialect: Dialect) -> bool:
    return dialect.usable(provider) if dialect.usable is not None else provider.credential is not None


def _from_row(row: CompatibleProvider, resolved: Resolved | None) -> Provider:
    return Provider(
        slug=row.slug,
        name=row.name,
        dialect=row.dialect,
        base_url=resolved.base_url if resolved is not None else row.base_url,
        credential=resolved.credential if resolved is not None else None,
        models_path=row.models_path,
        capabilities=msgspec.convert(row, Capabilities, from_attributes=True),
        policy=msgspec.convert(row, Policy, from_attributes=True),
        usable=resolved is not None,
    )


def _with_declared(provider: Provider, declared: DeclaredProvider | None, *, keep_address: bool = False) -> Provider:
    """*provider* with what the configuration says of it; the configuration wins, field by field."""
    if declared is None:
        return provider
    capabilities = _stated(declared.capabilities, Capabilities.__struct_fields__)
    stated = replace(
        provider,
        **_stated(declared, _FACTS),
        base_url=provider.base_url if keep_address else declared.base_url or provider.base_url,
        credential=declared.api_key or provider.credential,
        headers=tuple((name, value.reveal()) for name, value in declared.headers.items()),
        capabilities=msgspec.convert(asdict(provider.capabilities) | capabilities, Capabilities),
        timeouts=_timeouts(declared),
        policy=replace(provider.policy, **_stated(declared, ("data_collection", "zdr", "regions"))),
    )
    dialect = _spoken(stated.dialect)
    if dialect is not None and dialect.address is not None and declared.base_url is None and not keep_address:
        stated = replace(stated, base_url=dialect.address(stated) or stated.base_url)
    if dialect is None:
        usable = False
    elif dialect.usable is not None:
        usable = dialect.usable(stated)
    else:
        reachable = bool(stated.base_url) and "{" not in stated.base_url
        answering = declared.base_url is not None or stated.credential is not None
        usable = provider.usable or (reachable and answering)
    return replace(stated, usable=usable)


def _modern(declared: DeclaredProvider) -> Capabilities:
    """What is assumed of a server that nothing is known of: it takes what OpenAI takes."""
    return Capabilities(developer_role=declared.base_url is not None and "api.openai.com" in declared.base_url)


def _stated(table: BaseModel, names: Iterable[str]) -> dict[str, Any]:
    """What *table* says under *names*; keys that are left out are left out."""
    return {name: value for name in names if (value := getattr(table, name)) is not None}


def _timeouts(declared: DeclaredProvider) -> Timeouts:
    """The limits; a first byte that the operator limits is limited for answers in one piece too."""
    stated = declared.timeouts
    explicit = "first_byte" in stated.model_fields_set
    return Timeouts(
        connect=stated.connect,
        first_byte=stated.first_byte,
        whole=stated.first_byte if explicit else Timeouts().whole,
        idle=stated.idle,
        total=stated.total,
    )


def _is_enabled(settings: config.Settings, slug: str) -> bool:
    declared = settings.providers.get(slug)
    return declared is None or declared.enabled
