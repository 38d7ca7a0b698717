"""A provider as this installation reaches it: address, credential, limits and wire habits."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from turnout.base.secrets import Secret

__all__ = ["Capabilities", "Policy", "Provider", "Skill", "Timeouts"]


class Capabilities(Struct, frozen=True):
    """How an OpenAI-compatible provider differs from the others.

    Attributes:
        stream_usage: takes ``stream_options.include_usage``.
        max_tokens_field: the name it wants for the output limit.
        reasoning: how reasoning is steered: a ``reasoning_effort`` string, OpenRouter's ``reasoning`` object,
            a ``thinking`` object, an ``enable_thinking`` boolean, or not at all.
        developer_role: understands the role ``developer``; else it is sent as ``system``.
        structured: the strongest ``response_format`` it takes.
        drop: parameters that it refuses.
        embeddings: whose habits its embeddings follow.
        embedding_batch: most inputs that one call for embeddings takes; None: as those habits have it.
        server_tools: it runs ``openrouter:…`` tools itself, all that there are.
    """

    stream_usage: bool = True
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    reasoning: Literal["effort", "object", "thinking", "enable_thinking", "none"] = "effort"
    developer_role: bool = False
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    drop: frozenset[str] = frozenset()
    embeddings: Literal["openai", "plain", "gateway", "mistral", "voyage", "nvidia"] = "openai"
    embedding_batch: int | None = None
    server_tools: bool = False


class Timeouts(Struct, frozen=True):
    """Seconds that each phase of an upstream call may take.

    ``first_byte`` counts for streams, ``whole`` for answers in one piece: they send nothing until they are done.
    """

    connect: float = 5.0
    first_byte: float = 60.0
    whole: float = 600.0
    idle: float = 60.0
    total: float = 900.0


class Policy(Struct, frozen=True):
    """What a provider does with prompts, and where; None is unknown, which counts as the worse."""

    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    regions: tuple[str, ...] = ()
    privacy_policy_url: str | None = None
    terms_of_service_url: str | None = None
    status_page_url: str | None = None
    headquarters: str | None = None


Skill = Literal["search", "allowed_domains", "blocked_domains", "search_tools", "files", "archives"]
"""What a dialect has words for: a search of the web by the provider, domains that it may or may not read, tools of the
``web_search`` kinds; files; office documents and books among them."""


class Provider(Struct, frozen=True, kw_only=True):
    """One provider. ``usable`` means that its credential is there or that it needs none; ``skills`` are those of its
    dialect.
    """

    slug: str
    name: str
    dialect: str = "openai"
    skills: frozenset[Skill] = frozenset()
    base_url: str = ""
    credential: Secret | None = None
    headers: tuple[tuple[str, str], ...] = ()
    models_path: str = "/models"
    capabilities: Capabilities = Capabilities()
    timeouts: Timeouts = Timeouts()
    policy: Policy = Policy()
    usable: bool = False
    region: str | None = None
    project: str | None = None
    location: str | None = None
    api_version: str | None = None
    credentials_file: str | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be read by clients: the credential, and the values of headers."""
        kept = (self.credential, self.access_key_id, self.secret_access_key, self.session_token)
        return tuple(one.reveal() for one in kept if one is not None) + tuple(value for _, value in self.headers)
