"""Claims about files in requests, made of a whole gateway."""

import base64
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from documents import docx, pdf_of, scanned, slow_pdf, zipped
from gateway import FakeServer, Gateway, Reply, provider_table

_PRICES = 'pricing = { prompt = "0.000001", completion = "0.000002" }'
_METADATA = {"X-OpenRouter-Metadata": "enabled"}
_OCR_PAGES: list[dict[str, Any]] = [
    {"index": 0, "markdown": "# Read by machine", "images": [{"id": "a", "image_base64": "data:image/png;base64,AAAA"}]}
]


class _Outside(http.server.BaseHTTPRequestHandler):
    """The web, with two documents; a reader of scanned papers; and a provider that always fails."""

    orders: list[Any]

    def do_GET(self) -> None:
        content = {"/paper.pdf": pdf_of("Read on the web"), "/notes": b"Plain notes"}.get(self.path)
        self.send_response(404 if content is None else 200)
        self.end_headers()
        self.wfile.write(content or b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.orders.append((self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        paper = body.get("document", {}).get("document_url", ",").partition(",")[2]
        works = self.path == "/ocr" and body["model"] == "ocr-1" and b"Unlucky" not in base64.b64decode(paper)
        pages = [page | {"images": page["images"] * 20} for page in _OCR_PAGES]
        self.send_response(200 if works else 500)
        self.end_headers()
        self.wfile.write(json.dumps({"pages": pages, "usage_info": {"pages_processed": 3}}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def outside() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Outside)
    server.orders = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeServer]:
    with FakeServer(tmp_path_factory.mktemp("fake")) as server:
        yield server


def _toml(fake: FakeServer, outside: http.server.ThreadingHTTPServer, settings: str) -> str:
    place = f"127.0.0.1:{outside.server_port}"
    toml = provider_table("acme", fake.base_url) + provider_table("broken", f"http://{place}/v1")
    for name, provider, inputs, words in (
        ("plain", "acme", '["text"]', "echo"), ("seeing", "acme", '["text", "image"]', "echo"),
        ("reading", "acme", '["text", "file"]', "echo"), ("failing", "broken", '["text"]', "echo"),
        ("reading-fails", "broken", '["text", "file"]', "echo"), ("uncounted", "acme", '["text"]', "lorem-5-no-usage"),
        ("silent", "acme", '["text"]', "empty-no-usage"), ("undescribed", "acme", "", "echo"),
    ):  # fmt: skip
        toml += f'[[models]]\nid = "acme/{name}"\n' + (f"input_modalities = {inputs}\n" if inputs else "")
        toml += f'[[models.endpoints]]\nprovider = "{provider}"\nupstream_model = "fake/{words}"\n{_PRICES}\n'
    return toml + f'[fetch]\nallow = ["{place}"]\n[plugins.file-parser.settings]\n{settings}\n'


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, fake: FakeServer, outside: http.server.ThreadingHTTPServer
) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("files"), _toml(fake, outside, "seconds = 0.8\nmegabytes = 4096")) as one:
        yield one


@pytest.fixture(scope="module")
def scanning(
    tmp_path_factory: pytest.TempPathFactory, fake: FakeServer, outside: http.server.ThreadingHTTPServer
) -> Iterator[Gateway]:
    toml = _toml(
        fake,
        outside,
        f'ocr_url = "http://127.0.0.1:{outside.server_port}/ocr"\nocr_model = "ocr-1"\nocr_price = "0.002"',
    )
    with Gateway(
        tmp_path_factory.mktemp("ocr"), toml + '[plugins.file-parser.credentials]\napi_key = "sk-ocr"\n'
    ) as one:
        yield one


def _file(content: bytes, name: str | None = "paper.pdf", media_type: str = "application/pdf") -> dict[str, Any]:
    source = f"data:{media_type};base64,{base64.b64encode(content).decode()}"
    return {"type": "file", "file": {"file_data": source} | ({"filename": name} if name else {})}


def _linked(outside: http.server.ThreadingHTTPServer, path: str) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": f"http://127.0.0.1:{outside.server_port}{path}"}}


def _ask(gateway: Gateway, *parts: object, model: str = "acme/plain", before: object = (), **fields: object) -> Reply:
    messages = [*before, {"role": "user", "content": [{"type": "text", "text": "Sum up."}, *parts]}]  # type: ignore[misc]
    body = {"model": model, "messages": messages} | fields
    return gateway.request("POST", "/api/v1/chat/completions", body, headers=_METADATA)


def _message(reply: Reply) -> Any:  # noqa: ANN401 - a JSON value
    assert reply.status == 200, reply.body
    return reply.json()["choices"][0]["message"]


def _sent(fake: FakeServer) -> Any:  # noqa: ANN401 - a JSON value
    """What the provider got last."""
    return json.loads([entry for entry in fake.journal() if "body" in entry][-1]["body"])["messages"]


def _texts(message: Any) -> str:  # noqa: ANN401 - a JSON value
    return "\n".join(part["text"] for part in message["content"] if part["type"] == "text")


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_reads_no_files_gets_their_text_and_the_client_what_was_read(
    gateway: Gateway,
    fake: FakeServer,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    reply = _ask(
        gateway,
        _file(pdf_of("Hello, PDF")),
        _file(docx("<w:p><w:t>Hi, Word</w:t></w:p>"), "a<.docx", ""),
        stream=stream,
    )
    if stream:
        events = [event for event in reply.events()[:-1] if event["choices"]]
        told = [at for at, event in enumerate(events) if "annotations" in event["choices"][0]["delta"]]
        assert [at + 1 for at in told] == [at for at, one in enumerate(events) if one["choices"][0]["finish_reason"]]
        annotations = events[told[0]]["choices"][0]["delta"]["annotations"]
    else:
        annotations = _message(reply)["annotations"]
    assert [(one["type"], one["file"]["name"]) for one in annotations] == [("file", "paper.pdf"), ("file", "a<.docx")]
    assert [part["text"] for part in annotations[0]["file"]["content"]] == [
        '<file name="paper.pdf">',
        "Hello, PDF",
        "</file>",
    ]
    assert (
        _texts(_sent(fake)[0])
        == 'Sum up.\n<file name="paper.pdf">\nHello, PDF\n</file>\n<file name="a_.docx">\nHi, Word\n</file>'
    )


def test_annotations_in_a_stream_are_neither_content_nor_tokens(gateway: Gateway) -> None:
    long = _file(b"a long text " * 1_000, "a.txt", "")
    events = _ask(gateway, long, model="acme/uncounted", stream=True).events()
    assert any("annotations" in choice["delta"] for event in events[:-1] for choice in event["choices"])
    assert events[-2]["usage"]["completion_tokens"] < 50
    assert _ask(gateway, long, model="acme/silent", stream=True).status >= 500


def test_what_an_earlier_answer_tells_is_not_read_again(gateway: Gateway, fake: FakeServer) -> None:
    file = _file(pdf_of("Hello again"))
    annotation = _message(_ask(gateway, file))["annotations"][0]
    annotation["file"]["content"][1]["text"] = "As told before"
    other = {"type": "url_citation", "url_citation": {"url": "https://a.example"}}
    before = [
        {"role": "user", "content": [file]},
        {"role": "assistant", "content": "Well.", "annotations": [annotation, other]},
    ]
    reply = _ask(gateway, file, before=before)
    assert "annotations" not in _message(reply)
    sent = _sent(fake)
    assert _texts(sent[0]) == '<file name="paper.pdf">\nAs told before\n</file>'
    assert _texts(sent[2]).endswith("As told before\n</file>")
    assert sent[1] == {"role": "assistant", "content": "Well.", "annotations": [other]}
    [stage] = reply.json()["openrouter_metadata"]["pipeline"]
    assert stage["data"]["files"] == [{"name": "paper.pdf", "known": True}] * 2


def test_files_by_url_are_read_too(
    gateway: Gateway, fake: FakeServer, outside: http.server.ThreadingHTTPServer
) -> None:
    message = _message(_ask(gateway, _linked(outside, "/paper.pdf"), _linked(outside, "/notes")))
    assert "Read on the web" in message["content"]
    assert "Plain notes" in message["content"]
    assert [one["file"]["name"] for one in message["annotations"]] == ["paper.pdf", "notes"]
    for url in (
        f"http://127.0.0.1:{outside.server_port}/none",
        "http://127.0.0.1:1/a.pdf",
        "http://169.254.169.254/a.pdf",
    ):
        reply = _ask(gateway, {"type": "file", "file": {"filename": "x", "file_data": url}})
        assert reply.status == 400
        assert "public http or https address" in reply.json()["error"]["message"]
    assert "Read on the web" in _texts(_sent(fake)[0])


def test_a_model_that_reads_files_gets_them_as_they_are_but_for_archives_unless_the_request_says_otherwise(
    gateway: Gateway, fake: FakeServer
) -> None:
    file, text = _file(pdf_of("Native words")), _file(b"a,b\n1,2\n", "table.csv", "text/csv")
    letter = _file(docx("<w:p><w:r><w:t>Dear reader</w:t></w:r></w:p>"), "letter.docx", "application/octet-stream")
    for model in ("acme/reading", "acme/undescribed"):
        _message(_ask(gateway, file, text, letter, model=model))
        sent = _sent(fake)[0]
        assert sent["content"][1:3] == [file, text]
        assert "Dear reader" in _texts(sent)
    _message(
        _ask(gateway, file, model="acme/reading", plugins=[{"id": "file-parser", "pdf": {"engine": "cloudflare-ai"}}])
    )
    assert "Native words" in _texts(_sent(fake)[0])
    for plugins in ([{"id": "file-parser", "pdf": {"engine": "native"}}], [{"id": "file-parser", "enabled": False}]):
        _message(_ask(gateway, file, plugins=plugins))
        assert _sent(fake)[0]["content"][1] == file


def test_where_models_differ_each_gets_what_it_reads(gateway: Gateway, fake: FakeServer) -> None:
    file = _file(pdf_of("For the second"))
    message = _message(_ask(gateway, file, model="acme/reading-fails", models=["acme/plain"]))
    assert "For the second" in message["content"]
    assert message["annotations"][0]["file"]["name"] == "paper.pdf"
    assert "For the second" in _texts(_sent(fake)[0])


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (_file(b"%PDF-1.7", "a.pdf"), "(a.pdf) cannot be read: it is no sound PDF"),
        (_file(scanned()), "it has no text, it must be scanned: and no OCR is set up here"),
        (_file(zipped({"x": "y"}), None, ""), "messages[0].content[1]` (file) cannot be read: it is an archive"),
        (_file(slow_pdf()), "takes longer than 0.8 s"),
        ({"type": "file", "file": {"file_data": "%%%äöü"}}, "neither a URL nor base64"),
        ({"type": "file", "file": {"file_data": 7}}, "messages[0].content[1]"),
    ],
    ids=["broken", "scanned", "archive", "slow", "no-base64", "number"],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place_and_the_reason(
    gateway: Gateway, part: dict[str, Any], words: str
) -> None:
    reply = _ask(gateway, part)
    assert reply.status == 400
    assert words in reply.json()["error"]["message"]


@pytest.mark.parametrize("engine", ["mistral-ocr", "crystal-ball"])
def test_an_engine_that_is_not_there_is_refused(gateway: Gateway, engine: str) -> None:
    reply = _ask(gateway, _file(pdf_of("x")), plugins=[{"id": "file-parser", "pdf": {"engine": engine}}])
    assert reply.status == 400
    assert engine in reply.json()["error"]["message"]


def test_what_was_read_is_kept_in_the_error_when_all_providers_fail(gateway: Gateway) -> None:
    reply = _ask(gateway, _file(pdf_of("In vain")), model="acme/failing")
    assert reply.status >= 500
    [kept] = reply.json()["error"]["metadata"]["file_annotations"]
    assert kept["file"]["content"][1]["text"] == "In vain"


@pytest.mark.alone
def test_a_hung_parser_holds_up_nobody_else(gateway: Gateway) -> None:
    refused: list[int] = []

    def hang() -> None:
        refused.append(_ask(gateway, _file(slow_pdf())).status)

    threads = [threading.Thread(target=hang) for _ in range(3)]
    for thread in threads:
        thread.start()
    took: list[float] = []
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        assert gateway.chat("acme/plain").status == 200
        took.append(time.monotonic() - began)
    for thread in threads:
        thread.join()
    assert refused == [400, 400, 400]
    assert sorted(took)[len(took) // 2] < 0.4  # half of what one parser hangs
    assert "After all" in _message(_ask(gateway, _file(pdf_of("After all"))))["content"]


# -- scanned ones --


def test_scanned_papers_go_to_the_ocr_service_and_are_paid_by_the_page(
    scanning: Gateway, fake: FakeServer, outside: http.server.ThreadingHTTPServer
) -> None:
    file = _file(scanned())
    reply = _ask(scanning, file, model="acme/seeing")
    _, headers, order = outside.orders[-1]  # type: ignore[attr-defined]
    assert headers["Authorization"] == "Bearer sk-ocr"
    assert order["document"] == {"type": "document_url", "document_url": file["file"]["file_data"]}
    content = _message(reply)["annotations"][0]["file"]["content"]
    assert [part["type"] for part in content] == ["text", "text", *["image_url"] * 8, "text"]
    assert _sent(fake)[0]["content"][1:] == content
    usage = reply.json()["usage"]
    answer = usage["prompt_tokens"] * 1e-6 + usage["completion_tokens"] * 2e-6
    assert usage["cost"] == pytest.approx(3 * 0.002 + answer)
    assert scanning.generation(reply)["total_cost"] == pytest.approx(usage["cost"])

    orders = len(outside.orders)  # type: ignore[attr-defined]
    before = [
        {"role": "user", "content": [file]},
        {"role": "assistant", "content": "So.", "annotations": _message(reply)["annotations"]},
    ]
    again = _ask(scanning, before=before)
    assert again.json()["usage"]["cost"] < 0.001
    assert len(outside.orders) == orders  # type: ignore[attr-defined]
    assert [part["type"] for part in _sent(fake)[0]["content"]] == ["text", "text", "text"]  # this one sees no images


def test_ocr_is_refused_before_it_is_ordered_where_no_budget_affords_it(
    scanning: Gateway, outside: http.server.ThreadingHTTPServer
) -> None:
    made = scanning.request("POST", "/api/v1/keys", {"name": "poor", "limit": 0.0015}, key=scanning.management_key)
    key = made.json()["key"]
    body = {"model": "acme/plain", "messages": [{"role": "user", "content": [_file(scanned())]}], "max_tokens": 5}
    orders = len(outside.orders)  # type: ignore[attr-defined]
    reply = scanning.request("POST", "/api/v1/chat/completions", body, key=key)
    assert reply.status == 402, reply.body
    assert len(outside.orders) == orders  # type: ignore[attr-defined]
    body["plugins"] = [{"id": "file-parser", "pdf": {"engine": "pdf-text"}}]
    body["messages"] = [{"role": "user", "content": [_file(pdf_of("Cheap"))]}]
    assert scanning.request("POST", "/api/v1/chat/completions", body, key=key).status == 200


def test_a_broken_paper_is_refused_before_ocr_is_paid(
    scanning: Gateway, outside: http.server.ThreadingHTTPServer
) -> None:
    orders = len(outside.orders)  # type: ignore[attr-defined]
    assert _ask(scanning, _file(b"%PDF-1.7")).status == 400
    assert len(outside.orders) == orders  # type: ignore[attr-defined]


def test_an_ocr_that_fails_ends_the_request_and_costs_nothing(scanning: Gateway) -> None:
    reply = _ask(scanning, _file(pdf_of("Unlucky")))
    assert reply.status == 502
    assert "OCR service failed with status 500" in reply.json()["error"]["message"]
    assert scanning.generation(reply)["total_cost"] == 0
    unasked = _ask(scanning, _file(pdf_of("Unlucky")), plugins=[{"id": "file-parser", "pdf": {"engine": "pdf-text"}}])
    assert "Unlucky" in _message(unasked)["content"]
