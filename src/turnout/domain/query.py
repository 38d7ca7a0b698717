"""Models that answer and vote: definitions of Query and Score LLMs, votes, and what a ballot comes to.

Definitions are normalised: a field that is None stands for its default and is not part of an id. The order of the
fields of a definition is the order in which it is hashed; none is ever moved.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from turnout.base.money import Pico

__all__ = [
    "LLM",
    "MODES",
    "NO_RULES",
    "OUTPUT_MODES",
    "STATIC",
    "Ballot",
    "BallotRules",
    "DefinitionKind",
    "Effort",
    "Embeddings",
    "EmbeddingsModelWeight",
    "Evidence",
    "Message",
    "Mode",
    "OutputMode",
    "ProviderChoice",
    "QueryLLM",
    "QueryModel",
    "Roster",
    "ScoreLLM",
    "ScoreModel",
    "StaticModelWeight",
    "StaticWeight",
    "StoredDefinition",
    "Tally",
    "TallyStatus",
    "TaughtModelWeight",
    "Thinking",
    "TrainingTableWeight",
    "UseOfDefinition",
    "UseTotals",
    "Verbosity",
    "Vote",
    "VoteKind",
    "Voter",
    "VotingModel",
    "Weight",
]

Mode = Literal[
    "generate",
    "select_thinking",
    "select_non_thinking",
    "select_thinking_logprobs",
    "select_non_thinking_logprobs",
]
MODES: tuple[Mode, ...] = get_args(Mode)
OutputMode = Literal["instruction", "json_schema", "tool_call"]
OUTPUT_MODES: tuple[OutputMode, ...] = get_args(OutputMode)

Effort = Literal["minimal", "low", "medium", "high"]
Verbosity = Literal["low", "medium", "high"]

DefinitionKind = Literal["query_llm", "query_model", "score_llm", "score_model", "multichat_llm", "multichat_model"]
"""What a definition defines, and in which dialect its id is made."""

# -- definitions --


class StaticWeight(Struct, frozen=True, tag_field="type", tag="static"):
    """A voter's weight, above 0."""

    weight: float


class TrainingTableWeight(Struct, frozen=True, tag_field="type", tag="training_table"):
    """A voter's weight that follows what it got right on similar prompts; 0 < min <= base <= max."""

    base_weight: float
    min_weight: float
    max_weight: float


Weight: TypeAlias = StaticWeight | TrainingTableWeight

STATIC = StaticWeight(1.0)


class ProviderChoice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Routing preferences of a definition. ``order`` is a wish and keeps its order, the other lists are sets."""

    order: tuple[str, ...] | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    quantizations: tuple[str, ...] | None = None
    sort: str | None = None


class Thinking(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much a model should reason: a bound in tokens or an effort, or whether at all."""

    max_tokens: int | None = None
    effort: Effort | None = None
    enabled: bool | None = None


Message: TypeAlias = dict[str, object]
"""A message of a chat request, its keys in the order in which it is hashed."""


class QueryLLM(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One voter in the Query dialect: ``id`` is the slug of its model."""

    id: str
    mode: Mode
    select_top_logprobs: int | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, int] | None = None
    max_completion_tokens: int | None = None
    presence_penalty: float | None = None
    reasoning_effort: Effort | None = None
    stop: str | tuple[str, ...] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    min_p: float | None = None
    provider: ProviderChoice | None = None
    reasoning: Thinking | None = None
    repetition_penalty: float | None = None
    top_a: float | None = None
    top_k: int | None = None
    verbosity: Verbosity | None = None
    models: tuple[str, ...] | None = None
    weight: Weight

    @property
    def slug(self) -> str:
        """The model that is asked."""
        return self.id

    @property
    def generates(self) -> bool:
        """Whether it answers; else it selects."""
        return self.mode == "generate"

    @property
    def thinks(self) -> bool:
        """Whether it is made to reason before it selects."""
        return self.mode.startswith("select_thinking")

    @property
    def logprobs(self) -> int:
        """How many alternatives of a token it is asked for, 0 for none."""
        if not self.mode.endswith("_logprobs"):
            return 0
        return 20 if self.select_top_logprobs is None else self.select_top_logprobs


class ScoreLLM(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One voter in the Score dialect: ``model`` is the slug of its model."""

    model: str
    weight: Weight
    output_mode: OutputMode
    synthetic_reasoning: bool | None = None
    top_logprobs: int | None = None
    prefix_messages: tuple[Message, ...] | None = None
    suffix_messages: tuple[Message, ...] | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, int] | None = None
    max_completion_tokens: int | None = None
    presence_penalty: float | None = None
    stop: str | tuple[str, ...] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    min_p: float | None = None
    provider: ProviderChoice | None = None
    reasoning: Thinking | None = None
    repetition_penalty: float | None = None
    top_a: float | None = None
    top_k: int | None = None
    verbosity: Verbosity | None = None
    models: tuple[str, ...] | None = None

    @property
    def slug(self) -> str:
        """The model that is asked."""
        return self.model

    @property
    def generates(self) -> bool:
        """A Score LLM votes on what others wrote."""
        return False

    @property
    def thinks(self) -> bool:
        """Whether it is made to reason before it selects."""
        return self.synthetic_reasoning is True

    @property
    def logprobs(self) -> int:
        """How many alternatives of a token it is asked for, 0 for none."""
        return self.top_logprobs or 0


LLM: TypeAlias = QueryLLM | ScoreLLM


class StaticModelWeight(Struct, frozen=True, tag_field="type", tag="static"):
    """Each voter has the weight of its definition."""


class TaughtModelWeight(Struct, frozen=True, tag_field="type", tag="training_table"):
    """Weights follow the ``top`` most similar rows of a training table (Query dialect)."""

    embeddings_model: str
    top: int


class Embeddings(Struct, frozen=True, omit_defaults=True):
    """Who turns a prompt into a vector; a prompt is cut at ``max_tokens``."""

    model: str
    max_tokens: int
    provider: ProviderChoice | None = None


class EmbeddingsModelWeight(Struct, frozen=True, tag_field="type", tag="training_table"):
    """Weights follow the ``top`` most similar rows of a training table (Score dialect)."""

    embeddings: Embeddings
    top: int


class QueryModel(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A set of Query LLMs. ``select_generated_reasoning``: those that select see the reasoning of those that answer."""

    models: tuple[QueryLLM, ...]
    weight: StaticModelWeight | TaughtModelWeight
    select_generated_reasoning: bool | None = None


class ScoreModel(Struct, frozen=True, kw_only=True):
    """A set of Score LLMs."""

    llms: tuple[ScoreLLM, ...]
    weight: StaticModelWeight | EmbeddingsModelWeight


VotingModel: TypeAlias = QueryModel | ScoreModel


class Voter(Struct, frozen=True, kw_only=True):
    """A definition with its ids and its places in a model.

    Attributes:
        index: its place when the voters are sorted by id.
        base_id: the id that it would have with a static weight of 1: what votes alike has it in common.
        training_table_id: the same, only where the weight follows a training table.
        training_table_index: its place when the voters are sorted by training table.
        multichat_id: Score dialect: what it is when it only answers.
        multichat_index: its place when the voters are sorted by that.
    """

    index: int
    id: str
    base_id: str
    llm: LLM
    training_table_id: str | None = None
    training_table_index: int | None = None
    multichat_id: str | None = None
    multichat_index: int | None = None


class Roster(Struct, frozen=True, kw_only=True):
    """A model with its ids, and its voters in the order of their ids."""

    id: str
    model: VotingModel
    voters: tuple[Voter, ...]
    training_table_id: str | None = None
    multichat_id: str | None = None


class StoredDefinition(Struct, frozen=True, kw_only=True):
    """A definition as it was registered: normalised JSON. ``account_id`` is empty for an anonymous caller."""

    kind: DefinitionKind
    id: str
    definition: str
    account_id: str
    created: float
    training_table_id: str | None = None


class UseTotals(Struct, frozen=True, kw_only=True):
    """Sums of :class:`UseOfDefinition`."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Pico = Pico(0)
    embedding_prompt_tokens: int = 0
    embedding_completion_tokens: int = 0
    embedding_cost: Pico = Pico(0)
    ballots: int = 0
    confidence: float = 0.0
    contrast: float = 0.0


class UseOfDefinition(UseTotals, frozen=True, kw_only=True):
    """What one completion did with one definition; a completion has at most one for each.

    Attributes:
        requests: calls of that voter; 1 for a model.
        ballots: votes that counted; 1 for a model whose ballot had a winner.
        confidence: a voter's agreement with the crowd, summed over its votes; a model's top confidence.
        contrast: how many of a voter's votes had the winner on top; a model's top confidence minus its second.
    """

    kind: DefinitionKind
    definition_id: str
    completion_id: str
    account_id: str
    created: float
    requests: int = 1


# -- ballots --

VoteKind = Literal["generated", "hard", "logprobs"]
"""Where a vote comes from: the voter's own answer, the key it wrote, or the probabilities of that key."""


class Vote(Struct, frozen=True, kw_only=True):
    """What one voter has to say about the options.

    Attributes:
        voter: index of the voter in its roster.
        shares: one for each option, 0 to 1; with ``abstained`` they sum to 1. None: the voter failed.
        abstained: the share that went to none of them.
        code: the status of what failed.
    """

    voter: int
    weight: float
    shares: tuple[float, ...] | None = None
    abstained: float = 0.0
    kind: VoteKind = "hard"
    code: int | None = None


class BallotRules(Struct, frozen=True, kw_only=True):
    """When a ballot counts.

    Attributes:
        min_voters: so many voters must have voted.
        min_weight_share: so much of the configured weight must have been cast, 0 to 1.
        threshold: the winner's confidence must reach this, 0 to 1.
    """

    min_voters: int = 0
    min_weight_share: float = 0.0
    threshold: float = 0.0


NO_RULES = BallotRules()


class Ballot(Struct, frozen=True, kw_only=True):
    """The votes on so many options. ``waiting`` are the weights of voters that have not been heard."""

    options: int
    votes: tuple[Vote, ...]
    waiting: tuple[float, ...] = ()
    rules: BallotRules = NO_RULES


TallyStatus = Literal["decided", "undecided", "no_quorum", "failed"]


class Tally(Struct, frozen=True, kw_only=True):
    """What a ballot comes to. Sequences go by option unless they say otherwise.

    Attributes:
        weights: the weight that each option received.
        confidences: its share of what all received; sums to 1, or is 0 throughout.
        support: its share of all configured weight, of silent voters too.
        agreement: by vote: how much the crowd agrees with it, None for one that failed.
        winner: the option with the most weight, the first of several; None when none has any.
        margin: the winner's confidence minus the next one's.
        entropy: of the confidences, in bits.
        tie: another option has as much weight as the winner.
        voters: all, those included that were not heard.
        weight_cast: of those who voted, the abstained part included.
        weight_abstained: the part of it that went to no option.
        weight_total: of all voters.
    """

    weights: tuple[float, ...]
    confidences: tuple[float, ...]
    support: tuple[float, ...]
    agreement: tuple[float | None, ...]
    status: TallyStatus
    winner: int | None
    margin: float
    entropy: float
    tie: bool
    voters: int
    succeeded: int
    failed: int
    unheard: int
    weight_cast: float
    weight_abstained: float
    weight_total: float


class Evidence(Struct, frozen=True, kw_only=True):
    """A weight from a training table, and what it rests on.

    Attributes:
        rows_used: similar rows with a vote of this voter.
        similarity_sum: of their similarities to the prompt.
        match_rate: how often the voter was right on them, weighted by similarity; None without rows.
    """

    weight: float
    rows_used: int
    similarity_sum: float
    match_rate: float | None
