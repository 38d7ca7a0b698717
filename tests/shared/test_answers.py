from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from patience import PATIENCE
from turnout.base.clock import SYSTEM_CLOCK, Clock
from turnout.base.errors import Unavailable
from turnout.contracts.shared import AnswerMemory
from turnout.shared.answers_file import AnswersInFile

NAME, OTHER = b"n" * 32, b"o" * 32
Make = Callable[[], AnswerMemory]


@pytest.fixture(params=["file", "redis"])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes one more memory of the same answers: that of another worker, or of another machine."""
    made: list[AnswerMemory] = []
    if request.param == "file":

        def one_more() -> AnswerMemory:
            made.append(AnswersInFile(tmp_path / "answers.sqlite", SYSTEM_CLOCK))
            return made[-1]

        yield one_more
        for memory in made:
            await memory.close()
        return
    pytest.importorskip("redis")
    from turnout.shared.redis_answers import AnswersInRedis  # noqa: PLC0415 - its package is an option
    from turnout.shared.redis_link import Link  # noqa: PLC0415 - as above

    links = [Link(request.getfixturevalue("redis_url"), SYSTEM_CLOCK) for _ in range(2)]

    def another() -> AnswerMemory:
        made.append(AnswersInRedis(links[len(made)]))
        return made[-1]

    yield another
    for memory in made:
        await memory.close()
    for link in links:
        await link.close()


async def test_what_one_keeps_the_other_finds_until_its_time_is_over(make: Make) -> None:
    one, other = make(), make()
    assert await other.find(NAME) is None
    await one.keep(NAME, b"answer", 60)
    await one.keep(OTHER, b"longer", 60)
    assert await other.find(NAME) == b"answer"
    await one.keep(NAME, b"answer", 0.1)
    await asyncio.sleep(0.15)
    assert await other.find(NAME) is None
    assert await other.find(OTHER) == b"longer"


async def test_of_many_who_claim_one_succeeds_and_all_others_read_its_note(make: Make) -> None:
    memories = [make(), make()]
    claims = await asyncio.gather(*[memory.claim(NAME, b"note", 60) for memory in memories for _ in range(20)])
    assert sum(claim.mine is not None for claim in claims) == 1
    assert {claim.found for claim in claims if claim.mine is None} == {b"note"}


async def test_two_who_open_a_new_file_at_the_same_moment_share_it(tmp_path: Path) -> None:
    for number in range(20):
        pair = [AnswersInFile(tmp_path / f"{number}.sqlite", SYSTEM_CLOCK) for _ in range(2)]
        assert await asyncio.gather(*[memory.find(NAME) for memory in pair]) == [None, None]
        for memory in pair:
            await memory.close()


async def test_a_claim_that_was_given_up_or_has_lapsed_is_free(make: Make) -> None:
    one, other = make(), make()
    first = await one.claim(NAME, b"first", 60)
    assert first.mine is not None
    one.release(NAME, first.mine)
    async with asyncio.timeout(PATIENCE):
        while (await other.claim(NAME, b"second", 0.2)).mine is None:
            pass
    await asyncio.sleep(0.25)
    assert (await one.claim(NAME, b"third", 60)).mine is not None


async def test_a_claim_that_is_renewed_holds(make: Make) -> None:
    one, other = make(), make()
    mine, _ = await one.claim(NAME, b"note", 1.0)
    assert mine is not None
    one.renew(NAME, mine, 60)
    await asyncio.sleep(1.1)
    assert (await other.claim(NAME, b"other", 60)).found == b"note"


async def test_who_gives_a_claim_up_late_removes_neither_the_answer_nor_the_claim_of_another(make: Make) -> None:
    one, other = make(), make()
    mine, _ = await one.claim(NAME, b"note", 60)
    assert mine is not None
    await one.keep(NAME, b"answer", 60)
    one.release(NAME, mine)
    one.renew(NAME, mine, 0.001)
    await asyncio.sleep(0.1)
    assert (await other.claim(NAME, b"other", 60)).found == b"answer"


async def test_a_memory_that_cannot_be_had_says_so(tmp_path: Path) -> None:
    memory = AnswersInFile(tmp_path / "nowhere" / "answers.sqlite", SYSTEM_CLOCK)
    with pytest.raises(Unavailable):
        await memory.claim(NAME, b"note", 60)
    with pytest.raises(Unavailable):
        await memory.find(NAME)
    await memory.close()


async def test_a_redis_that_is_gone_says_so() -> None:
    pytest.importorskip("redis")
    from turnout.shared.redis_answers import AnswersInRedis  # noqa: PLC0415 - its package is an option
    from turnout.shared.redis_link import Link  # noqa: PLC0415 - as above

    link = Link("redis://127.0.0.1:1", SYSTEM_CLOCK)
    memory = AnswersInRedis(link)
    with pytest.raises(Unavailable):
        await memory.claim(NAME, b"note", 60)
    memory.renew(NAME, b"claim", 60)
    memory.release(NAME, b"claim")
    await memory.close()
    await link.close()


async def test_room_is_made_for_new_answers_and_never_by_claims(tmp_path: Path) -> None:
    now = [1000.0]
    memory = AnswersInFile(tmp_path / "answers.sqlite", Clock(lambda: now[0], lambda: 0.0), most_bytes=100_000)
    mine, _ = await memory.claim(NAME, b"note", 1000)
    for number in range(300):
        now[0] += 1
        await memory.keep(b"%032d" % number, b"x" * 5_000, 3600)
    assert await memory.find(b"%032d" % 299) == b"x" * 5_000
    assert await memory.find(b"%032d" % 100) is None
    assert mine is not None
    assert await memory.find(NAME) == b"note"
    await memory.close()


def files_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_file_tells_neither_names_nor_answers(tmp_path: Path) -> None:
    memory = AnswersInFile(tmp_path / "answers.sqlite", SYSTEM_CLOCK)
    await memory.keep(NAME, b"canary-answer" * 50, 60)
    on_disk = b"".join(file.read_bytes() for file in files_of(tmp_path))
    assert b"canary" not in on_disk
    assert NAME not in on_disk
    await memory.close()
