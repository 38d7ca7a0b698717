from __future__ import annotations

import asyncio

from examples import a_candidate, a_request
from line import KEY, Paper, a_call, a_house, rails_to
from turnout.engine.comments import Comments
from turnout.engine.draft import Draft
from turnout.engine.house import House

COMMENT = b": OPENROUTER PROCESSING\n\n"


def commented(seconds: float = 15.0) -> tuple[Comments, Paper, House]:
    house, _ = a_house(rails_to({}), seconds)
    paper = Paper()
    draft = Draft(a_call(paper), KEY, a_request(), house)
    draft.attempt(a_candidate())
    return Comments(paper, draft, house), paper, house


async def test_a_silent_stream_begins_with_a_comment_and_goes_on_with_one_each_period() -> None:
    comments, paper, _ = commented()
    first = comments.deadline
    for round_ in range(1, 4):
        comments.expire(comments.deadline)
        assert paper.body == COMMENT * round_
        assert comments.deadline == first + 15.0 * round_
    comments.end()


async def test_a_period_in_which_something_was_written_needs_none() -> None:
    comments, paper, _ = commented()
    paper.start("gen-1", 0.0, "")
    paper.write(b"data: 1\n\n")
    comments.expire(comments.deadline)
    assert COMMENT not in paper.body
    comments.expire(comments.deadline)
    assert paper.body == b"data: 1\n\n" + COMMENT
    comments.end()


async def test_nothing_is_written_to_a_client_that_has_gone() -> None:
    comments, paper, house = commented(0.1)
    paper.gone = True
    await asyncio.sleep(0.3)
    assert paper.body == b""
    assert comments not in house.deadlines._watched


async def test_nothing_is_written_after_the_end() -> None:
    comments, paper, _ = commented(0.1)
    comments.end()
    await asyncio.sleep(0.3)
    assert paper.body == b""
