"""Claims about documents of all kinds, read in processes with limits."""

import asyncio
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from documents import CORPUS, pdf_of, scanned, slow_pdf
from turnout.plugins.files.limits import Limits, Unreadable
from turnout.plugins.files.readers import Readers

_SECONDS, _MEGABYTES = 10.0, 512


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def readers(loop: asyncio.Runner) -> Iterator[Readers]:
    del loop  # they end before it
    found = Readers()
    yield found
    found.close()


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_a_document_gives_its_words_or_the_reason_why_not(loop: asyncio.Runner, readers: Readers, name: str) -> None:
    document = CORPUS[name]
    content = document.make()
    reading = readers.read(content, document.media_type, Limits(), _SECONDS, _MEGABYTES)
    if document.refused:
        with pytest.raises(Unreadable, match=document.refused):
            loop.run(reading)
    else:
        text = loop.run(reading).text
        assert [words for words in document.words if words not in text] == [], text[:500]


def test_a_scanned_paper_has_pages_and_no_text(loop: asyncio.Runner, readers: Readers) -> None:
    found = loop.run(readers.read(scanned(), "", Limits(), _SECONDS, _MEGABYTES))
    assert (found.kind, found.text, found.pages) == ("pdf", "", 1)


def test_more_text_than_is_allowed_is_refused(loop: asyncio.Runner, readers: Readers) -> None:
    with pytest.raises(Unreadable, match="more than 9 characters"):
        loop.run(readers.read(b"ten letters", "", Limits(characters=9), _SECONDS, _MEGABYTES))


def test_what_takes_too_long_is_ended_and_leaves_no_process(loop: asyncio.Runner) -> None:
    readers = Readers(1)

    async def read() -> None:
        with pytest.raises(Unreadable, match=r"longer than 0\.3 s"):
            await readers.read(slow_pdf(), "", Limits(), 0.3, 2_048)
        leaver = asyncio.ensure_future(readers.read(slow_pdf(), "", Limits(), _SECONDS, 2_048))
        await asyncio.sleep(0.2)
        leaver.cancel()
        await asyncio.wait([leaver])
        found = await readers.read(pdf_of("Still here"), "", Limits(), _SECONDS, _MEGABYTES)
        assert found.text == "Still here"

    began = time.monotonic()
    loop.run(read())
    readers.close()
    assert time.monotonic() - began < _SECONDS
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    assert len([one for one in commands if b"files.child" in one]) <= 2  # those of the other tests
    assert not re.search(r"files\.child.*<defunct>", str(commands))


def test_a_process_that_reads_files_has_no_credentials(monkeypatch: pytest.MonkeyPatch, loop: asyncio.Runner) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    readers = Readers(1)
    try:
        loop.run(readers.read(b"words", "", Limits(), _SECONDS, _MEGABYTES))
        [process] = [entry[0] for entry in readers._idle]
        assert process._running is not None
        environment = Path(f"/proc/{process._running.pid}/environ").read_bytes()
    finally:
        readers.close()
    assert b"sk-canary" not in environment
