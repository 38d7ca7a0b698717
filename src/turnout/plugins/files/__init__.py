"""The plugin that turns files into text, for models that do not read them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, Literal, NamedTuple, final

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from turnout.base.errors import BadRequest
from turnout.base.jsons import encode
from turnout.base.money import InvalidPrice, parse_price
from turnout.contracts.plugin import Job, Plugin, StreamFilter, Work
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL, Chunk, ChunkChoice, Completion
from turnout.domain.routing import Candidate
from turnout.plugins.files.limits import Found, Limits, Unreadable
from turnout.plugins.files.ocr import read_scanned
from turnout.plugins.files.parts import FilePart, annotation, decoded, enclosed, files_in, known_files, replaced
from turnout.plugins.files.readers import Readers, shared_readers

__all__ = ["PLUGIN", "FileParser", "Parameters", "Settings"]

_ID: Final = "file-parser"
_MOST_BYTES = 48 * 2**20
_PDF: Final = b"%PDF-"
_PDF_WITHIN = 1024
_IMAGE: Final = b'"image_url"'
_Count = Annotated[int, Meta(ge=1)]


class Pdf(Struct, frozen=True, forbid_unknown_fields=True):
    """``engine``: how PDFs are read. ``pdf-text`` and ``cloudflare-ai``: their text is taken out here. ``mistral-ocr``:
    by the OCR service. ``native``: by the model. None: by the model if it reads files, else by OCR where that is set
    up, else their text.
    """

    engine: Literal["native", "pdf-text", "cloudflare-ai", "mistral-ocr"] | None = None


class Parameters(Struct, frozen=True, forbid_unknown_fields=True):
    """``pdf``: see :class:`Pdf`."""

    pdf: Pdf = Pdf()


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """What one file may take, and who reads scanned ones.

    Attributes:
        seconds: for parsing it.
        megabytes: of memory for that, in MiB.
        pages: it may have.
        characters: of text it may hold.
        ocr_url: an address that answers as Mistral's ``/v1/ocr`` does; the credential ``api_key`` is for it.
        ocr_model: the model that it is asked for.
        ocr_price: dollars per page.
    """

    seconds: Annotated[float, Meta(gt=0, le=600)] = 20.0
    megabytes: Annotated[int, Meta(ge=128)] = 512
    pages: _Count = 2_000
    characters: _Count = 4_000_000
    ocr_url: str = ""
    ocr_model: str = "mistral-ocr-latest"
    ocr_price: str = "0.002"

    def __post_init__(self) -> None:
        try:
            parse_price(self.ocr_price)
        except InvalidPrice as error:
            raise ValueError(str(error)) from None


class _Read(NamedTuple):
    """What became of a file: the parts that take its place, and its hash. ``known``: an earlier answer told."""

    parts: Sequence[Mapping[str, object]]
    digest: str
    kind: str
    pages: int = 0
    engine: str = ""
    known: bool = False


@final
class FileParser(Work):
    """One request's files: parsed once, for those endpoints that do not read them."""

    def __init__(self, job: Job, readers: Readers) -> None:
        super().__init__(job)
        self._readers = readers
        self._known: Mapping[str, Sequence[Mapping[str, object]]] = {}
        self._read: dict[tuple[str, bool], _Read] = {}
        self._annotations: dict[str, Raw] = {}
        self._files: Sequence[FilePart] = ()
        self._searched: Raw | None = None
        self._size = 0

    async def before(self, request: ChatRequest) -> ChatRequest:
        """*request* with text in place of those files that no planned endpoint gets as they are.

        Raises:
            BadRequest: a file cannot be read.
            PaymentRequired: no budget affords that it is read.
        """
        if not request.traits.files:
            return request
        self._known = known_files(request.fields["messages"])
        return await self._without_files(request, self.job.candidates, anyway=True)

    async def fit(self, request: ChatRequest, candidate: Candidate) -> ChatRequest:
        """The same of those that *candidate* does not get. Raises as :meth:`before`."""
        return await self._without_files(request, (candidate,)) if request.traits.files else request

    async def mend(self, completion: Completion, request: ChatRequest, candidate: Candidate) -> Completion:
        """*completion* with what was read, for the client to send back."""
        del request, candidate
        if self._annotations:
            for choice in completion.choices:
                before = choice.message.get("annotations", NULL)
                own: list[Raw] = msgspec.json.decode(before, type=list[Raw] | None) or []
                choice.message["annotations"] = Raw(encode([*own, *self._annotations.values()]))
        return completion

    def watch(self, request: ChatRequest, candidate: Candidate) -> StreamFilter | None:
        """Adds the same to a stream, before its end."""
        del request, candidate
        return _Annotating(lambda: tuple(self._annotations.values()))

    def left_over(self) -> Mapping[str, object]:
        """What was read, for the error of a request that failed all the same."""
        return {"file_annotations": list(self._annotations.values())} if self._annotations else {}

    async def _without_files(
        self, request: ChatRequest, candidates: Sequence[Candidate], *, anyway: bool = False
    ) -> ChatRequest:
        """*request* without files that none of *candidates* gets; *anyway*: without annotations in any case."""
        messages = request.fields["messages"]
        if messages is not self._searched:
            self._searched, self._files = messages, files_in(messages)
        wanted = [one for one in self._files if all(self._is_parsed(one, each) for each in candidates)]
        if not (wanted or (anyway and self._known)):
            return request
        images = all("image" in one.model.input_modalities for one in candidates)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._once(one, images=images)) for one in wanted]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        read = [task.result() for task in tasks]
        changes: dict[tuple[int, int], Sequence[Mapping[str, object]]] = {}
        for part, found in zip(wanted, read, strict=True):
            if not found.known:
                self._annotations[found.digest] = annotation(part.name, found.digest, found.parts)
            shown = [dict(one) for one in found.parts if images or not _is_image(one)]
            if bytes(part.cache) != b"null":
                shown[-1]["cache_control"] = part.cache
            changes[part.message, part.part] = shown
        self.job.note(files=[_told(part, found) for part, found in zip(wanted, read, strict=True)])
        changed = replaced(messages, changes)
        return replace(request, fields=request.fields | {"messages": changed}, prompt_bytes=len(memoryview(changed)))

    def _is_parsed(self, part: FilePart, candidate: Candidate) -> bool:
        """Whether *candidate* gets text in place of *part*."""
        engine = self.job.parameters.pdf.engine
        if engine == "native":
            return False
        model, skills = candidate.model, candidate.provider.skills
        reads = "file" in model.input_modalities or (model.assumed_inputs and "files" in skills)
        return not reads or engine is not None or (part.is_archive and "archives" not in skills)

    async def _once(self, part: FilePart, *, images: bool) -> _Read:
        """What is in *part*, which may stand in the request more than once and is asked for at each attempt."""
        key = (part.source, images)
        if key not in self._read:
            try:
                self._read[key] = await self._found(part, images=images)
            except Unreadable as error:
                raise BadRequest(f"{part} cannot be read: {error}", metadata={"plugin": _ID}) from None
        return self._read[key]

    async def _found(self, part: FilePart, *, images: bool) -> _Read:
        content, media_type, digest = await self._content(part)
        if digest in self._known:
            return _Read(self._known[digest], digest, "", known=True)
        settings: Settings = self.job.settings
        engine = self._engine() if _PDF in content[:_PDF_WITHIN] else "text"
        limits = Limits(settings.pages, settings.characters, words=engine != "mistral-ocr")
        found: Found = await self._readers.read(content, media_type, limits, settings.seconds, settings.megabytes)
        if engine == "mistral-ocr":
            per_page = parse_price(settings.ocr_price)
            await self.job.afford(found.pages * per_page)
            parts = await read_scanned(self.job, content, per_page=per_page, images=images)
        elif found.text:
            parts = [{"type": "text", "text": found.text}]
        else:
            hint = "ask for the engine mistral-ocr" if settings.ocr_url else "and no OCR is set up here"
            raise Unreadable(f"it has no text, it must be scanned: {hint}")
        return _Read(enclosed(part.name, parts), digest, found.kind, found.pages, engine)

    def _engine(self) -> str:
        """How PDFs are read that a model does not read itself. Raises Unreadable: not as it is wanted."""
        engine: str | None = self.job.parameters.pdf.engine
        can: bool = bool(self.job.settings.ocr_url)
        if engine == "mistral-ocr" and not can:
            raise Unreadable("the engine mistral-ocr is not set up here; pdf-text and native are there")
        if engine == "mistral-ocr" or (engine is None and can):
            return "mistral-ocr"
        return "pdf-text"

    async def _content(self, part: FilePart) -> tuple[bytes, str, str]:
        """The bytes of *part*, its media type and its hash.

        Raises:
            BadRequest: there are none, or too many.
        """
        if part.by_url:
            try:
                fetched = await self.job.outside.fetch(part.source)
            except BadRequest as error:
                raise Unreadable(error.message) from None
            content, media_type = fetched.data, fetched.media_type
        else:
            content, media_type = await asyncio.to_thread(decoded, part), part.media_type
        self._size += len(content)
        if self._size > _MOST_BYTES:
            raise Unreadable(f"the files of a request may hold {_MOST_BYTES >> 20} MiB together")
        digest = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
        return content, media_type, digest


@final
class _Annotating:
    """Puts annotations into a stream, before the chunk that ends it."""

    def __init__(self, annotations: Callable[[], tuple[Raw, ...]]) -> None:
        self._annotations = annotations
        self._done = False

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        """*chunks*, with one more among them when they end the answer."""
        if self._done:
            return chunks
        for place, chunk in enumerate(chunks):
            if any(choice.finish_reason is not None for choice in chunk.choices):
                self._done = True
                told = self._annotations()
                if not told:
                    return chunks
                delta = Raw(encode({"annotations": told}))
                return [*chunks[:place], Chunk([ChunkChoice(delta)], added=True), *chunks[place:]]
        return chunks

    def flush(self) -> list[Chunk]:
        """Nothing is held."""
        return []


def _is_image(part: Mapping[str, object]) -> bool:
    kind = part.get("type")
    return (bytes(kind) if isinstance(kind, Raw) else kind) in {_IMAGE, "image_url"}


def _told(part: FilePart, found: _Read) -> dict[str, object]:
    """For the pipeline of router metadata."""
    if found.known:
        return {"name": part.name, "known": True}
    told: dict[str, object] = {"name": part.name, "kind": found.kind, "engine": found.engine}
    return told | {"pages": found.pages} if found.pages else told


def _parse(job: Job) -> FileParser:
    return FileParser(job, shared_readers())


PLUGIN: Final = Plugin(
    id=_ID,
    work=_parse,
    phases=frozenset({"answer", "candidate", "request", "stream"}),
    parameters=Parameters,
    settings=Settings,
    credentials=frozenset({"api_key"}),
    rank=5,
    for_files=True,
    seconds=150.0,
)
