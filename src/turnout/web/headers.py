"""The headers that keep a page to itself: no inline script, no foreign host, no frame."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from turnout.base.stored import Stored

__all__ = ["HTML", "answer", "secured"]

HTML: Final = b"text/html; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SECURED: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=()",
}


def secured(response: Response, form_to: str = "") -> Response:
    """*response* with the headers of every page and file of the website.

    *form_to* is an origin that its form may lead to in the end, beside this site.
    """
    response.headers.update(_SECURED)
    if form_to:
        policy = _POLICY.replace("form-action 'self'", f"form-action 'self' {form_to}")
        response.headers["Content-Security-Policy"] = policy
    return response


def answer(request: Request, stored: Stored, status: int = 200) -> Response:
    """*stored* in the encoding that the client likes best, or 304 when it has it already."""
    return secured(Response(*stored.reply(request.headers, status)))
