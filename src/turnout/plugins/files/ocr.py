"""Scanned papers read by a service that speaks as Mistral's OCR does."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import encode
from turnout.base.money import Pico
from turnout.contracts.plugin import Job, PluginFailed, Purchase

__all__ = ["read_scanned"]

_OK = 200
_MOST_IMAGES = 8


class _Image(Struct):
    image_base64: str | None = None


class _Page(Struct):
    markdown: str = ""
    images: list[_Image] = []


class _Used(Struct):
    pages_processed: int | None = None


class _Answer(Struct):
    pages: list[_Page]
    usage_info: _Used | None = None


_decode = msgspec.json.Decoder(_Answer).decode


async def read_scanned(job: Job, content: bytes, *, per_page: Pico, images: bool) -> Sequence[Mapping[str, object]]:
    """The parts that say what is in the PDF *content*: its text, and with *images* at most eight pictures of it. It is
    bought for so much per page.

    Raises:
        PluginFailed: the service does not do it.
    """
    settings = job.settings
    headers = {"Content-Type": "application/json"}
    if (key := job.credentials.get("api_key")) is not None:
        headers["Authorization"] = f"Bearer {key.reveal()}"
    document = "data:application/pdf;base64," + b64encode(content).decode()
    order = {
        "model": settings.ocr_model,
        "document": {"type": "document_url", "document_url": document},
        "include_image_base64": images,
        "image_limit": _MOST_IMAGES,
    }
    began = job.now()
    status: int | None = None
    try:
        status, body = await job.outside.order(settings.ocr_url, headers, encode(order))
        answer = _decode(body) if status == _OK else None
    except (UpstreamError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None
    pages = 0
    if answer is not None:
        told = None if answer.usage_info is None else answer.usage_info.pages_processed
        pages = max(0, len(answer.pages) if told is None else told)
    job.buy(
        Purchase(
            service="ocr", name="OCR", what=settings.ocr_model, cost=Pico(pages * per_page), began=began,
            ended=job.now(), status=status, ok=answer is not None,
        )
    )  # fmt: skip
    if answer is None:
        raise PluginFailed("file-parser", f"The OCR service failed{'' if status is None else f' with status {status}'}")
    parts: list[Mapping[str, object]] = [{"type": "text", "text": "\n\n".join(page.markdown for page in answer.pages)}]
    pictures = [image.image_base64 for page in answer.pages for image in page.images if image.image_base64]
    for picture in pictures[:_MOST_IMAGES] if images else ():
        url = picture if picture.startswith("data:image/") else f"data:image/jpeg;base64,{picture}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts
