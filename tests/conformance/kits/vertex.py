"""Gemini models on Google's cloud: the same language."""

from __future__ import annotations

from conformance.kits.google import KIT as KIT  # noqa: PLC0414 - passed on
