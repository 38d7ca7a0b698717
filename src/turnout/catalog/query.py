"""The query string of a listing: what callers may ask for, checked, as one frozen value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct

from turnout.base.errors import BadRequest
from turnout.catalog.sorts import SORTS

__all__ = [
    "ANY",
    "CATEGORIES",
    "DEFAULT_LIMIT",
    "INPUT_MODALITIES",
    "MAX_LIMIT",
    "OUTPUT_MODALITIES",
    "Query",
    "Span",
    "choice",
    "next_page",
    "parse_query",
    "query_pairs",
    "whole",
]

OUTPUT_MODALITIES: Final = frozenset(
    {"text", "image", "embeddings", "audio", "video", "rerank", "speech", "transcription"}
)
INPUT_MODALITIES: Final = frozenset({"text", "image", "file", "audio", "video"})
CATEGORIES: Final = frozenset(
    {
        "programming", "roleplay", "marketing", "marketing/seo", "technology", "science", "translation", "legal",
        "finance", "health", "trivia", "academia",
    }
)  # fmt: skip
"""Source: Models API, parameter ``category``."""
REGIONS: Final = frozenset({"eu", "us"})
DEFAULT_LIMIT: Final = 500
MAX_LIMIT: Final = 1000

_ALL: Final = "all"
_MAX_VALUE: Final = 1_000  # characters
_MAX_PAIRS: Final = 200
_MAX_OFFSET: Final = 10**9
_SWITCHES: Final[Mapping[str, bool]] = {"true": True, "1": True, "false": False, "0": False}
_WHOLE: Final = re.compile(r"\d{1,12}", re.ASCII)
_NUMBER: Final = re.compile(r"(\d{1,15}(\.\d{0,20})?|\.\d{1,20})", re.ASCII)
_PICO_PER_TOKEN: Final = Decimal(10**6)  # of a dollar for a million tokens


class Span(NamedTuple):
    """Bounds of a figure, both inclusive; None is open."""

    least: float | None = None
    most: float | None = None

    @property
    def open(self) -> bool:
        """Whether nothing is asked of the figure."""
        return self.least is None and self.most is None

    def holds(self, figure: float | None) -> bool:
        """Whether *figure* lies within; an unknown one never does."""
        if figure is None:
            return False
        return (self.least is None or figure >= self.least) and (self.most is None or figure <= self.most)


ANY: Final = Span()


class Query(Struct, frozen=True, kw_only=True):
    """What is asked of a listing; everything must hold at once. None or empty: nothing is asked.

    Attributes:
        output_modalities: a model writes at least one of them; None for all models.
        input_modalities: a model reads all of them.
        supported_parameters: a model takes all of them.
        words: each stands in the model's id or name; lower case.
        context: fewest tokens of context.
        price, output_price: pico-dollars per token of the shown prompt and completion price.
        age_days: days since the model came.
        authors, providers, architectures: lower case; a model fits one of each.
        sort: a name of :data:`~turnout.catalog.sorts.SORTS`.
        offset, limit: None for no paging.
        rss: the answer is a feed; chat_links: whose items lead to the chat page.
    """

    output_modalities: frozenset[str] | None = frozenset({"text"})
    input_modalities: frozenset[str] = frozenset()
    supported_parameters: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    context: int | None = None
    price: Span = ANY
    output_price: Span = ANY
    age_days: Span = ANY
    intelligence_index: Span = ANY
    coding_index: Span = ANY
    agentic_index: Span = ANY
    tool_success_rate: Span = ANY
    category: str | None = None
    architectures: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    distillable: bool | None = None
    zdr: bool = False
    region: str | None = None
    sort: str | None = None
    offset: int | None = None
    limit: int | None = None
    rss: bool = False
    chat_links: bool = False

    @property
    def paged(self) -> bool:
        """Whether a page is asked for rather than the whole."""
        return self.offset is not None or self.limit is not None

    @property
    def measured(self) -> bool:
        """Whether the answer depends on what is measured while the gateway runs."""
        return not self.tool_success_rate.open or (self.sort is not None and SORTS[self.sort].measured)

    @property
    def narrow(self) -> bool:
        """Whether anything is asked but the kind of output, the order and the page."""
        plain = Query(
            output_modalities=self.output_modalities, sort=self.sort, offset=self.offset, limit=self.limit,
            rss=self.rss, chat_links=self.chat_links,
        )  # fmt: skip
        return self != plain

    def page(self, count: int) -> slice:
        """The part of *count* models that is asked for."""
        if not self.paged:
            return slice(0, count)
        start = self.offset or 0
        return slice(start, start + (self.limit or DEFAULT_LIMIT))


def query_pairs(query_string: bytes | str) -> list[tuple[str, str]]:
    """The names and values of a query string; bytes that are no UTF-8 become replacement characters.

    Raises:
        BadRequest: there are more than 200 of them.
    """
    text = query_string if isinstance(query_string, str) else query_string.decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PAIRS, errors="replace")
    except ValueError:
        raise BadRequest("The query string has too many parameters") from None


def parse_query(pairs: Sequence[tuple[str, str]]) -> Query:
    """The listing that *pairs* ask for. Names that mean nothing are passed over; an empty value asks for nothing.

    A list that is sent several times is one longer list; of other parameters the last one counts.

    Raises:
        BadRequest: a value is longer than 1,000 characters, no number, out of range, or not one of the known words.
    """
    asked = _Asked(pairs)
    outputs = asked.words("output_modalities", OUTPUT_MODALITIES | {_ALL}) or frozenset({"text"})
    return Query(
        output_modalities=None if _ALL in outputs else outputs,
        input_modalities=asked.words("input_modalities", INPUT_MODALITIES),
        supported_parameters=asked.words("supported_parameters"),
        words=tuple(dict.fromkeys(asked.text("q").lower().split())),
        context=asked.whole("context", 1, _MAX_OFFSET * 1000),
        price=asked.price_span("min_price", "max_price"),
        output_price=asked.price_span("min_output_price", "max_output_price"),
        age_days=asked.days_span("min_age_days", "max_age_days"),
        intelligence_index=asked.span("intelligence_index"),
        coding_index=asked.span("coding_index"),
        agentic_index=asked.span("agentic_index"),
        tool_success_rate=asked.span("tool_success_rate", 1.0),
        category=asked.choice("category", CATEGORIES),
        architectures=asked.words("arch"),
        authors=asked.words("model_authors"),
        providers=asked.words("providers"),
        distillable=asked.switch("distillable"),
        zdr=asked.switch("zdr") or False,
        region=asked.choice("region", REGIONS),
        sort=asked.choice("sort", SORTS),
        offset=asked.whole("offset", 0, _MAX_OFFSET),
        limit=asked.whole("limit", 1, MAX_LIMIT),
        rss=asked.switch("use_rss") or False,
        chat_links=asked.switch("use_rss_chat_links") or False,
    )


def next_page(pairs: Sequence[tuple[str, str]], path: str, query: Query, total: int) -> str | None:
    """The address of the page after this one: *path* with the same parameters; None where this is the last."""
    if not query.paged or (end := query.page(total).stop) >= total:
        return None
    kept = [(name, value) for name, value in pairs if name in _NAMES and name not in {"offset", "limit"}]
    return f"{path}?{urlencode([*kept, ('offset', str(end)), ('limit', str(query.limit or DEFAULT_LIMIT))])}"


def choice(pairs: Sequence[tuple[str, str]], name: str, known: frozenset[str]) -> str | None:
    """The parameter *name* as one of *known*; None when it is not sent. Raises BadRequest for another word."""
    return _Asked(pairs, frozenset({name})).choice(name, known)


def whole(pairs: Sequence[tuple[str, str]], name: str, least: int, most: int) -> int | None:
    """The parameter *name* as a whole number; None when it is not sent. Raises BadRequest for anything else."""
    return _Asked(pairs, frozenset({name})).whole(name, least, most)


_NAMES: Final = frozenset(
    {
        "output_modalities", "input_modalities", "supported_parameters", "q", "context", "min_price", "max_price",
        "min_output_price", "max_output_price", "min_age_days", "max_age_days", "min_intelligence_index",
        "max_intelligence_index", "min_coding_index", "max_coding_index", "min_agentic_index", "max_agentic_index",
        "min_tool_success_rate", "max_tool_success_rate", "category", "arch", "model_authors", "providers",
        "distillable", "zdr", "region", "sort", "offset", "limit", "use_rss", "use_rss_chat_links",
    }
)  # fmt: skip


class _Asked:
    """The values of the known names, read one by one."""

    def __init__(self, pairs: Sequence[tuple[str, str]], names: frozenset[str] = _NAMES) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if name in names:
                if len(value) > _MAX_VALUE:
                    raise BadRequest(f"`{name}` is longer than {_MAX_VALUE} characters")
                self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        values = self._values.get(name)
        return values[-1].strip() if values else ""

    def words(self, name: str, known: frozenset[str] | None = None) -> frozenset[str]:
        """A comma list, lower case."""
        listed = ",".join(self._values.get(name, ())).lower().split(",")
        found = frozenset(word for part in listed if (word := part.strip()))
        if known is not None and not found <= known:
            raise BadRequest(f"`{name}` takes a comma-separated list of: {', '.join(sorted(known))}")
        return found

    def choice(self, name: str, known: Mapping[str, object] | frozenset[str]) -> str | None:
        text = self.text(name)
        if not text:
            return None
        if text not in known:
            raise BadRequest(
                f"`{name}` must be one of: {', '.join(known if isinstance(known, Mapping) else sorted(known))}"
            )
        return text

    def switch(self, name: str) -> bool | None:
        text = self.text(name).lower()
        if text and text not in _SWITCHES:
            raise BadRequest(f"`{name}` must be true or false")
        return _SWITCHES.get(text)

    def whole(self, name: str, least: int, most: int) -> int | None:
        text = self.text(name)
        if not text:
            return None
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise BadRequest(f"`{name}` must be a whole number from {least} to {most}")
        return int(text)

    def span(self, name: str, most: float = 1e15) -> Span:
        bounds = [self._number(f"{side}_{name}", most) for side in ("min", "max")]
        return Span(*(None if bound is None else float(bound) for bound in bounds))

    def days_span(self, least: str, most: str) -> Span:
        return Span(self.whole(least, 0, _MAX_OFFSET), self.whole(most, 0, _MAX_OFFSET))

    def price_span(self, least: str, most: str) -> Span:
        """Dollars per million tokens as whole pico-dollars per token, exact: prices are compared as integers."""
        low, high = self._number(least), self._number(most)
        return Span(
            None if low is None else int((low * _PICO_PER_TOKEN).to_integral_value(ROUND_CEILING)),
            None if high is None else int((high * _PICO_PER_TOKEN).to_integral_value(ROUND_FLOOR)),
        )

    def _number(self, name: str, most: float = 1e15) -> Decimal | None:
        text = self.text(name)
        if not text:
            return None
        if not _NUMBER.fullmatch(text) or (number := Decimal(text)) > most:
            limit = f" up to {most:g}" if most < 1e15 else ""
            raise BadRequest(f"`{name}` must be a number from 0{limit}")
        return number
