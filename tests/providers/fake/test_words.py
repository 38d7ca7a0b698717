import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from turnout.providers.fake.words import MODELS, Behaviour, UnknownWord, Vote, parse_words

WORDS = (
    "echo", "lorem", "lorem-7", "json", "tools", "reason", "embed", "embed-8", "vote-0.8", "vote-0.9@alpha-0.5",
    "slow-50", "gap-20", "status-429", "flap-30", "hang", "reset", "reset-after-3", "stall-after-3", "malformed",
    "malformed-0", "empty", "error-in-stream", "error-in-stream-0", "no-usage", "endless", "usage-negative",
    "usage-huge", "usage-float", "usage-string", "usage-nan", "usage-zero", "usage-twice", "no-finish", "no-done",
    "html", "slices", "crlf", "cr", "bom", "fields", "big-100", "comments", "gzip", "redirect", "redirect-81",
    "surplus", "short", "tokens-5-6", "cached-4", "finish-content_filter",
)  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_each_promised_word_is_known_alone_and_before_another(word: str) -> None:
    parse_words(word)
    assert parse_words(f"fake/{word}") == parse_words(word)
    if "slow" not in word:
        assert parse_words(f"{word}-slow-9").slow_ms == 9
        assert parse_words(f"slow-9-{word}") == parse_words(f"{word}-slow-9")


def test_sample_models_are_all_understood() -> None:
    assert len({parse_words(model) for model in MODELS}) == len(MODELS)


def test_words_combine() -> None:
    assert parse_words("echo-slow-50-gap-20") == Behaviour(content="echo", slow_ms=50, gap_ms=20)
    assert parse_words("reason-vote-0.9@alpha-0.5-gzip") == Behaviour(
        content="vote", vote=Vote(0.9, "alpha", 0.5), reason=True, gzip=True
    )


def test_a_cut_without_content_word_gets_enough_content_to_be_cut() -> None:
    assert parse_words("reset-after-3").content == "lorem"
    assert parse_words("stall-after-100").size > 100
    assert parse_words("echo-reset-after-3").content == "echo"


def test_vote_skill_depends_on_the_word_in_the_prompt() -> None:
    vote = Vote(0.9, "alpha", 0.5)
    assert (vote.skill_for("about alpha"), vote.skill_for("about beta")) == (0.9, 0.5)
    assert Vote(0.7).skill_for("anything") == 0.7


@pytest.mark.parametrize(
    "name",
    ["", "gpt-5", "echo-", "-echo", "echo--gzip", "slow", "slow-x", "status-42", "status-099", "vote-1.5", "vote",
     "flap-101", "echo-lorem-5", "slow-1-slow-2", "embed-0", "echo\n", "ECHO", "redirect-70000", "e" * 201],
)  # fmt: skip
def test_what_is_no_word_is_refused(name: str) -> None:
    with pytest.raises(UnknownWord):
        parse_words(name)


@given(st.text() | st.lists(st.sampled_from([*WORDS, "-", "9", "x", "@", "."]), max_size=6).map("-".join))
@example("lorem-٣")
@example("slow-99999999999999999999")
def test_any_text_parses_or_raises_unknown_word(name: str) -> None:
    try:
        behaviour = parse_words(name)
    except UnknownWord:
        return
    assert behaviour == parse_words(name)
