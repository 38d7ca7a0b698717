from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping

import pytest

from examples import a_request
from turnout.api.chat import ChatSurface
from turnout.base.errors import BadRequest, PayloadTooLarge
from turnout.contracts.provider import Fetched
from turnout.domain.chat import ChatRequest
from turnout.providers import media
from turnout.providers.conversation import File, Image, Part, read_messages
from turnout.providers.media import inline, sniffed

PNG = b"\x89PNG\r\n\x1a\n-picture"
PDF = b"%PDF-1.7 ..."


class Web:
    """Files by URL; ``asked`` holds what was read, in order."""

    def __init__(self, files: Mapping[str, Fetched], seconds: float = 0.0) -> None:
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self._files = files
        self._seconds = seconds

    async def __call__(self, url: str) -> Fetched:
        self.asked.append(url)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self._seconds)
        self.at_once -= 1
        if url not in self._files:
            raise BadRequest("nobody knows it")
        return self._files[url]


def everything(_part: Part) -> bool:
    return True


def asking(*parts: object) -> ChatRequest:
    return a_request(messages=[{"role": "user", "content": list(parts)}])


def image(url: str, **fields: object) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url} | fields}


def data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


def parts_of(request: ChatRequest) -> list[dict[str, object]]:
    return list(json.loads(bytes(request.fields["messages"]))[0]["content"])


async def test_a_request_without_files_comes_back_itself() -> None:
    web = Web({})
    for request in (
        a_request(),
        asking({"type": "text", "text": "see https://example.com/a.png"}),
        asking(image("data:image/png;base64,AAAA")),
        asking({"type": "file", "file": {"file_id": "file-1"}}),
        asking(image("gs://bucket/a.png")),
    ):
        assert await inline(request, everything, web) is request
    assert web.asked == []


async def test_parts_that_the_provider_reads_itself_stay() -> None:
    web = Web({"https://a.example/b.pdf": Fetched("application/pdf", PDF)})
    request = asking(image("https://a.example/a.png"), {"type": "file", "file": {"url": "https://a.example/b.pdf"}})
    assert await inline(request, lambda part: not isinstance(part, Image | File), web) is request
    done = await inline(request, lambda part: isinstance(part, File), web)
    assert parts_of(done)[0] == image("https://a.example/a.png")
    assert parts_of(done)[1] == {
        "type": "file",
        "file": {"filename": "b.pdf", "file_data": data_url("application/pdf", PDF)},
    }


async def test_every_kind_of_file_is_put_inline() -> None:
    cache = {"type": "ephemeral"}
    web = Web(
        {
            "https://a.example/pic": Fetched("image/webp", b"RIFF....WEBP"),
            "HTTP://a.example/film.mp4": Fetched("video/mp4", b"....ftypisom"),
            "https://a.example/sound": Fetched("audio/mpeg", b"sound"),
            "https://a.example/some%20file.pdf?x=1": Fetched("", PDF),
        }
    )
    done = await inline(
        asking(
            image("https://a.example/pic", detail="low") | {"cache_control": cache},
            {"type": "image_url", "image_url": "https://a.example/pic"},
            {"type": "video_url", "video_url": {"url": "HTTP://a.example/film.mp4"}},
            {"type": "input_audio", "input_audio": {"data": "https://a.example/sound", "format": "wav"}},
            {"type": "file", "file": {"file_data": "https://a.example/some%20file.pdf?x=1"}},
            {"type": "text", "text": "What is it?"},
        ),
        everything,
        web,
    )
    picture = data_url("image/webp", b"RIFF....WEBP")
    assert parts_of(done) == [
        image(picture, detail="low") | {"cache_control": cache},
        image(picture),
        {"type": "video_url", "video_url": {"url": data_url("video/mp4", b"....ftypisom")}},
        {"type": "input_audio", "input_audio": {"data": b64encode(b"sound").decode(), "format": "mp3"}},
        {"type": "file", "file": {"filename": "some file.pdf", "file_data": data_url("application/pdf", PDF)}},
        {"type": "text", "text": "What is it?"},
    ]
    assert sorted(web.asked) == sorted(set(web.asked))
    assert read_messages(done)


async def test_what_is_not_a_file_stays_byte_for_byte() -> None:
    body = (
        b'{"model":"acme/tiny","x" : 1.0,"messages":[ {"role":"user", "content":"caf\\u00e9 1.0 https:\\/\\/x"},'
        b'{"role":"user","x_own":{"big":123456789012345678901234567890, "b":1.50},"content":[{"type":"image_url",'
        b'"image_url":{"url":"https:\\/\\/a.example\\/p"}}, {"text" : "\\u00e9","type":"text","more":1e2}]} ]}'
    )
    done = await inline(ChatSurface().decode(body), everything, Web({"https://a.example/p": Fetched("image/png", PNG)}))
    sent = bytes(done.fields["messages"])
    for kept in (
        b'{"role":"user", "content":"caf\\u00e9 1.0 https:\\/\\/x"}',
        b'{"big":123456789012345678901234567890, "b":1.50}',
        b'{"text" : "\\u00e9","type":"text","more":1e2}',
    ):
        assert kept in sent
    assert data_url("image/png", PNG).encode() in sent


@pytest.mark.parametrize(
    ("said", "content", "found"),
    [
        ("image/png", b"?", "image/png"),
        ("image/jpeg", PNG, "image/png"),  # servers guess by the name
        ("application/octet-stream", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("", b"GIF89a", "image/gif"),
        ("text/html", PNG, "image/png"),
        ("", b"....ftypavif", "image/avif"),
        ("image/svg+xml", b"<svg/>", "image/svg+xml"),
    ],
)
async def test_the_bytes_tell_what_a_picture_is_before_its_server_does(said: str, content: bytes, found: str) -> None:
    done = await inline(
        asking(image("https://a.example/p")), everything, Web({"https://a.example/p": Fetched(said, content)})
    )
    assert parts_of(done) == [image(data_url(found, content))]


async def test_the_name_tells_where_nothing_else_does() -> None:
    web = Web(
        {"https://a.example/p.csv": Fetched("binary/octet-stream", b"a,b"), "https://a.example/q": Fetched("", b"?")}
    )
    parts = [{"type": "file", "file": {"url": url}} for url in ("https://a.example/p.csv", "https://a.example/q")]
    found = [part["file"] for part in parts_of(await inline(asking(*parts), everything, web))]
    assert found == [
        {"filename": "p.csv", "file_data": data_url("text/csv", b"a,b")},
        {"filename": "q", "file_data": data_url("application/octet-stream", b"?")},
    ]


@pytest.mark.parametrize("said", ["text/html", "", 'image/png",x', "image/", "application/pdf"])
async def test_what_is_no_picture_is_not_sent_as_one(said: str) -> None:
    web = Web({"https://a.example/p": Fetched(said, b"<html>")})
    with pytest.raises(BadRequest, match=r"`messages\[0\].content\[1\]` is no image"):
        await inline(asking({"type": "text", "text": "x"}, image("https://a.example/p")), everything, web)


async def test_a_file_that_cannot_be_read_is_told_by_its_place() -> None:
    request = a_request(
        messages=[{"role": "user", "content": "x"}, {"role": "user", "content": [image("https://a.example/none")]}]
    )
    with pytest.raises(BadRequest, match=r"`messages\[1\].content\[0\]` cannot be read: nobody knows it"):
        await inline(request, everything, Web({}))


async def test_one_failure_ends_the_others() -> None:
    web = Web({f"https://a.example/{n}": Fetched("image/png", PNG) for n in range(3)}, seconds=0.01)
    request = asking(*[image(f"https://a.example/{n}") for n in range(60)])
    with pytest.raises(BadRequest):
        await inline(request, everything, web)
    assert len(web.asked) < 60
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_files_are_read_several_at_once_and_each_url_once() -> None:
    urls = [f"https://a.example/{n}" for n in range(20)]
    web = Web({url: Fetched("image/png", PNG) for url in urls}, seconds=0.01)
    done = await inline(asking(*[image(url) for url in urls * 2]), everything, web)
    assert len(parts_of(done)) == 40
    assert sorted(web.asked) == sorted(urls)
    assert 2 <= web.most_at_once <= 8


async def test_too_many_files_are_refused_before_one_is_read() -> None:
    web = Web({})
    with pytest.raises(PayloadTooLarge, match="at most 64 files"):
        await inline(asking(*[image(f"https://a.example/{n}") for n in range(65)]), everything, web)
    assert web.asked == []


async def test_too_much_in_all_files_together_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_MOST_BYTES", 2**20)
    web = Web({f"https://a.example/{n}": Fetched("image/png", PNG + b"\0" * 600_000) for n in range(2)})
    await inline(asking(image("https://a.example/0")), everything, web)
    with pytest.raises(PayloadTooLarge, match="more than 1 MiB"):
        await inline(asking(image("https://a.example/0"), image("https://a.example/1")), everything, web)


async def test_a_cancelled_request_reads_no_further() -> None:
    web = Web({}, seconds=60)
    task = asyncio.create_task(inline(asking(image("https://a.example/0")), everything, web))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(PDF, "application/pdf"), (b"RIFF....WAVEfmt", "audio/wav"), (b"OggS", "audio/ogg"), (b"fLaC", "audio/flac"),
     (b"ID3", "audio/mpeg"), (b"\x1aE\xdf\xa3", "video/webm"), (b"....ftypqt  ", "video/quicktime"), (b"", None),
     (b"PK\3\4", None), (b"RIFF", None), (b"<svg", None)],
)  # fmt: skip
def test_first_bytes_tell_the_type(content: bytes, media_type: str | None) -> None:
    assert sniffed(content) == media_type
