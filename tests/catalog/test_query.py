"""Query strings are read once, and refused where they make no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.errors import BadRequest
from turnout.catalog.query import ANY, Query, Span, next_page, parse_query, query_pairs

_NUMBERS = [
    "min_price", "max_price", "min_output_price", "max_output_price", "min_intelligence_index", "max_coding_index",
    "min_agentic_index", "min_tool_success_rate",
]  # fmt: skip
_WHOLES = ["context", "offset", "limit", "min_age_days", "max_age_days"]
_CHOICES = ["sort", "category", "region", "distillable", "zdr", "use_rss", "output_modalities", "input_modalities"]
_WORDS = ["q", "arch", "model_authors", "providers", "supported_parameters"]


def _parse(text: str) -> Query:
    return parse_query(query_pairs(text))


def test_nothing_asked_is_every_model_that_writes_text() -> None:
    assert _parse("") == Query()
    assert Query().output_modalities == frozenset({"text"})
    assert not Query().narrow


def test_unknown_names_and_empty_values_ask_for_nothing() -> None:
    empty = "&".join(f"{name}=" for name in [*_NUMBERS, *_WHOLES, *_CHOICES, *_WORDS])
    assert _parse(f"x=1&utm_source=a&order=newest&{empty}") == Query()
    assert _parse("nonsense=" + "x" * 10_000) == Query()


@pytest.mark.parametrize("name", _NUMBERS)
@pytest.mark.parametrize("value", ["-1", "x", "NaN", "inf", "1e5", "1,5", "0x1", "9" * 400, "٣", "1_0"])
def test_what_is_no_number_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadRequest, match=name):
        _parse(f"{name}={value}")


@pytest.mark.parametrize("name", _WHOLES)
@pytest.mark.parametrize("value", ["-1", "1.5", "x", "9" * 400, "1e3", "٣"])
def test_what_is_no_whole_number_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadRequest, match=name):
        _parse(f"{name}={value}")


@pytest.mark.parametrize("text", ["limit=0", "limit=1001", "context=0", "min_tool_success_rate=1.01"])
def test_what_is_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=text.partition("=")[0]):
        _parse(text)


@pytest.mark.parametrize("name", _CHOICES)
def test_what_is_not_among_the_known_words_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match=name):
        _parse(f"{name}=nonsense")


@pytest.mark.parametrize("name", [*_NUMBERS, *_WHOLES, *_CHOICES, *_WORDS])
def test_an_endless_value_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match=f"`{name}` is longer than 1000 characters"):
        _parse(f"{name}={'1' * 10_000}")


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(BadRequest, match="too many"):
        _parse("&".join(f"a{number}=1" for number in range(300)))


def test_lists_are_read_without_regard_to_case_spaces_and_repetition() -> None:
    query = _parse("supported_parameters=Tools,%20seed,,tools&supported_parameters=stop&output_modalities=IMAGE")
    assert query.supported_parameters == {"tools", "seed", "stop"}
    assert query.output_modalities == frozenset({"image"})
    assert _parse("output_modalities=image,all").output_modalities is None


def test_the_last_of_several_values_counts() -> None:
    assert _parse("sort=newest&sort=top-weekly").sort == "top-weekly"


def test_prices_are_exact_per_million_tokens() -> None:
    query = _parse("min_price=0.1&max_price=0.0000015&max_output_price=15")
    assert query.price == Span(100_000, 1)
    assert query.output_price == Span(None, 15_000_000)


def test_bounds_are_inclusive_and_the_unknown_is_outside() -> None:
    assert Span(1, 2).holds(1)
    assert Span(1, 2).holds(2)
    assert not Span(1, 2).holds(2.5)
    assert not Span(None, 2).holds(None)
    assert ANY.open


@given(st.lists(st.tuples(st.sampled_from([*_NUMBERS, *_WHOLES, *_CHOICES, *_WORDS, "x"]), st.text(max_size=40))))
def test_any_query_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        query = parse_query(pairs)
    except BadRequest as error:
        assert "`" in error.message  # noqa: PT017 - both ends are right
    else:
        assert isinstance(query, Query)


@given(st.binary(max_size=200))
def test_any_bytes_are_pairs_of_texts(text: bytes) -> None:
    assert all(isinstance(part, str) for pair in query_pairs(text) for part in pair)


def test_the_next_page_keeps_what_was_asked_and_drops_what_means_nothing() -> None:
    pairs = query_pairs("q=a%20b&limit=2&offset=2&evil=%22&sort=newest")
    query = parse_query(pairs)
    assert next_page(pairs, "/v1/models", query, 5) == "/v1/models?q=a+b&sort=newest&offset=4&limit=2"
    assert next_page(pairs, "/v1/models", query, 4) is None
    assert next_page(pairs, "/v1/models", parse_query([]), 5000) is None


def test_one_of_offset_and_limit_is_enough_for_a_page() -> None:
    assert _parse("offset=7").page(2000) == slice(7, 507)
    assert _parse("limit=3").page(2000) == slice(0, 3)
    assert _parse("").page(2000) == slice(0, 2000)


@pytest.mark.parametrize(
    ("pairs", "measured"),
    [
        ([], False),
        ([("sort", "newest")], False),
        ([("sort", "most-popular")], True),
        ([("min_tool_success_rate", "0.5")], True),
    ],
)
def test_a_query_knows_whether_its_answer_changes_with_the_traffic(
    pairs: list[tuple[str, str]], *, measured: bool
) -> None:
    assert parse_query(pairs).measured is measured
