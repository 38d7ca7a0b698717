"""Every mistake at once, one clear line for each, no secret in any."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from turnout.config import BadConfiguration, load

_CANARY = "canary-5f1c"

_WRONG = f"""
sever = 1
[server]
prot = 8000
port = 99999
workers = 0
cors = "maybe"
host = "http://localhost"
[metrics]
public = "env:CANARY"
[store]
url = "mysql://root:{_CANARY}@db/x"
shared = "memcached://{_CANARY}"
[auth]
api_key = ""
management_key = "env:NOT A NAME"
[catalog]
refresh = "soon"
sources = "providers"
[limits]
body_bytes = 1.5
header_seconds = inf
drain_seconds = true
[logging]
level = "{_CANARY}"
[providers."Upper Case"]
[providers.acme]
base_ur = "http://127.0.0.1:9001/v1"
base_url = "http://user:{_CANARY}@127.0.0.1:9001/v1"
dialect = "opnai"
api_key = "{_CANARY}\\nX-Evil: 1"
timeouts = {{ connect = -1, total = nan, totl = 3 }}
headers = {{ X-A = "{_CANARY}\\r\\nb", Host = "x", "b d" = "c" }}
capabilities = {{ reasoning = "loud", drop = "n", stream_usage = 3 }}
zdr = 1
[providers.query]
base_url = "https://h/?key={_CANARY}"
[providers.ftp]
base_url = "ftp://h/"
[[models]]
id = "acme/tiny"
aliases = ["acme/big", "acme/other"]
context_length = 0
created = 2026-01-31T00:00:00
input_modalities = ["smell"]
[[models.endpoints]]
provider = "acmee"
quantization = "fp9"
[models.endpoints.pricing]
prompt = 0.1
completion = "-1"
request = ""
image = "NaN"
image_token = 1
audio = "0.0000000000001"
audio_output = "99999999"
input_cache_read = "env:CANARY"
web_serch = "1"
[[models.endpoints]]
provider = "acme"
tag = "other/turbo"
[[models]]
id = "acme/big"
aliases = ["acme/tiny", "acme/other", "acme/big"]
[[models.endpoints]]
provider = "fake"
[[models.endpoints]]
provider = "fake"
[[models]]
id = "Acme/Tiny"
[[models]]
id = "env:NO_SUCH"
[[models]]
id = "acme/tiny:nitro"
[[models]]
name = "no id"
"""

_LINES = """\
turnout.toml: auth.management_key: after env: comes the name of a variable, nothing else
turnout.toml: server.host: must be a host name or an address, without scheme and port
turnout.toml: server.port: must be at most 65535
turnout.toml: server.workers: must be at least 1
turnout.toml: server.cors: must be true or false
turnout.toml: server.prot: unknown key; did you mean port?
turnout.toml: store.url: must be sqlite or postgresql://user@host/database
turnout.toml: store.shared: must be empty, redis://host:port/number or valkey://host:port/number
turnout.toml: auth.api_key: must not be empty
turnout.toml: metrics.public: must be true or false
turnout.toml: catalog.sources: must be a list
turnout.toml: catalog.refresh: must be a number with s, m, h or d, such as "6h", or "never"
turnout.toml: limits.body_bytes: must be a whole number
turnout.toml: limits.header_seconds: must be a finite number
turnout.toml: limits.drain_seconds: must be a number
turnout.toml: logging.level: must be debug, info, warning, error or critical
turnout.toml: providers."Upper Case": must be a slug of lower-case letters, digits, dots, hyphens, underscores
turnout.toml: providers.acme.base_url: must not hold a user name or password; credentials have keys of their own
turnout.toml: providers.acme.api_key: must not hold line breaks, control characters or letters beyond Latin-1
turnout.toml: providers.acme.headers.X-A: must not hold line breaks, control characters or letters beyond Latin-1
turnout.toml: providers.acme.headers.Host: is a header that Turnout sets itself
turnout.toml: providers.acme.headers."b d": is not the name of a header
turnout.toml: providers.acme.capabilities.stream_usage: must be true or false
turnout.toml: providers.acme.capabilities.reasoning: must be effort, object, thinking, enable_thinking or none
turnout.toml: providers.acme.capabilities.drop: must be a list
turnout.toml: providers.acme.zdr: must be true or false
turnout.toml: providers.acme.timeouts.connect: must be greater than 0
turnout.toml: providers.acme.timeouts.total: must be a finite number
turnout.toml: providers.acme.timeouts.totl: unknown key; did you mean total?
turnout.toml: providers.acme.base_ur: unknown key; did you mean base_url?
turnout.toml: providers.query.base_url: must be a plain URL without ?, # and backslash
turnout.toml: providers.ftp.base_url: must be a URL with http or https
turnout.toml: models[0].created: a time needs its offset from UTC, such as 2026-01-31T00:00:00Z (model acme/tiny)
turnout.toml: models[0].context_length: must be at least 1 (model acme/tiny)
turnout.toml: models[0].input_modalities[0]: must be text, image, file, audio or video (model acme/tiny)
turnout.toml: models[0].endpoints[0].quantization: must be int4, int8, fp4, mxfp4, nvfp4, fp6, fp8, mxfp8, fp16, bf16, \
fp32 or unknown (model acme/tiny)
turnout.toml: models[0].endpoints[0].pricing.prompt: must be a string in quotes, such as "0.000001": prices are exact \
decimals (model acme/tiny)
turnout.toml: models[0].endpoints[0].pricing.completion: not a price in dollars; a price is a decimal of at least 0, \
such as "0.000001" (model acme/tiny)
turnout.toml: models[0].endpoints[0].pricing.request: not a price in dollars; a price is a decimal of at least 0, \
such as "0.000001" (model acme/tiny)
turnout.toml: models[0].endpoints[0].pricing.image: not a price in dollars; a price is a decimal of at least 0, \
such as "0.000001" (model acme/tiny)
turnout.toml: models[0].endpoints[0].pricing.image_token: must be a string in quotes, such as "0.000001": prices are \
exact decimals (model acme/tiny)
turnout.toml: models[0].endpoints[0].pricing.audio: finer than a pico-dollar (12 decimals); a price is a decimal of at \
least 0, such as "0.000001" (model acme/tiny)
turnout.toml: models[0].endpoints[0].pricing.audio_output: too large; a price is a decimal of at least 0, such as \
"0.000001" (model acme/tiny)
turnout.toml: models[0].endpoints[0].pricing.input_cache_read: not a price in dollars; a price is a decimal of at \
least 0, such as "0.000001" (model acme/tiny)
turnout.toml: models[0].endpoints[0].pricing.web_serch: unknown key; did you mean web_search? (model acme/tiny)
turnout.toml: models[3].id: missing, because the variable NO_SUCH is unset
turnout.toml: models[4].id: must not end with :nitro, which only changes routing
turnout.toml: models[5].id: missing
turnout.toml: sever: unknown key; did you mean server?
turnout.toml: models[2].id: the same id as models[0]: Acme/Tiny
turnout.toml: models[0].aliases[0]: the id of models[1]: acme/big (model acme/tiny)
turnout.toml: models[1].aliases[0]: the id of models[0]: acme/tiny (model acme/big)
turnout.toml: models[1].aliases[1]: the same alias as models[0].aliases[1]: acme/other (model acme/big)
turnout.toml: models[1].aliases[2]: the same alias as models[0].aliases[0]: acme/big (model acme/big)
turnout.toml: models[1].aliases: alias cycle: acme/big -> acme/tiny -> acme/big (model acme/big)
turnout.toml: models[0].endpoints[0].provider: no such provider; did you mean acme? (model acme/tiny)
turnout.toml: models[0].endpoints[1].tag: must be acme, or begin with acme/ (model acme/tiny)
turnout.toml: models[1].endpoints[1].tag: the same provider and tag as endpoints[0] (model acme/big)
turnout.toml: providers.acme.dialect: must be openai, openai-responses, anthropic, google, vertex, bedrock, azure, \
cohere, mistral, fake, or one that an installed package adds"""


def _lines(
    text: str | bytes,
    tmp_path: Path,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> list[str]:
    """The mistakes of a file, with its directory left out."""
    path = tmp_path / "turnout.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadConfiguration) as caught:
        load(path, environment or {}, flags or {})
    assert str(caught.value) == "\n".join(str(mistake) for mistake in caught.value.mistakes)
    return str(caught.value).replace(f"{tmp_path}/", "").split("\n")


def test_every_mistake_of_the_file_is_told_at_once(tmp_path: Path) -> None:
    assert _lines(_WRONG, tmp_path, {"CANARY": _CANARY}) == _LINES.split("\n")


def test_no_value_of_the_file_is_repeated(tmp_path: Path) -> None:
    assert _CANARY not in "\n".join(_lines(_WRONG, tmp_path, {"CANARY": _CANARY}))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb =\n", "turnout.toml:2: not TOML: Invalid value"),
        ("[server]\r\nport = 1\r\nport = 2\r\n", "turnout.toml:3: not TOML: Cannot overwrite a value"),
        ("[providers.a]\n[providers.a]\n", "turnout.toml:2: not TOML: Cannot declare ('providers', 'a') twice"),
        ('a = "', "turnout.toml:1: not TOML: Unterminated string"),
        (b"\n\na = '\xff'", "turnout.toml:3: not UTF-8"),
        ("a = " + "9" * 5000, "turnout.toml: holds a number that is too long"),
        ("a = " + "[" * 5000, "turnout.toml: nested too deeply"),
        ("a." * 2000 + "a = 1", "turnout.toml: " + ".".join("a" * 16) + ": nested too deeply"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, text: str | bytes, line: str) -> None:
    assert _lines(text, tmp_path)[0] == line


def test_mistakes_in_variables_name_the_variable(tmp_path: Path) -> None:
    environment = {
        "TURNOUT_SERVER__PROT": "1",
        "TURNOUT_SERVR__PORT": "1",
        "TURNOUT_SERVER__PORT": "many",
        "TURNOUT_MODELS__0__ID": "a/b",
        "TURNOUT_CATALOG__SOURCES": "[1",
        "TURNOUT_METRICS": "[]",
        "TURNOUT_PROVIDERS": '{"acme": {"timeouts": {"idle": "x"}}}',
        "TURNOUT_STORE": "env:CANARY",
        "TURNOUT_API_KEY": f"{_CANARY}\n",
        "CANARY": _CANARY,
    }
    assert _lines("", tmp_path, environment) == [
        "environment: TURNOUT_CATALOG__SOURCES: must be JSON",
        "environment: TURNOUT_MODELS__0__ID: a list is given as a whole, as JSON",
        "environment: TURNOUT_SERVER__PROT: unknown key; did you mean PORT?",
        "environment: TURNOUT_SERVR__PORT: unknown key; did you mean SERVER?",
        "environment: TURNOUT_SERVER__PORT: must be a whole number",
        "environment: TURNOUT_STORE: must be a table",
        "environment: TURNOUT_API_KEY: must not hold line breaks, control characters or letters beyond Latin-1",
        "environment: TURNOUT_METRICS: must be a table",
        "environment: TURNOUT_PROVIDERS acme.timeouts.idle: must be a number",
    ]


def test_mistakes_in_flags_come_last_under_a_name_of_their_own(tmp_path: Path) -> None:
    assert _lines("x = 1", tmp_path, {"TURNOUT_SERVER__PORT": "-1"}, {"server": {"workers": -1, "prot": 1}}) == [
        "turnout.toml: x: unknown key",
        "environment: TURNOUT_SERVER__PORT: must be at least 0",
        "command line: server.workers: must be at least 1",
        "command line: server.prot: unknown key; did you mean port?",
    ]


def test_a_key_with_line_breaks_stays_on_one_line(tmp_path: Path) -> None:
    assert _lines('"a\\nturnout.toml: all is well\\u2028\\u001b[0m" = 1', tmp_path) == [
        r'turnout.toml: "a\nturnout.toml: all is well\u2028\u001b[0m": unknown key'
    ]


def test_a_name_that_looks_like_the_mark_of_a_name_is_a_name(tmp_path: Path) -> None:
    text = '"[key]" = 1\n[server]\n"[key]" = 1\n[providers]\n"[key]" = {}\na = { "[key]" = 1 }\nb.headers."[key]" = 1'
    assert _lines(text, tmp_path) == [
        'turnout.toml: server."[key]": unknown key',
        'turnout.toml: providers."[key]": must be a slug of lower-case letters, digits, dots, hyphens, underscores',
        'turnout.toml: providers.a."[key]": unknown key',
        'turnout.toml: providers.b.headers."[key]": is not the name of a header',
        'turnout.toml: providers.b.headers."[key]": must be a string',
        'turnout.toml: "[key]": unknown key',
    ]


def test_a_mistake_keeps_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text("\nx = [")
    with pytest.raises(BadConfiguration) as caught:
        load(path, {}, {})
    (mistake,) = caught.value.mistakes
    assert (mistake.source, mistake.line, mistake.key) == (str(path), 2, "")
