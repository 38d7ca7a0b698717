from pathlib import Path

from gateway import Gateway


def test_the_document_and_its_page_are_public_and_name_every_family(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        document = gateway.request("GET", "/openapi.json", key=None)
        page = gateway.request("GET", "/docs", key=None)
        known = {"if-none-match": document.headers["etag"]}
        again = gateway.request("GET", "/openapi.json", key=None, headers=known)
    assert (document.status, page.status, again.status) == (200, 200, 304)  # it is made once
    paths = document.json()["paths"]
    assert {
        "/api/v1/chat/completions",
        "/api/v1/completions",
        "/api/v1/models",
        "/api/v1/generation",
        "/api/v1/messages",
    } <= paths.keys()
    assert all(path in page.body.decode() for path in paths)
    vectors = paths["/api/v1/embeddings"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "input" in vectors["allOf"][1]["properties"]
    chat = paths["/api/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "ChatParameters" in str(chat)
    assert "temperature" in document.json()["components"]["schemas"]["ChatParameters"]["properties"]
    asked = paths["/api/v1/chat/completions"]["post"]["parameters"]
    assert {"Idempotency-Key", "X-OpenRouter-Cache"} <= {one["name"] for one in asked if one["in"] == "header"}
    told = paths["/api/v1/chat/completions"]["post"]["responses"]["200"]["headers"]
    assert {"X-Generation-Id", "X-OpenRouter-Cache-Status"} <= told.keys()
