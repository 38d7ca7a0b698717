"""Secrets and words are planted everywhere, and found nowhere but at home: files, log, errors, metrics, copies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gateway import Gateway, Reply, model_tables, provider_table
from turnout.accounts.apps import s256
from turnout.web.gate import secret_of

_PRICE = '{ prompt = "0.001", completion = "0.002" }'
_SHARED = "sk-upstream-secret"  # what provider_table says
_OWN = "sk-canary-of-an-account-0001"
_PROMPT = "canary-that-somebody-asked"
_KEPT = "canary-that-is-kept-sealed"
_IN_QUERY = "sk-to-v1-" + "c3" * 32
_STRAY = "sk-to-v1-" + "d4" * 32
_VERIFIER = "canary-verifier-which-is-as-long-as-it-must-be-0"
_CLIENT_SECRET = "canary-client-secret"
_HOMES = frozenset({"turnout.toml", "master-keys", "first-key", "first-management-key"})


@contextmanager
def _talkative() -> Iterator[str]:
    """A provider that says in its errors whatever it was sent; its base URL."""

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status = 401 if _OWN in str(self.headers) else 500
            message = f"no: {self.headers['Authorization']} said {sent}"
            body = json.dumps({"error": {"message": message, "code": status}}).encode()
            if '"stream":true' in sent:
                status, body = 200, b"data: " + body + b"\n\n"
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream" if status == 200 else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.send_error(500, str(self.headers["Authorization"]))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def test_planted_secrets_and_words_are_found_nowhere_but_at_home(tmp_path: Path) -> None:
    with _talkative() as address:
        toml = f"""
[catalog]
bundled = false
[logging]
level = "debug"
[auth.oidc]
issuer = "{address}"
client_id = "x"
client_secret = "{_CLIENT_SECRET}"
"""
        toml += provider_table("acme", address) + model_tables("acme/bad", [("acme", "bad", _PRICE)])
        with Gateway(tmp_path, toml + model_tables("acme/good", [("fake", "echo", _PRICE)])) as gateway:
            answers, canaries = _use(gateway)
            time.sleep(0.5)
            backup = gateway.request("POST", "/api/v1/admin/backups", {}, key=gateway.management_key)
            assert backup.status < 300, backup.body
            _search(gateway, answers, canaries)
            gateway.stop()
            _search(gateway, answers, canaries)


def _use(gateway: Gateway) -> tuple[list[Reply], list[str]]:
    """Do whatever handles secrets; the answers that have no secret of their own, and what must be found nowhere."""
    master = gateway.management_key

    def manage(method: str, path: str, body: object = None) -> Reply:
        return gateway.request(method, f"/api/v1{path}", body, key=master)

    answers = [manage("POST", "/byok", {"provider": "acme", "key": _OWN, "name": "own"})]
    made = manage("POST", "/keys", {"name": "keeper", "store_content": True}).json()
    session = gateway.request("POST", "/session", {"key": master}, key=None)
    cookie = session.headers["set-cookie"].partition(";")[0]
    asked = {"callback_url": "https://a.example/", "code_challenge": s256(_VERIFIER)}
    code = manage("POST", "/auth/keys/code", asked).json()["data"]["id"]
    app = gateway.request("POST", "/v1/auth/keys", {"code": code, "code_verifier": _VERIFIER}, key=None).json()["key"]
    kept = gateway.request("POST", "/v1/chat/completions", _said("acme/good", _KEPT), key=made["key"])
    for stream in (False, True):
        for model in ("acme/bad", "acme/good", "acme/none"):
            body = _said(model, _PROMPT) | {"stream": stream}
            reply = gateway.request("POST", f"/api/v1/chat/completions?api_key={_IN_QUERY}", body, key=app)
            if model != "acme/good":  # a provider's words about a prompt are for whoever sent it
                answers.append(reply._replace(body=reply.body.replace(_PROMPT.encode(), b"")))
            if "x-generation-id" in reply.headers:
                answers.append(manage("GET", f"/generation?id={reply.headers['x-generation-id']}"))
    answers += [
        gateway.request("GET", f"/api/v1/keys?key={_IN_QUERY}", key=_STRAY),
        gateway.request("POST", "/api/v1/chat/completions", {"model": "x", "messages": 5}, key=_STRAY),
        gateway.request("GET", f"/api/v1/{_IN_QUERY}", key=_STRAY),
        gateway.request("GET", "/session/oidc/start", key=None),
        gateway.request("POST", "/session", {"key": _STRAY}, key=None),
        gateway.request("GET", "/session/api/v1/key", headers={"Cookie": cookie}, key=None),
        gateway.request("GET", "/metrics", key=master),
        gateway.request("GET", "/openapi.json", key=None),
        gateway.request("POST", "/api/v1/byok/none/test", {}, key=master),
        *(manage("GET", path) for path in ("/byok", "/keys", "/admin/settings", "/admin/doctor", "/generations")),
    ]
    sealed = manage("GET", f"/generation/content?id={kept.headers['x-generation-id']}")
    assert sealed.json()["data"]["output"]["completion"] == _KEPT
    secrets = [made["key"], app, code, secret_of(cookie), gateway.key, master]
    words = [_SHARED, _OWN, _PROMPT, _KEPT, _IN_QUERY, _STRAY, _VERIFIER, _CLIENT_SECRET]
    return answers, [*secrets, *words, *(gateway.data_dir / "master-keys").read_text().split()]


def _said(model: str, text: str) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def _search(gateway: Gateway, answers: list[Reply], canaries: list[str]) -> None:
    places = {f"answer {at}": answer.body + str(answer.headers).encode() for at, answer in enumerate(answers)}
    files = [path for path in gateway.data_dir.parent.rglob("*") if path.is_file() and path.name not in _HOMES]
    assert {"turnout.sqlite", "gateway.log"} <= {path.name for path in files}
    assert any("backup" in str(path) for path in files)
    places |= {str(path): path.read_bytes() for path in files}
    found = [(name, canary) for name, text in places.items() for canary in canaries if canary.encode() in text]
    assert found == []
