"""Answers judged by OpenRouter's public OpenAPI document, where the folder of test data holds it."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

__all__ = ["TEST_DATA", "check", "check_operation", "sdk_requires"]

TEST_DATA = Path(os.environ.get("TURNOUT_TEST_DATA") or "no-test-data")
"""The folder that TURNOUT_TEST_DATA names; it may not exist."""

_BASE = "urn:openrouter"


def check(component: str, value: object) -> None:
    """Fail unless *value* fits the schema of that name."""
    _check({"$ref": f"{_BASE}#/components/schemas/{component}"}, value, component)


def check_operation(method: str, path: str, value: object, status: str = "200") -> None:
    """Fail unless *value* fits what the document promises for the JSON answer of an operation."""
    responses = _document()["paths"][path][method.lower()]["responses"]
    assert status in responses, f"{method} {path} knows no status {status}"
    steps = ["paths", path, method.lower(), "responses", status, "content", "application/json", "schema"]
    pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
    _check({"$ref": f"{_BASE}#/{pointer}"}, value, f"{method} {path}")


def sdk_requires(name: str) -> list[str]:
    """Keys that the Python SDK wants beyond the document."""
    keys: list[str] = _document()["x-python-sdk-1.3.84-also-required"][name]
    return keys


def _check(schema: dict[str, Any], value: object, name: str) -> None:
    problem = jsonschema.exceptions.best_match(_validator(json.dumps(schema)).iter_errors(value))
    if problem is not None:
        where = "/".join(str(step) for step in problem.absolute_path)
        pytest.fail(f"{name}: {where or 'the whole'}: {problem.message[:500]}")


@cache
def _validator(schema: str) -> Any:  # noqa: ANN401 - the package has no types
    resource = Resource.from_contents(_document(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(_BASE, resource)
    return jsonschema.Draft202012Validator(json.loads(schema), registry=registry)


@cache
def _document() -> Any:  # noqa: ANN401 - JSON
    path = TEST_DATA / "openrouter-openapi.json"
    if not path.exists():
        pytest.skip("TURNOUT_TEST_DATA names no folder with openrouter-openapi.json")
    return json.loads(path.read_text())
