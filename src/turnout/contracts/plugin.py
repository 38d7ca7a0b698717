"""A plugin: what it reads, when it is asked, what it may cost, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from turnout.base.errors import TurnoutError
from turnout.base.money import Pico
from turnout.base.secrets import Secret
from turnout.contracts.provider import Outside
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.routing import Candidate
from turnout.domain.usage import NO_USAGE, Usage

__all__ = [
    "Job",
    "NoParameters",
    "Phase",
    "Plugin",
    "PluginFailed",
    "Purchase",
    "StreamFilter",
    "Tool",
    "Work",
]

Phase = Literal["request", "candidate", "answer", "stream"]
"""When a plugin is asked: once before the endpoints are chosen, before each attempt with the endpoint that it goes to,
for a whole answer, or for the chunks of a stream."""


class PluginFailed(TurnoutError):
    """A plugin that the request cannot do without has failed; the message is for the client."""

    error_type = "provider_unavailable"

    def __init__(self, plugin: str, message: str) -> None:
        super().__init__(message, metadata={"plugin": plugin})


class NoParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Of plugins that have nothing to set."""


class Purchase(Struct, frozen=True, kw_only=True):
    """A call of somebody else's paid service: an attempt row of the generation, charged to its budgets.

    Attributes:
        service: slug of who was paid, such as ``tavily``.
        name: its display name.
        cost: pico-dollars.
        what: what was bought, such as ``web_search``; it stands where attempts have their model.
        began, ended: monotonic seconds, as :attr:`Job.now` gives them.
        status: HTTP status of the answer; None when there was none.
        ok: it was delivered.
        searches: web searches in it, for the counts of the answer's usage.
        usage: tokens, where it has any.
    """

    service: str
    name: str
    cost: Pico
    what: str
    began: float
    ended: float
    status: int | None = 200
    ok: bool = True
    searches: int = 0
    usage: Usage = NO_USAGE


class Job(Protocol):
    """One plugin's part in one request: what it was told, and what it may do."""

    parameters: Any
    """The plugin's ``parameters``: the request's entry over the key's default over the server's."""

    settings: Any
    """The plugin's ``settings``, from the operator."""

    credentials: Mapping[str, Secret]
    """From the operator, by the names that the plugin gives them."""

    request: ChatRequest
    """As the client sent it."""

    candidates: Sequence[Candidate]
    """In phase ``request``: who is going to be tried, in this order, as it is planned so far."""

    account_id: str
    generation_id: str

    @property
    def outside(self) -> Outside:
        """What it may reach: the clock, foreign files, addresses of the operator's."""

    now: Callable[[], float]
    """Monotonic seconds."""

    async def complete(self, fields: Mapping[str, object], candidates: Sequence[Candidate] = ()) -> Completion:
        """A whole answer to another chat request, *fields* being its body; each call is an attempt row with its own
        cost. It goes where its ``model`` leads, or to the first of *candidates* that answers. No plugins work on it.

        Raises:
            TurnoutError: nobody answers, or the request makes no sense.
        """

    async def afford(self, cost: int) -> None:
        """Hold so much more (pico-dollars) of the request's budgets, for what :meth:`buy` will record.

        Raises:
            PaymentRequired: a budget does not afford it.
        """

    def buy(self, purchase: Purchase) -> None:
        """Record what was bought of a service that is no model."""

    def note(self, **facts: object) -> None:
        """Add to this plugin's stage in ``openrouter_metadata.pipeline``: JSON values, by name."""

    def warn(self, sentence: str) -> None:
        """Tell the client something it may not expect, under the same."""


class StreamFilter(Protocol):
    """Sits between the provider's chunks and the client. One per attempt. It never waits."""

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        """What may go on of these and of what was held."""

    def flush(self) -> list[Chunk]:
        """The stream is over: all that is still held."""


class Tool(Struct, frozen=True, kw_only=True, eq=False):
    """A function that models may call while they answer; the gateway runs it, and the client sees one answer.

    Attributes:
        kind: the ``type`` that an entry of a request's ``tools`` has, such as ``openrouter:datetime``.
        name: of the function, as the model knows it.
        description: what the model is told of it.
        arguments: what the model says; each field should have a ``Meta(description=…)``.
        parameters: what the entry may say in ``parameters``; None: the same as the plugin's own.
        aliases: other types of entries that mean it; what those say of it may stand beside the type.
        native: whether the provider of a candidate has a tool of such a name itself. Where all have, an entry with an
            alias is left to them.
        work: makes what is called; None: the same as the plugin's own.
        most: pico-dollars that one call may cost at most, models left out. None: nothing.
    """

    kind: str
    name: str
    description: str
    arguments: type[Struct] = NoParameters
    parameters: type[Struct] | None = None
    aliases: frozenset[str] = frozenset()
    native: Callable[[Candidate], bool] | None = None
    work: Callable[[Job], Work] | None = None
    most: Callable[[Any, Any], int] | None = None


class Work:
    """A plugin at work on one request: a subclass overrides the methods of its phases, and no others are called.

    What they raise: a TurnoutError that is no UpstreamError ends the request with it. Anything else is a failure of
    the plugin, and so is taking longer than it may: then it is as the configuration's ``on_failure`` says.
    """

    def __init__(self, job: Job) -> None:
        self.job = job

    async def before(self, request: ChatRequest) -> ChatRequest:
        """Phase ``request``: what is planned and sent in place of *request*. The body's values are in ``fields``."""
        return request

    async def fit(self, request: ChatRequest, candidate: Candidate) -> ChatRequest:
        """Phase ``candidate``: what *candidate* gets in place of *request*."""
        del candidate
        return request

    async def mend(self, completion: Completion, request: ChatRequest, candidate: Candidate) -> Completion:
        """Phase ``answer``: what the client gets in place of *completion*, which *candidate* gave to *request*."""
        del request, candidate
        return completion

    def watch(self, request: ChatRequest, candidate: Candidate) -> StreamFilter | None:
        """Phase ``stream``: what the chunks of *candidate* go through; None: they pass as they are."""
        del request, candidate
        return None

    def left_over(self) -> Mapping[str, object]:
        """What is told in the ``metadata`` of the error that ends the request, whoever raised it."""
        return {}

    async def call(self, arguments: Any) -> str:  # noqa: ANN401 - of the type that the tool names
        """What the model reads of a call of the tool with *arguments*. All calls of one request come here, perhaps
        several at once. A BadRequest is told to the model, and so is, in a sentence, any failure of the tool.
        """
        raise NotImplementedError

    def cite(self, text: str) -> Sequence[Mapping[str, Any]]:
        """The ``annotations`` of an answer with *text* that was made with the tool: JSON objects."""
        del text
        return ()


class Plugin(Struct, frozen=True, kw_only=True):
    """A plugin, found by standing in ``plugins`` as the module's ``PLUGIN``; packages add theirs by entry points.

    Attributes:
        id: what ``plugins[].id`` and ``[plugins.x]`` say.
        work: makes what works on one request.
        phases: in which it is asked.
        parameters: what an entry of a request may say beside ``id`` and ``enabled``. It should forbid unknown fields.
        settings: what only the operator may say, ``[plugins.x.settings]``; the same holds.
        credentials: names that ``[plugins.x.credentials]`` may have.
        rank: plugins work in this order, the lowest first.
        most: pico-dollars that it may spend at most with given parameters and settings, calls of models left out:
            they are reserved before it works. None: it spends nothing.
        holds_stream: it keeps the chunks of a stream back until it has seen them all.
        fits: it makes prompts fit endpoints that are too small for them, which are then not ruled out.
        unasked: it works of itself for endpoints of at most so many tokens, when a prompt does not fit. Needs ``fits``.
        for_files: it works of itself on requests with files.
        on_failure: what becomes of the request when the plugin fails, unless the operator says otherwise.
        seconds: the same of how long it may take in each phase.
        stage: what ``openrouter_metadata.pipeline`` calls its kind.
        tool: what models may call. Where the plugin has no phases, an entry of ``plugins`` offers it too.
    """

    id: str
    work: Callable[[Job], Work]
    phases: frozenset[Phase]
    parameters: type[Struct] = NoParameters
    settings: type[Struct] = NoParameters
    credentials: frozenset[str] = frozenset()
    rank: int = 50
    most: Callable[[Any, Any], int] | None = None
    holds_stream: bool = False
    fits: bool = False
    unasked: int = 0
    for_files: bool = False
    on_failure: Literal["fail", "skip"] = "fail"
    seconds: float = 30.0
    stage: Literal["plugin", "guardrail", "response_healing", "context_compression", "server_tools"] = "plugin"
    tool: Tool | None = None
