"""What the OpenAPI document says of the voters' bodies is what is accepted."""

from __future__ import annotations

import pytest

from turnout.api.query import BODIES
from turnout.base.errors import BadRequest
from turnout.query.asked import multichat_asked, query_asked, score_asked

_READERS = {"query": query_asked, "score": score_asked, "multichat": multichat_asked}


@pytest.mark.parametrize("family", sorted(BODIES))
def test_every_documented_field_is_accepted_and_no_other(family: str) -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "model": "m", "choices": ["a", "b"]}
    properties = BODIES[family]["properties"]
    known = dict.fromkeys(properties) | {name: value for name, value in body.items() if name in properties}
    _READERS[family](known)
    with pytest.raises(BadRequest, match="not a field"):
        _READERS[family](known | {"temperature": 1})


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ('{"models":[],"models":[]}', "the key `models` stands twice"),
        ('{"models":[{"id":"a/b","mode":"generate","mode":"generate"}]}', "the key `mode` stands twice"),
        ('{"models":[NaN]}', "must be an id or a definition"),
        (" {", "must be an id or a definition"),
    ],
)
def test_a_definition_that_is_written_as_a_text_is_judged_as_strictly_as_one_that_is_not(
    written: str, wrong: str
) -> None:
    with pytest.raises(BadRequest, match=wrong) as caught:
        query_asked({"messages": [{"role": "user", "content": "x"}], "model": written})
    assert caught.value.metadata["field"] == "model"


def test_each_family_says_how_its_ballot_is_held() -> None:
    assert "vote_seed" in BODIES["score"]["properties"]
    assert "vote_seed" not in BODIES["multichat"]["properties"]
