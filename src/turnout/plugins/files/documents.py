"""Documents turned into text: what kind a file is by its first bytes, and a reader for each kind."""

from __future__ import annotations

import codecs
import re
from posixpath import dirname, join, normpath
from typing import Final
from urllib.parse import unquote

from turnout.plugins.files.archive import Archive
from turnout.plugins.files.limits import Found, Limits, Text, Unreadable
from turnout.plugins.files.office import read_paragraphs, read_slides
from turnout.plugins.files.pages import html_text
from turnout.plugins.files.pdf import read_pdf
from turnout.plugins.files.sheets import read_workbook

__all__ = ["read_document"]

_PDF_WITHIN = 1024  # the header may come after so many bytes of something else
_SAMPLE = 2**16
_MOST_STRANGE = 0.02  # share of control characters that a text may have
_REFUSED: Final = (
    (b"\xd0\xcf\x11\xe0", "it is an Office file of the old kind (.doc, .xls, .ppt), or locked with a password"),
    (b"{\\rtf", "it is RTF"),
    (b"%!PS", "it is PostScript"),
    (b"\x1f\x8b", "it is compressed"),
    (b"\x89PNG", "it is an image: send it as `image_url`"),
    (b"\xff\xd8\xff", "it is an image: send it as `image_url`"),
    (b"GIF8", "it is an image: send it as `image_url`"),
)
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_HTML: Final = re.compile(rb"(?is)\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b")
_CHARSET: Final = re.compile(r"charset=[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_STRANGE: Final = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_KINDS: Final = "PDF, Word (.docx), PowerPoint (.pptx), Excel (.xlsx), EPUB, HTML, CSV, JSON, Markdown and plain text"


def read_document(content: bytes, media_type: str, limits: Limits) -> Found:
    """The text of a file. *media_type* may have a charset; it is believed only where the bytes tell nothing.

    Raises:
        Unreadable: it is no document, broken, or more than *limits* allow; the message is for the client.
    """
    if not content.strip():
        raise Unreadable("it is empty")
    if b"%PDF-" in content[:_PDF_WITHIN]:
        return read_pdf(content, limits)
    if content[:4] == b"PK\x03\x04":
        return _read_archive(content, limits)
    for start, what in _REFUSED:
        if content.startswith(start):
            raise Unreadable(what)
    if media_type.startswith("application/pdf"):
        raise Unreadable("it is no PDF")
    text = _decoded(content, media_type)
    if media_type.startswith(("text/html", "application/xhtml")) or _HTML.match(content[:_SAMPLE]):
        return Found("html", Text(limits).add(html_text(text)).joined())
    return Found("text", Text(limits).add(text).joined())


def _decoded(content: bytes, media_type: str) -> str:
    """*content* as text. Raises Unreadable: it is none."""
    told = _CHARSET.search(media_type) or _CHARSET.search(content[:_PDF_WITHIN].decode("latin-1"))
    tries = [name for bom, name in _BOMS if content.startswith(bom)] or ["utf-8"]
    for name in (*tries, *([told[1]] if told else ()), "cp1252", "latin-1"):
        try:
            text = content.decode(name)
        except (UnicodeError, LookupError):
            continue
        sample = text[:_SAMPLE]
        if len(_STRANGE.findall(sample)) > len(sample) * _MOST_STRANGE:
            break
        return text.removeprefix("\ufeff")
    raise Unreadable(f"it is no document that can be read; those are {_KINDS}")


def _read_archive(content: bytes, limits: Limits) -> Found:
    archive = Archive(content)
    text = Text(limits)
    pages = 0
    if "word/document.xml" in archive.names:
        kind = "docx"
        for part in ("document", "footnotes", "endnotes"):
            read_paragraphs(archive, f"word/{part}.xml", text)
    elif "ppt/presentation.xml" in archive.names:
        kind, pages = "pptx", read_slides(archive, text)
    elif "xl/workbook.xml" in archive.names:
        kind, pages = "xlsx", read_workbook(archive, text)
    elif "META-INF/container.xml" in archive.names:
        kind, pages = "epub", _read_book(archive, text)
    else:
        raise Unreadable(f"it is an archive; documents that can be read are {_KINDS}")
    return Found(kind, text.joined(), pages)


def _read_book(archive: Archive, text: Text) -> int:
    """Add the chapters of an EPUB to *text* and say how many there are."""
    package: list[str] = []
    files: dict[str, str] = {}
    order: list[str] = []

    def container(tag: str, attributes: dict[str, str]) -> None:
        if tag == "rootfile":
            package.append(attributes.get("full-path", ""))

    def contents(tag: str, attributes: dict[str, str]) -> None:
        if tag == "item":
            path = unquote(attributes.get("href", ""))
            files[attributes.get("id", "")] = normpath(join(dirname(package[0]), path))
        elif tag == "itemref":
            order.append(attributes.get("idref", ""))

    archive.parse("META-INF/container.xml", container)
    if package:
        archive.parse(package[0], contents)
    if "META-INF/encryption.xml" in archive.names and not any(one in archive.names for one in files.values()):
        raise Unreadable("it is locked")
    chapters = [files[one] for one in order if one in files]
    for chapter in chapters:
        text.add(html_text(_decoded(archive.read(chapter) or b" ", "")) + "\n\n")
    return len(chapters)
