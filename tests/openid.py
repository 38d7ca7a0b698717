"""An OpenID provider on loopback: a real one, which signs with RS256 and can be made to lie."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from listening import say_json

__all__ = ["CLIENT", "SECRET", "OpenIDProvider"]

CLIENT, SECRET = "turnout-test", "s3cret: with/odd letters"
_Claims = dict[str, Any]


class OpenIDProvider:
    """Discovery, authorization, tokens and keys. ``spoil`` may change the claims, ``sign`` how they are signed."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.stranger = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.codes: dict[str, dict[str, str]] = {}
        self.problems: list[str] = []
        self.reset()
        outer = self

        class Desk(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if path == "/.well-known/openid-configuration":
                    say_json(self, 200, outer.discovery())
                elif path == "/authorization":  # whoever comes is let in
                    asked = parse_qs(urlsplit(self.path).query)["redirect_uri"][0]
                    self.send_response(303)
                    self.send_header("Location", f"{asked}?{urlencode(outer.authorize(self.path))}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif path == "/jwks":
                    say_json(self, 200, {"keys": [outer.key.as_dict(private=False)]})
                else:
                    say_json(self, 404, {})

            def do_POST(self) -> None:
                form = {
                    k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()
                }
                say_json(self, *outer.exchange(form, self.headers["Authorization"] or ""))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def reset(self, **who: object) -> None:
        """Tell the truth again, about *who*."""
        self.who: _Claims = {"sub": "u1", "email": "ann@example.org", "email_verified": True} | who
        self.spoil: Callable[[_Claims], _Claims] = lambda claims: claims
        self.sign: Callable[[_Claims], str] = self._signed

    def discovery(self) -> _Claims:
        places = {f"{one}_endpoint": f"{self.issuer}/{one}" for one in ("authorization", "token")}
        return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **places}

    def authorize(self, address: str) -> dict[str, str]:
        """What the provider's page sends a browser back with that was sent to *address*."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert (asked["client_id"], asked["code_challenge_method"]) == (CLIENT, "S256")
        assert set(asked["scope"].split()) == {"openid", "email", "profile"}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, object]:
        asked = self.codes.pop(form["code"], None)
        verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if asked is None or pair != f"{CLIENT}:s3cret%3A%20with%2Fodd%20letters":
            return 400, {"error": "invalid_grant"}
        if base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.who}
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self.sign(self.spoil(claims))}

    def _signed(self, claims: _Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
