"""The text of a PDF."""

from __future__ import annotations

import pypdfium2 as pdfium

from turnout.plugins.files.limits import Found, Limits, Text, Unreadable

__all__ = ["read_pdf"]


def read_pdf(content: bytes, limits: Limits) -> Found:
    """The text of all pages, what is filled into forms included; empty where no page has any, as in scanned papers.

    Raises:
        Unreadable: it is broken, locked with a password, or more than *limits* allow.
    """
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        # What pdfium tells may be left from the file before; a locked one says so itself.
        locked = "password" in str(error).lower() and b"/Encrypt" in content
        why = "it is locked with a password" if locked else "it is no sound PDF"
        raise Unreadable(why) from None
    pages = len(document)
    if not pages:
        raise Unreadable("it has no pages")
    if pages > limits.pages:
        raise Unreadable(f"it has {pages} pages, and at most {limits.pages} are read")
    if not limits.words:
        return Found("pdf", "", pages)
    if document.get_formtype():
        document.init_forms()
    text = Text(limits)
    seen = False
    for number in range(pages):
        words = _page_text(document, number)
        seen = seen or bool(words.strip())
        text.add(words.replace("\r\n", "\n").replace("\ufffe", "-").strip() + "\n\n")
    return Found("pdf", text.joined() if seen else "", pages)


def _page_text(document: pdfium.PdfDocument, number: int) -> str:
    """The text of one page; none where it is broken."""
    try:
        if document.formenv is not None:
            page = document[number]
            page.flatten()  # else what stands in fields is no part of the page
            page.close()
        page = document[number]
        words = page.get_textpage()
        try:
            return str(words.get_text_bounded())
        finally:
            words.close()
            page.close()
    except pdfium.PdfiumError:
        return ""
