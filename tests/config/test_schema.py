"""The schema of the file, and that the documentation says the same."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from turnout.config import load, schema

_DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"

_EXAMPLE = """
[server]
host = "127.0.0.1"
port = "env:PORT"
[store]
url = "sqlite"
[auth]
management_key = "env:TURNOUT_MANAGEMENT_KEY"
[metrics]
public = false
[catalog]
sources = ["providers", "openrouter", "models.dev"]
refresh = "never"
[providers.acme]
dialect = "openai"
base_url = "http://127.0.0.1:9001/v1"
api_key = "env:ACME_API_KEY"
headers = { X-Team = "a" }
data_collection = "deny"
zdr = "env:ZDR"
regions = ["eu"]
timeouts = { connect = 5.0, first_byte = 60, idle = 60.0, total = 900.0 }
capabilities = { stream_usage = true, max_tokens_field = "max_tokens", drop = ["seed"] }
[[models]]
id = "acme/tiny"
created = 2026-01-31
context_length = 8192
input_modalities = ["text"]
aliases = ["acme/tiny-latest"]
benchmarks = { intelligence_index = 31.5 }
[[models.endpoints]]
provider = "acme"
upstream_model = "tiny-1"
tag = "acme/turbo"
quantization = "fp8"
supported_parameters = ["max_tokens", "temperature", "tools"]
pricing = { prompt = "0.000001", completion = "0.000002", input_cache_read = "0.0000001" }
"""


def _json(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """As an editor hands a TOML file to a schema: dates as text."""
    return json.loads(json.dumps(value, default=lambda day: day.isoformat() if isinstance(day, date | datetime) else 0))


def test_the_schema_accepts_what_load_accepts(tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text(_EXAMPLE)
    environment = {"PORT": "1", "ZDR": "true", "TURNOUT_MANAGEMENT_KEY": "m", "ACME_API_KEY": "k"}
    assert load(path, environment, {}).warnings == ()
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(_json(tomllib.loads(_EXAMPLE)), schema())


@pytest.mark.parametrize(
    "text",
    [
        "sever = 1",
        "server.prot = 1",
        "server.port = 99999",
        'server.port = "many"',
        'logging.level = "loud"',
        "limits.body_bytes = 1.5",
        "providers.a.timeouts.idle = -1",
        "models = [{}]",
        "models = [{id = 'a/b', endpoints = [{provider = 'fake', pricing = {prompt = 0.1}}]}]",
    ],
)
def test_the_schema_refuses_what_load_refuses(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(_json(tomllib.loads(text)), schema())


def test_each_call_gives_a_schema_of_its_own() -> None:
    schema().clear()
    assert schema()["properties"]


def _keys(node: dict[str, Any], root: dict[str, Any], key: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The dotted keys of a schema with what it says of each; a table of free names counts as ``SLUG`` or as a value."""
    if reference := node.get("$ref"):
        node = root["$defs"][reference.rpartition("/")[2]]
    if node.get("type") == "array" and "$ref" in node["items"]:
        yield from _keys(node["items"], root, key)
    elif "properties" in node:
        for name, part in node["properties"].items():
            yield from _keys(part, root, f"{key}.{name}" if key else name)
    elif isinstance(free := node.get("additionalProperties"), dict) and "$ref" in free:
        yield from _keys(free, root, f"{key}.SLUG")
    else:
        yield key, node


def _documented() -> dict[str, str]:
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| .+ \|$", _DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a key is documented twice"
    return dict(rows)


def test_every_key_of_the_schema_is_documented_and_no_other() -> None:
    assert {key for key, _ in _keys(schema(), schema())} == set(_documented())


def test_every_documented_default_is_the_default() -> None:
    documented = _documented()
    for key, node in _keys(schema(), schema()):
        if "default" in node:
            assert json.loads(documented[key].strip("`").replace("./", "")) == node["default"], key
        else:
            assert documented[key] in {"absent", "required", "`{}`"}, key


def test_every_key_has_a_description() -> None:
    assert [key for key, node in _keys(schema(), schema()) if not node.get("description")] == []
