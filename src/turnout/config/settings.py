"""The keys of the configuration file as frozen models, with their defaults."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from turnout.config.values import (
    Created,
    Directory,
    HeaderName,
    Host,
    HostAndPort,
    HttpUrl,
    InputModality,
    Interval,
    ModelAlias,
    ModelId,
    OutputModality,
    Port,
    Price,
    Prose,
    Quantization,
    Score,
    Seconds,
    SecretKeys,
    SecretText,
    SecretUrl,
    SharedUrl,
    Slug,
    StoreUrl,
    Switch,
    Tag,
    Text,
    Tokens,
    Weight,
    Whole,
    Word,
    seconds_of_interval,
)

__all__ = [
    "DIALECTS",
    "Alerts",
    "Auth",
    "Auto",
    "AutoPolicy",
    "Capabilities",
    "Catalog",
    "CatalogAddresses",
    "DeclaredEndpoint",
    "DeclaredModel",
    "DeclaredPlugin",
    "DeclaredProvider",
    "Fetch",
    "Limits",
    "Logging",
    "Metrics",
    "OpenIDProvider",
    "PriceWeights",
    "Pricing",
    "Server",
    "Settings",
    "Store",
    "Timeouts",
]

T = TypeVar("T")

DIALECTS: Final = (
    "openai", "openai-responses", "anthropic", "google", "vertex", "bedrock", "azure", "cohere", "mistral", "fake"
)  # fmt: skip
"""Wire dialects that Turnout ships; installed packages may add others."""
BenchmarkIndex = Literal["intelligence_index", "coding_index", "agentic_index"]
Tradeoff = Annotated[Score, Field(ge=0, le=10)]
DataCollection = Literal["allow", "deny"]
CatalogSource = Literal["providers", "openrouter", "models.dev", "genai-prices", "litellm"]


class _Table(BaseModel):
    """One table of the file: unknown keys are mistakes, values never change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _usual(table: type[T]) -> T:
    """*table* as it is when nothing of it is set, described by its own words."""
    field: T = Field(default=table(), description=table.__doc__)
    return field


class Server(_Table):
    """Where the server listens, where it keeps its files."""

    host: Host = Field(default="127.0.0.1", description="Address to listen on.")
    port: Port = Field(default=8000, description="Port to listen on; 0 takes a free one.")
    workers: Annotated[Whole, Field(le=1024)] = Field(default=1, description="Worker processes.")
    data_dir: Directory = Field(
        default=Path("./turnout-data"),
        description="Directory of the SQLite file, journals, catalog snapshot, shared counters.",
    )
    cors: Switch = Field(
        default=True, description="Whether pages of other origins may read public answers, without cookies."
    )
    data_plane: Literal["protocol", "asgi"] = Field(
        default="protocol",
        description="How completions are answered: `protocol`, inside the server's HTTP protocol, or `asgi`, over "
        "uvicorn's own: slower, and without the limits on headers, slow clients and connections.",
    )


class Store(_Table):
    """Where accounts, keys and generations live."""

    url: StoreUrl = Field(default="sqlite", description="`sqlite`, or `postgresql://user@host/database`.")
    shared: SharedUrl = Field(
        default="", description="`redis://host:6379/0` or `valkey://…` for several nodes; empty for one machine."
    )
    retention: Interval = Field(
        default="never",
        description='How long single generations are kept, such as `"90d"`, or `"never"` to delete none; sums stay.',
    )
    content_retention: Interval = Field(
        default="30d",
        description="How long prompts and answers are kept of keys with `store_content`; no other key's are, ever.",
    )

    @property
    def retention_seconds(self) -> int | None:
        """Seconds that a generation is kept; None for ever."""
        return seconds_of_interval(self.retention)

    @property
    def content_seconds(self) -> int | None:
        """Seconds that prompts and answers are kept; None for ever."""
        return seconds_of_interval(self.content_retention)


class Alerts(_Table):
    """Who is told when 50, 80 and 100 % of a budget are spent."""

    webhook: SecretUrl | None = Field(
        default=None, description="Address that gets a `POST` with JSON. Left out: the log tells alone."
    )


class OpenIDProvider(_Table):
    """How people sign in to the website by an OpenID provider. Left out: they do not."""

    issuer: HttpUrl = Field(description="The provider's address; `/.well-known/openid-configuration` is below it.")
    client_id: Text = Field(description="What the provider calls this gateway.")
    client_secret: SecretText | None = Field(default=None, description="The secret that goes with it, if there is one.")
    name: Text = Field(default="single sign-on", description="What the button says after “Sign in with”.")
    scopes: tuple[Word, ...] = Field(
        default=("openid", "email", "profile"), description="What is asked of the provider."
    )
    domains: tuple[Host, ...] = Field(
        default=(),
        description="Domains of verified e-mail addresses that may sign in. None: whomever the provider lets.",
    )
    admins: tuple[Text, ...] = Field(default=(), description="Verified e-mail addresses whose accounts become admins.")
    credit: Price = Field(default="0", description="Dollars that a new account may spend in its whole life.")
    base_url: HttpUrl | None = Field(
        default=None, description="This gateway's address as browsers know it. Left out: what the browser says."
    )


class Auth(_Table):
    """The first two keys, the master key, and how people sign in."""

    management_key: SecretText | None = Field(
        default=None,
        description="The management key. Left out: `$TURNOUT_MANAGEMENT_KEY`, else one is made on first start.",
    )
    api_key: SecretText | None = Field(
        default=None,
        description="A first ordinary key. Left out: `$TURNOUT_API_KEY`, else one is made on first start.",
    )
    master_key: SecretKeys | None = Field(
        default=None,
        description="What secrets in the store are sealed with: 64 hexadecimal digits, or several such keys with commas"
        " between them, the present one first. Left out: `$TURNOUT_MASTER_KEY`, else `master-keys` in the data"
        " directory, made on first start.",
    )
    public_pages: Switch = Field(
        default=True,
        description="Whether the website shows catalog, rankings and status to those who have not signed in.",
    )
    oidc: OpenIDProvider | None = Field(
        default=None, description="How people sign in to the website by an OpenID provider."
    )


class Metrics(_Table):
    """Who may read the metrics."""

    public: Switch = Field(default=False, description="Whether `/metrics` answers without the management key.")


class CatalogAddresses(_Table):
    """Where a sync reads its sources, for mirrors."""

    openrouter: HttpUrl = Field(
        default="https://openrouter.ai/api/v1", description="OpenRouter's API; `/models` is below it."
    )
    models_dev: HttpUrl = Field(default="https://models.dev/api.json", description="The file of models.dev.")
    genai_prices: HttpUrl = Field(
        default="https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json",
        description="The file of genai-prices.",
    )
    litellm: HttpUrl = Field(
        default="https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json",
        description="The price file of litellm.",
    )


class PriceWeights(_Table):
    """What the sorts of listings by price count: so many units of each kind, as in a thousand small requests."""

    prompt: Weight = Field(default=3_000_000, description="Tokens of prompts.")
    completion: Weight = Field(default=1_000_000, description="Tokens of completions.")
    request: Weight = Field(default=1_000, description="Requests.")
    web_search: Weight = Field(default=10, description="Web searches.")


class Catalog(_Table):
    """Where models, prices and limits come from."""

    bundled: Switch = Field(
        default=True, description="The offline catalog; `false` serves only what this file declares."
    )
    sources: tuple[CatalogSource, ...] = Field(
        default=("providers", "openrouter", "models.dev"),
        description="What `turnout catalog sync` reads: `providers`, `openrouter`, `models.dev`, `genai-prices`, "
        "`litellm`.",
    )
    addresses: CatalogAddresses = _usual(CatalogAddresses)
    price_weights: PriceWeights = _usual(PriceWeights)
    benchmarks_file: Directory | None = Field(
        default=None, description="A JSON file with measurements of models, by model id. Left out: none."
    )
    refresh: Interval = Field(default="6h", description='Time between two syncs, or `"never"` for air-gapped machines.')

    @property
    def refresh_seconds(self) -> int | None:
        """Seconds between two syncs; None for never."""
        return seconds_of_interval(self.refresh)


class Limits(_Table):
    """Caps on what one client may send and how long it may take."""

    body_bytes: Whole = Field(default=33_554_432, description="Largest request body, in bytes.")
    header_bytes: Whole = Field(default=32_768, description="Largest block of request headers, in bytes.")
    header_count: Whole = Field(default=100, description="Most request headers.")
    header_seconds: Seconds = Field(default=10.0, description="Time until the headers of a request are complete.")
    body_seconds: Seconds = Field(default=30.0, description="Longest pause while a request body arrives.")
    write_stall_seconds: Seconds = Field(default=60.0, description="Longest time a client may leave an answer unread.")
    drain_seconds: Seconds = Field(default=30.0, description="Time that running answers get at shutdown.")
    keepalive_comment_seconds: Seconds = Field(
        default=15.0, description="Silence after which a stream gets a comment line."
    )
    connections: Whole = Field(default=10_000, description="Most open client connections of one worker.")


class Fetch(_Table):
    """How files that requests name by URL are read."""

    allow: tuple[HostAndPort, ...] = Field(
        default=(),
        description="Own hosts, as `host:port`, that may be read although they are not public; anyone who may ask a "
        "model can read from them.",
    )
    ports: tuple[Annotated[Port, Field(ge=1)], ...] = Field(
        default=(80, 443), description="Ports that may be read from on all other hosts."
    )
    max_bytes: Whole = Field(default=20_971_520, description="Largest file, in bytes.")
    seconds: Seconds = Field(default=10.0, description="Longest time for one file, redirects included.")


class Logging(_Table):
    """What is logged, in which form."""

    level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        default="info", description="Least severe level that is logged."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`console`, `json`, or `auto`: console on a terminal, JSON lines elsewhere."
    )


class Timeouts(_Table):
    """How long an upstream may take."""

    connect: Seconds = Field(default=5.0, description="Seconds to connect, TLS included.")
    first_byte: Seconds = Field(default=60.0, description="Seconds from the request to the first byte of the answer.")
    idle: Seconds = Field(default=60.0, description="Seconds between two pieces of an answer.")
    total: Seconds = Field(default=900.0, description="Seconds for the whole answer.")


class Capabilities(_Table):
    """Where an OpenAI-compatible provider departs from OpenAI; a key left out keeps what is known of it."""

    stream_usage: Switch | None = Field(default=None, description="Whether `stream_options.include_usage` may be sent.")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = Field(
        default=None, description="The field that caps the answer: `max_tokens` or `max_completion_tokens`."
    )
    reasoning: Literal["effort", "object", "thinking", "enable_thinking", "none"] | None = Field(
        default=None,
        description="How reasoning is asked for: `effort`, `object`, `thinking`, `enable_thinking` or `none`.",
    )
    developer_role: Switch | None = Field(default=None, description="Whether messages may have the role `developer`.")
    structured: Literal["json_schema", "json_object", "none"] | None = Field(
        default=None, description="Strongest `response_format`: `json_schema`, `json_object` or `none`."
    )
    drop: tuple[Word, ...] | None = Field(default=None, description="Request fields that must not be sent.")
    embeddings: Literal["openai", "plain", "gateway", "mistral", "voyage", "nvidia"] | None = Field(
        default=None,
        description="Whose habits embeddings follow: `openai`, `plain`, `gateway`, `mistral`, `voyage` or `nvidia`.",
    )
    embedding_batch: int | None = Field(
        default=None, ge=1, description="Most inputs of one call for embeddings. Left out: as those habits have it."
    )
    server_tools: Switch | None = Field(default=None, description="Whether it runs `openrouter:…` tools itself.")


class DeclaredProvider(_Table):
    """A provider that the operator declares, or a well-known one whose settings differ."""

    enabled: Switch = Field(default=True, description="Whether the provider is used at all.")
    name: Text | None = Field(default=None, description="Display name. Left out: the shipped name, else the slug.")
    dialect: Word | None = Field(
        default=None,
        description="Wire dialect: `openai`, `openai-responses`, `anthropic`, `google`, `vertex`, `bedrock`, `azure`, "
        "`cohere`, `mistral`, `fake`, or one that an installed package adds. Left out: the shipped one, else `openai`.",
    )
    base_url: HttpUrl | None = Field(
        default=None,
        description="Address of its API. Ends with the version for openai, openai-responses and mistral; "
        "is the bare host for the others.",
    )
    api_key: SecretText | None = Field(
        default=None, description="Its credential. Left out: the shipped variable, if set."
    )
    region: Text | None = Field(default=None, description="Region, where the dialect needs one.")
    project: Text | None = Field(default=None, description="Project, for vertex.")
    location: Text | None = Field(default=None, description="Location, for vertex.")
    credentials_file: Text | None = Field(default=None, description="Path of a service account's key file, for vertex.")
    access_key_id: SecretText | None = Field(default=None, description="Access key id, for bedrock.")
    secret_access_key: SecretText | None = Field(default=None, description="Secret access key, for bedrock.")
    session_token: SecretText | None = Field(default=None, description="Session token, for bedrock.")
    api_version: Text | None = Field(default=None, description="API version, for azure and anthropic.")
    headers: Mapping[HeaderName, SecretText] = Field(
        default={}, description="Headers added to each request to it. Values count as secrets."
    )
    capabilities: Capabilities = Field(default=Capabilities(), description="Where it departs from OpenAI.")
    data_collection: DataCollection | None = Field(
        default=None,
        description="`allow` or `deny`: whether it may store prompts. Left out: unknown, which counts as `allow`.",
    )
    zdr: Switch | None = Field(default=None, description="Whether it retains no data at all.")
    regions: tuple[Word, ...] | None = Field(default=None, description="Regions where it processes data, such as `eu`.")
    timeouts: Timeouts = Field(default=Timeouts(), description="How long it may take.")


class Pricing(_Table):
    """Prices in US dollars per unit, as exact decimal strings; one left out is not charged."""

    prompt: Price | None = Field(default=None, description="Per token of the prompt.")
    completion: Price | None = Field(default=None, description="Per token of the completion.")
    request: Price | None = Field(default=None, description="Per request; of a reranker, per search.")
    image: Price | None = Field(default=None, description="Per image in the prompt.")
    image_token: Price | None = Field(default=None, description="Per image token of the prompt.")
    image_output: Price | None = Field(default=None, description="Per image token of the completion.")
    audio: Price | None = Field(default=None, description="Per audio token of the prompt.")
    audio_output: Price | None = Field(default=None, description="Per audio token of the completion.")
    input_audio_cache: Price | None = Field(default=None, description="Per audio token read from the cache.")
    web_search: Price | None = Field(default=None, description="Per web search.")
    internal_reasoning: Price | None = Field(
        default=None, description="Per reasoning token. Left out: as `completion`."
    )
    input_cache_read: Price | None = Field(default=None, description="Per token read from the cache.")
    input_cache_write: Price | None = Field(default=None, description="Per token written to the cache for 5 minutes.")
    input_cache_write_1h: Price | None = Field(default=None, description="Per token written to the cache for an hour.")
    output_image: Price | None = Field(default=None, description="Per image that is made.")
    audio_second: Price | None = Field(default=None, description="Per second of sound that is heard or spoken.")
    character: Price | None = Field(default=None, description="Per character of a text that is spoken.")


class DeclaredEndpoint(_Table):
    """One provider's offer of a declared model."""

    provider: Slug = Field(description="Slug of the provider that serves it; `fake` is allowed.")
    upstream_model: Text | None = Field(
        default=None,
        description="The provider's own name for the model (azure: the deployment). Left out: the slug after the `/`.",
    )
    tag: Tag | None = Field(
        default=None,
        description="Name of the endpoint: slug, or slug/variant, slug/region, slug/tier. Left out: the slug.",
    )
    quantization: Quantization | None = Field(default=None, description="Precision of the weights, such as `fp8`.")
    context_length: Tokens | None = Field(
        default=None, description="Longest context here, in tokens. Left out: the model's."
    )
    max_completion_tokens: Tokens | None = Field(default=None, description="Longest completion here, in tokens.")
    supported_parameters: tuple[Word, ...] | None = Field(
        default=None, description="Request parameters that it understands. Left out: all."
    )
    pricing: Pricing = Field(default=Pricing(), description="Prices in US dollars per unit, as strings.")
    data_collection: DataCollection | None = Field(
        default=None, description="As of the provider, for this endpoint alone."
    )
    zdr: Switch | None = Field(default=None, description="As of the provider, for this endpoint alone.")
    regions: tuple[Word, ...] | None = Field(default=None, description="As of the provider, for this endpoint alone.")


class DeclaredModel(_Table):
    """A model that the operator declares, or one of the catalog with other facts."""

    id: ModelId = Field(description="The model's name: author/slug.")
    name: Text | None = Field(default=None, description="Display name. Left out: the catalog's, else the id.")
    description: Prose | None = Field(default=None, description="What the model is, in a sentence or a few.")
    created: Created | None = Field(default=None, description="Day of release, as a date or as unix seconds.")
    context_length: Tokens | None = Field(default=None, description="Longest context, in tokens.")
    input_modalities: tuple[InputModality, ...] | None = Field(
        default=None, description="What it reads: `text`, `image`, `file`, `audio`, `video`."
    )
    output_modalities: tuple[OutputModality, ...] | None = Field(
        default=None,
        description="What it writes: `text`, `image`, `embeddings`, `audio`, `video`, `rerank`, `speech`, "
        "`transcription`.",
    )
    supported_voices: tuple[Word, ...] | None = Field(default=None, description="Voices that it speaks with.")
    tokenizer: Text | None = Field(default=None, description="Family of its tokenizer, such as `GPT`.")
    aliases: tuple[ModelAlias, ...] = Field(default=(), description="Other names that lead to it.")
    benchmarks: Mapping[BenchmarkIndex, Score] = Field(
        default={}, description="Results, such as `intelligence_index = 31.5`."
    )
    endpoints: tuple[DeclaredEndpoint, ...] = Field(
        default=(), description="Who serves it, in tables `[[models.endpoints]]`."
    )


class DeclaredPlugin(_Table):
    """What the operator says of a plugin; naming one that an installed package adds loads it."""

    enabled: Switch | None = Field(
        default=None,
        description="Whether it works on requests that do not name it. Left out: only where its nature is to do so.",
    )
    prevent_overrides: Switch = Field(
        default=False, description="Whether what stands here holds whatever requests and keys say."
    )
    on_failure: Literal["fail", "skip"] | None = Field(
        default=None,
        description="What becomes of a request when the plugin fails: `fail`, or `skip`, to go on without it. "
        "Left out: the plugin's own.",
    )
    seconds: Seconds | None = Field(
        default=None, description="Longest time for each of its steps. Left out: the plugin's own."
    )
    parameters: Mapping[Word, Any] = Field(
        default={}, description="What its entries in requests may say, for those that do not."
    )
    settings: Mapping[Word, Any] = Field(default={}, description="What only the operator may say.")
    credentials: Mapping[Word, SecretText] = Field(
        default={}, description="Credentials of services that it uses, by the names that it gives them."
    )


class AutoPolicy(_Table):
    """How an auto router decides."""

    table: Directory | None = Field(
        default=None, description="What `turnout auto train` has written. Left out: the table that comes with it."
    )
    embeddings: Directory | None = Field(
        default=None,
        description="A folder of word vectors, `vectors.npy` and `vocab.txt`, that `table` was trained with. "
        "Left out: hashed words.",
    )
    tradeoff: Tradeoff = Field(
        default=5.0, description="0 is quality alone, 10 the cheapest; for requests that do not say it."
    )
    explore: Annotated[Score, Field(ge=0, le=0.5)] = Field(
        default=0.0, description="Chance that one of the three best is drawn; each answer's record has its propensity."
    )


class Auto(AutoPolicy):
    """The routers `openrouter/auto`, `turnout/auto` and, for a policy under test, `openrouter/auto-beta`."""

    allowed_models: tuple[Text, ...] | None = Field(
        default=None, description="Patterns of models that may be chosen, such as `anthropic/*`. Left out: all."
    )
    excluded_models: tuple[Text, ...] = Field(default=(), description="Patterns of models that may not.")
    cost_tier: Literal["low", "medium", "high", "xhigh", "max"] | None = Field(
        default=None, description="Choose in this fifth of the models, by price. Left out: among all."
    )
    pin_model: Switch = Field(
        default=False, description="Stay with the `model` that the conversation's last answer names."
    )
    prevent_overrides: Switch = Field(
        default=False, description="Whether what stands here holds whatever requests and keys say."
    )
    shadow: Switch = Field(
        default=False, description="Have the policy under test decide about every request too; it is recorded alone."
    )
    spend_share: Switch = Field(
        default=False,
        description="Whether models count for a little more which an account has spent most on, by kind of work, "
        "in seven days.",
    )
    beta: AutoPolicy = Field(default=AutoPolicy(), description="The policy under test, `openrouter/auto-beta`.")
    figures: Directory | None = Field(
        default=None, description="What `turnout auto eval --json` has written, for the website."
    )


class Settings(_Table):
    """The whole configuration. Made by ``turnout.config.load``; it reads neither files nor variables itself."""

    server: Server = _usual(Server)
    store: Store = _usual(Store)
    alerts: Alerts = Field(default=Alerts(), description="Who is told when budgets are nearly spent.")
    auth: Auth = _usual(Auth)
    metrics: Metrics = _usual(Metrics)
    catalog: Catalog = _usual(Catalog)
    limits: Limits = _usual(Limits)
    fetch: Fetch = _usual(Fetch)
    logging: Logging = _usual(Logging)
    providers: Mapping[Slug, DeclaredProvider] = Field(default={}, description="Providers by slug.")
    plugins: Mapping[Word, DeclaredPlugin] = Field(default={}, description="Plugins by id.")
    auto: Auto = Field(default=Auto(), description="How the auto router chooses models.")
    models: tuple[DeclaredModel, ...] = Field(default=(), description="Declared models, in tables `[[models]]`.")
