"""The catalog API over the whole bundled catalog: examples as curl sends them, SDK, schemas, caches, feeds."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import brotli
import pytest
import zstandard
from openrouter import OpenRouter

from gateway import MANAGEMENT_KEY, Gateway, Reply, of_each_plane
from openrouter_schema import check, check_operation

_CURL = shutil.which("curl")
_MORE = """
[providers.strict]
base_url = "http://127.0.0.1:9/v1"
zdr = true
regions = ["eu"]

[[models]]
id = "acme/tiny"
name = "Acme: Tiny <b>&"
created = 2026-11-01
context_length = 8192
aliases = ["acme/tiny-latest"]
benchmarks = { intelligence_index = 31.5 }
[[models.endpoints]]
provider = "strict"
pricing = { prompt = "0.000001", completion = "0.000002" }

[[models]]
id = "acme/painter"
output_modalities = ["image", "text"]
[[models.endpoints]]
provider = "strict"
pricing = { prompt = "0", completion = "0", image_output = "0.00004" }
"""


@pytest.fixture(scope="module")
def _gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Gateway]]:
    with of_each_plane(lambda plane: tmp_path_factory.mktemp(f"catalog-{plane}"), _MORE) as gateway:
        yield gateway


@pytest.fixture(params=["protocol", "asgi"])
def gateway(request: pytest.FixtureRequest, _gateways: Callable[[str], Gateway]) -> Gateway:
    """A gateway with the bundled catalog, over the one server or the other."""
    return _gateways(request.param)


@pytest.fixture
def quick(_gateways: Callable[[str], Gateway]) -> Gateway:
    """The first of them only."""
    return _gateways("protocol")


def _get(gateway: Gateway, path: str, key: str | None = None, **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return gateway.request("GET", path, key=key, headers=sent)


def _models(gateway: Gateway, **parameters: object) -> list[Any]:
    """The listing for *parameters*; its count agrees."""
    text = urlencode(parameters)
    reply = _get(gateway, f"/api/v1/models?{text}").json()
    count = _get(gateway, f"/v1/models/count?{text}").json()["data"]["count"]
    assert count == reply["total_count"]
    assert len(reply["data"]) == count or "limit" in parameters or "offset" in parameters
    models: list[Any] = reply["data"]
    return models


def _curl(gateway: Gateway, command: str) -> Any:  # noqa: ANN401 - JSON
    """What an example prints when its host is ours."""
    if _CURL is None:
        pytest.skip("curl is not installed")
    address = command.replace("https://openrouter.ai", gateway.url)
    done = subprocess.run([_CURL, "-sS", "-m", "20", address], capture_output=True, check=True)  # noqa: S603 - found above
    return json.loads(done.stdout)


# -- the examples of the Models API's page --


def _writes(model: Any, *kinds: str) -> bool:  # noqa: ANN401 - JSON
    return bool(set(kinds) & set(model["architecture"]["output_modalities"]))


@pytest.mark.parametrize(
    ("address", "kinds"),
    [
        ("https://openrouter.ai/api/v1/models", ("text",)),
        ("https://openrouter.ai/api/v1/models?output_modalities=image", ("image",)),
        ("https://openrouter.ai/api/v1/models?output_modalities=text,image", ("text", "image")),
    ],
)
def test_models_are_listed_by_what_they_write(gateway: Gateway, address: str, kinds: tuple[str, ...]) -> None:
    everything = _curl(gateway, "https://openrouter.ai/api/v1/models?output_modalities=all")
    found = _curl(gateway, address)
    assert found["data"] == [model for model in everything["data"] if _writes(model, *kinds)]
    assert 0 < found["total_count"] == len(found["data"])
    assert everything["total_count"] > 400


def test_models_that_support_a_parameter_are_listed(gateway: Gateway) -> None:
    found = _curl(gateway, "https://openrouter.ai/api/v1/models?supported_parameters=tools")["data"]
    everything = _curl(gateway, "https://openrouter.ai/api/v1/models")["data"]
    assert found == [model for model in everything if "tools" in model["supported_parameters"]]
    assert 0 < len(found) < len(everything)


def test_the_cheapest_come_first(gateway: Gateway) -> None:
    found = _curl(gateway, "https://openrouter.ai/api/v1/models?sort=pricing-low-to-high")["data"]
    plain = _curl(gateway, "https://openrouter.ai/api/v1/models")["data"]
    assert sorted(model["id"] for model in found) == sorted(model["id"] for model in plain)
    first, dear = found[0]["pricing"], [model for model in found if float(model["pricing"]["prompt"]) > 0]
    assert float(first["prompt"]) == float(first["completion"]) == 0
    costs = [3 * float(model["pricing"]["prompt"]) + float(model["pricing"]["completion"]) for model in dear[:200]]
    assert costs[0] < costs[-1]


def test_the_newest_come_first(gateway: Gateway) -> None:
    found = _curl(gateway, "https://openrouter.ai/api/v1/models?sort=newest")["data"]
    days = [model["created"] for model in found]
    assert days == sorted(days, reverse=True)


def test_orders_and_filters_combine(gateway: Gateway) -> None:
    found = _curl(gateway, "https://openrouter.ai/api/v1/models?sort=throughput-high-to-low&supported_parameters=tools")
    assert found["total_count"] > 0
    assert all("tools" in model["supported_parameters"] for model in found["data"])


@pytest.mark.parametrize(
    ("address", "model_id"),
    [
        ("https://openrouter.ai/api/v1/model/openai/gpt-4o", "openai/gpt-4o"),
        ("https://openrouter.ai/api/v1/model/anthropic/claude-3-5-sonnet", "anthropic/claude-3.5-sonnet"),
        ("https://openrouter.ai/api/v1/model/openai/gpt-4:free", "openai/gpt-4:free"),
    ],
)
def test_one_model_is_looked_up(gateway: Gateway, address: str, model_id: str) -> None:
    found = _curl(gateway, address)
    assert found.keys() == {"data"}
    assert found["data"]["id"] == model_id
    check("ModelResponse", found)


def test_a_looked_up_model_is_what_the_page_shows(gateway: Gateway) -> None:
    found = _curl(gateway, "https://openrouter.ai/api/v1/model/openai/gpt-4o")["data"]
    assert "GPT-4o" in found["name"]
    assert found["pricing"]["prompt"] == "0.0000025"
    assert found["pricing"]["completion"] == "0.00001"
    listed = {model["id"]: model for model in _models(gateway)}
    assert listed["openai/gpt-4o"] == found


def test_models_with_benchmarks_have_them_and_others_have_no_such_key(gateway: Gateway) -> None:
    models = _curl(gateway, "https://openrouter.ai/api/v1/models")["data"]
    scored = {model["id"]: model["benchmarks"] for model in models if model.get("benchmarks")}
    assert scored["acme/tiny"]["artificial_analysis"]["intelligence_index"] == 31.5
    assert all(model["benchmarks"] is not None for model in models if "benchmarks" in model)


# -- every reply, for schemas and SDK --


def test_the_sdk_parses_every_reply_about_every_model(quick: Gateway) -> None:
    with OpenRouter(api_key=quick.key, server_url=f"{quick.url}/api/v1", timeout_ms=20_000) as client:
        listed = client.models.list(output_modalities="all", retries=None)
        assert listed is not None
        models = []
        page: Any = listed
        while page is not None:
            models += page.result.data
            page = page.next()
        count = client.models.count(output_modalities="all", retries=None).data.count
        assert count == len(models) == listed.result.total_count > 400
        assert len(client.providers.list(retries=None).data) > 20
        for model in models:
            author, _, slug = model.id.partition("/")
            assert client.models.get(author=author, slug=slug, retries=None).data.id == model.id
            client.endpoints.list(author=author, slug=slug, retries=None)


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/models?output_modalities=all", "/models"),
        ("/models?output_modalities=all&limit=7&offset=3", "/models"),
        ("/models/count", "/models/count"),
        ("/models/user", "/models/user"),
        ("/embeddings/models", "/embeddings/models"),
        ("/images/models", "/images/models"),
        ("/images/models/acme/painter/endpoints", "/images/models/{author}/{slug}/endpoints"),
        ("/model/acme/tiny", "/model/{author}/{slug}"),
        ("/models/openai/gpt-4o/endpoints", "/models/{author}/{slug}/endpoints"),
        ("/providers", "/providers"),
        ("/endpoints/zdr", "/endpoints/zdr"),
        ("/benchmarks", "/benchmarks"),
    ],
)
def test_replies_fit_the_public_document(gateway: Gateway, path: str, operation: str) -> None:
    for mount in ("/api/v1", "/v1"):
        reply = _get(gateway, mount + path, gateway.key)
        assert reply.status == 200
        check_operation("get", operation, reply.json())


def test_pages_add_up_and_lead_on(gateway: Gateway) -> None:
    whole = _models(gateway, sort="newest")
    found: list[Any] = []
    following = "/v1/models?sort=newest&limit=300"
    while following:
        page = _get(gateway, following).json()
        found += page["data"]
        following = page["links"]["next"]
    assert found == whole


# -- names --


def test_names_may_be_escaped_and_newest_ones_are_told(gateway: Gateway) -> None:
    free = _get(gateway, f"/api/v1/model/openai/{quote('gpt-4:free', safe='')}")
    assert free.json()["data"]["id"] == "openai/gpt-4:free"
    newest = [model for model in _models(gateway, output_modalities="all") if model["id"].startswith("~")]
    for model in newest[:5]:
        found = _get(gateway, f"/api/v1/model/{model['id']}").json()["data"]
        assert found == model
        assert found["alias_target"]["slug"] in {one["id"] for one in _models(gateway, output_modalities="all")}


def test_a_virtual_variant_shows_the_models_own_endpoints(gateway: Gateway) -> None:
    plain = _get(gateway, "/api/v1/models/acme/tiny/endpoints").json()["data"]
    fast = _get(gateway, "/api/v1/models/acme/tiny:nitro/endpoints").json()["data"]
    assert fast["endpoints"] == plain["endpoints"]


# -- bad queries --


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models?sort=cheapest", 400),
        ("/models?limit=-1", 400),
        ("/models?limit=0", 400),
        ("/models?limit=1001", 400),
        ("/models?offset=-5", 400),
        ("/models?q=" + "x" * 10_000, 400),
        ("/models?supported_parameters=" + "tools," * 2_000, 400),
        ("/models?min_price=cheap", 400),
        ("/models?output_modalities=smell", 400),
        ("/models?" + "a=1&" * 300, 400),
        ("/models/count?sort=x", 400),
        ("/benchmarks?source=x", 400),
        ("/models.rss?sort=x", 400),
        ("/model/no/such", 404),
        ("/model/openai/gpt-4o:nonsense", 404),
        ("/model/../models", 404),
        ("/model/openai/..", 404),
        ("/model/openai/%2e%2e%2f%2e%2e", 404),
        ("/model/openai/gpt-4o%00", 404),
        ("/model/%00/%00", 404),
        ("/model/openai/%ff%fe", 404),
        ("/model/openai/" + "x" * 5_000, 404),
        ("/models/no/such/endpoints", 404),
        ("/models/../../etc/endpoints", 404),
        ("/models/openai/gpt-4o%00/endpoints", 404),
        ("/images/models/openai/gpt-4/endpoints", 404),
        ("/models/openai/%3Cscript%3E", 404),
    ],
)
def test_bad_queries_have_the_one_error_shape(gateway: Gateway, path: str, status: int) -> None:
    reply = _get(gateway, f"/api/v1{path}")
    assert reply.status == status
    error = reply.json()["error"]
    assert error["code"] == status
    assert isinstance(error["message"], str)
    assert len(error["message"]) < 600
    assert "<" not in error["message"]


def test_unknown_parameters_are_passed_over(gateway: Gateway) -> None:
    assert _models(gateway, utm_source="x", order="newest") == _models(gateway)


# -- keys --


def test_some_listings_want_a_key(gateway: Gateway) -> None:
    for path in ("/api/v1/models/user", "/api/ai/models", "/api/ai/models?format=flat"):
        assert _get(gateway, path).status == 401
        assert _get(gateway, path, "sk-to-v1-" + "0" * 64).status == 401
        for key in (gateway.key, MANAGEMENT_KEY):
            reply = _get(gateway, path, key)
            assert reply.status == 200
            assert reply.headers["cache-control"].startswith("private")
            assert "authorization" in reply.headers["vary"]
    assert _get(gateway, "/api/ai/models?format=tree", gateway.key).status == 400


def test_the_callers_models_can_be_called(gateway: Gateway) -> None:
    mine = {model["id"] for model in _get(gateway, "/api/v1/models/user", gateway.key).json()["data"]}
    assert "acme/tiny" in mine
    assert "openai/gpt-4o" not in mine


def test_the_grouped_listing_knows_what_is_configured(gateway: Gateway) -> None:
    grouped = _get(gateway, "/api/ai/models", gateway.key).json()
    configured = {entry["provider"]: entry["configured"] for entry in grouped["text"]}
    assert configured["strict"] is True
    assert configured["openai"] is False
    for group in ("text", "image"):
        [strict] = [entry for entry in grouped[group] if entry["provider"] == "strict"]
        assert "acme/painter" in {model["id"] for model in strict["models"]}


# -- caches --


@pytest.mark.parametrize("path", ["/api/v1/models", "/v1/models", "/v1/providers", "/v1/models?sort=newest&q=gpt"])
def test_replies_come_in_each_encoding_with_an_etag(gateway: Gateway, path: str) -> None:
    plain = _get(gateway, path)
    for name, unpack in (
        ("gzip", gzip.decompress),
        ("br", brotli.decompress),
        ("zstd", lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)),
    ):
        reply = _get(gateway, path, Accept_Encoding=name)
        if reply.headers.get("content-encoding") is None:
            assert "?" in path  # not yet compressed
            assert reply.body == plain.body
            continue
        assert reply.headers["content-encoding"] == name
        assert unpack(reply.body) == plain.body
        assert "accept-encoding" in reply.headers["vary"].lower()
        assert reply.headers["cache-control"].startswith("public, max-age=")
        again = _get(gateway, path, Accept_Encoding=name, If_None_Match=reply.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == reply.headers["etag"]
        assert again.headers["vary"] == reply.headers["vary"]
        other = _get(gateway, path, Accept_Encoding="identity", If_None_Match=reply.headers["etag"])
        assert other.status == 200


def test_a_list_that_is_asked_for_again_comes_compressed(quick: Gateway) -> None:
    path = "/v1/models?context=1000&sort=newest"
    reply = _get(quick, path, Accept_Encoding="gzip")
    for _ in range(100):
        if "content-encoding" not in reply.headers:
            reply = _get(quick, path, Accept_Encoding="gzip")
    assert reply.headers["content-encoding"] == "gzip"
    assert gzip.decompress(reply.body) == _get(quick, path).body


def test_endpoints_are_apart_for_those_with_a_key(gateway: Gateway) -> None:
    path = "/api/v1/models/acme/tiny/endpoints"
    anonymous, keyed = _get(gateway, path), _get(gateway, path, gateway.key)
    stranger = _get(gateway, path, "sk-to-v1-" + "0" * 64)
    assert anonymous.headers["cache-control"].startswith("public")
    assert stranger.headers["cache-control"].startswith("public")
    assert keyed.headers["cache-control"].startswith("private")
    for reply in (anonymous, keyed):
        assert "authorization" in reply.headers["vary"].lower()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models",
        "/v1/models?sort=newest",
        "/v1/models/count",
        "/v1/model/acme/tiny",
        "/v1/models/acme/tiny/endpoints",
        "/v1/providers",
        "/models.rss",
        "/health",
        "/v1/model/no/such",
    ],
)
def test_head_is_get_without_a_body(gateway: Gateway, path: str) -> None:
    head, whole = gateway.request("HEAD", path, key=None), _get(gateway, path)
    assert (head.status, head.body) == (whole.status, b"")
    assert head.headers["content-length"] == str(len(whole.body))
    assert head.headers.get("etag") == whole.headers.get("etag")


def test_the_other_methods_are_refused(gateway: Gateway) -> None:
    for path in ("/v1/models", "/v1/providers", "/v1/model/acme/tiny"):
        reply = gateway.request("POST", path, {})
        assert reply.status == 405
        assert reply.json()["error"]["code"] == 405


def test_a_body_with_a_get_and_a_closing_client_do_no_harm(quick: Gateway) -> None:
    reply = quick.request("GET", "/v1/models", b"x" * 5_000, headers={"Connection": "close"})
    assert reply.status == 200
    assert reply.headers["connection"] == "close"


# -- feeds --


@pytest.mark.parametrize("path", ["/models.rss", "/api/v1/models?use_rss=true", "/v1/models.rss"])
def test_a_feed_of_models_is_rss(gateway: Gateway, path: str) -> None:
    reply = _get(gateway, path)
    assert reply.headers["content-type"].startswith("application/rss+xml")
    root = ET.fromstring(reply.body)  # noqa: S314 - our own
    items = root.findall("channel/item")
    assert len(items) > 50
    assert all((item.findtext("link") or "").startswith(f"{gateway.url}/models/") for item in items)
    assert b"<b>" not in reply.body


def test_a_feed_may_be_narrowed_and_lead_to_the_chat(gateway: Gateway) -> None:
    reply = _get(gateway, "/api/v1/models?use_rss=true&use_rss_chat_links=true&model_authors=acme")
    items = ET.fromstring(reply.body).findall("channel/item")  # noqa: S314 - our own
    assert [item.findtext("title") for item in items] == ["Acme: Tiny <b>&"]
    assert items[0].findtext("link") == f"{gateway.url}/chat?model=acme%2Ftiny"


def test_there_is_an_atom_feed_too(gateway: Gateway) -> None:
    reply = _get(gateway, "/models.atom")
    assert reply.headers["content-type"].startswith("application/atom+xml")
    root = ET.fromstring(reply.body)  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2005/Atom}feed"
    assert len(root.findall("{http://www.w3.org/2005/Atom}entry")) > 50
