"""Signing in by an OpenID provider that is a real one and can be made to lie."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from gateway import Gateway, Reply
from openid import CLIENT, SECRET, OpenIDProvider
from patience import until

_Claims = dict[str, Any]


class House(NamedTuple):
    """The gateway and its provider."""

    gateway: Gateway
    provider: OpenIDProvider

    def get(self, path: str, cookie: str = "") -> Reply:
        return self.gateway.request("GET", path, headers={"Cookie": cookie}, key=None)

    def start(self, query: str = "") -> tuple[str, dict[str, str]]:
        """The browser's cookie, and what the provider sends back."""
        reply = self.get(f"/session/oidc/start{query}")
        assert reply.status == 303, reply.body
        cookie = reply.headers["set-cookie"]
        assert {"httponly", "path=/session/oidc", "samesite=lax"} <= {one.strip().lower() for one in cookie.split(";")}
        return cookie.partition(";")[0], self.provider.authorize(reply.headers["location"])

    def back(self, cookie: str, answer: dict[str, str]) -> Reply:
        return self.get(f"/session/oidc/callback?{urlencode(answer)}", cookie)

    def enter(self) -> Reply:
        return self.back(*self.start())


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    provider = OpenIDProvider()
    toml = f"""
[catalog]
bundled = false
[auth.oidc]
issuer = "{provider.issuer}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
name = "Example ID"
domains = ["example.org"]
admins = ["Boss@example.org"]
credit = "0.5"
"""
    with Gateway(tmp_path_factory.mktemp("oidc"), toml) as gateway:
        yield House(gateway, provider)
        assert "mistake of ours" not in gateway.log()
        assert SECRET not in gateway.log()
    provider.stop()


@pytest.fixture
def house(standing: House) -> House:
    standing.provider.reset()
    return standing


def _session(house: House, reply: Reply) -> Any:  # noqa: ANN401 - JSON
    assert reply.status == 303, reply.body
    found = house.get("/session", _cookie(reply))
    return found.json()["data"] | {"cookie": _cookie(reply)}


def _cookie(reply: Reply) -> str:
    cookie, *attributes = reply.headers["set-cookie"].split("; ")
    assert {"httponly", "path=/session", "samesite=strict"} <= {one.lower() for one in attributes}
    return cookie


def test_the_first_sign_in_makes_an_account_and_the_next_one_finds_it(house: House) -> None:
    assert house.get("/session/oidc").json() == {"data": {"name": "Example ID"}}
    cookie, answer = house.start("?next=/keys")
    reply = house.back(cookie, answer)
    assert reply.headers["location"] == "/keys"
    first = _session(house, reply)
    assert first["account"]["name"] == "ann@example.org"
    assert (first["account"]["admin"], first["key"]["management"]) == (False, True)
    again = _session(house, house.enter())
    assert again["account"] == first["account"]
    house.provider.reset(sub="u2", email="bob@example.org")
    other = _session(house, house.enter())
    assert other["account"]["id"] not in {first["account"]["id"], "default"}
    own = house.get("/session/api/v1/credits", other["cookie"]).json()["data"]
    assert (own["total_credits"], own["unlimited"]) == (0.5, False)
    assert house.get("/session/api/v1/accounts", other["cookie"]).status == 403


def test_signing_out_ends_such_a_session_too_and_a_disabled_key_lets_nobody_in(house: House) -> None:
    house.provider.reset(sub="u3", email="cleo@example.org")
    signed_in = _session(house, house.enter())
    headers = {"Cookie": signed_in["cookie"], "X-CSRF-Token": signed_in["csrf"]}
    assert house.gateway.request("DELETE", "/session", headers=headers, key=None).status == 200
    until(lambda: house.get("/session", signed_in["cookie"]).json() == {"data": None})
    account, manage = signed_in["account"]["id"], house.gateway.management_key
    query = f"account_id={account}&include_management=true&include_disabled=true"
    keys = house.gateway.request("GET", f"/api/v1/keys?{query}", key=manage).json()["data"]
    [standing] = [one for one in keys if one["management"]]
    path = f"/api/v1/keys/{standing['hash']}?account_id={account}"
    assert house.gateway.request("PATCH", path, {"disabled": True}, key=manage).status == 200
    assert house.enter().status == 403
    assert house.gateway.request("DELETE", path, key=manage).status == 200
    assert _session(house, house.enter())["account"]["id"] == account
    assert house.gateway.request("DELETE", f"/api/v1/accounts/{account}", key=manage).status == 200
    assert _session(house, house.enter())["account"]["id"] != account


def test_admins_are_those_that_the_configuration_names_by_a_verified_address(house: House) -> None:
    house.provider.reset(sub="u4", email="boss@example.org")
    boss = _session(house, house.enter())
    assert boss["account"]["admin"] is True
    assert house.get("/session/api/v1/accounts", boss["cookie"]).status == 200
    house.provider.reset(sub="u5", email="boss@example.org", email_verified=False)
    assert house.enter().status == 403


@pytest.mark.parametrize(
    "email", ["eve@evil.example", "eve@notexample.org", "eve@example.org.evil.example", "eve", None]
)
def test_other_domains_stay_outside(house: House, email: str | None) -> None:
    house.provider.reset(sub="u6", email=email)
    assert house.enter().status == 403


def _with(**changes: object) -> Callable[[_Claims], _Claims]:
    return lambda claims: {name: value for name, value in (claims | changes).items() if value is not None}


_LIES: dict[str, Callable[[_Claims], _Claims]] = {
    "another nonce": _with(nonce="x" * 43),
    "no nonce": _with(nonce=None),
    "expired": _with(exp=1_700_000_000),
    "no expiry": _with(exp=None),
    "from the future": _with(iat=4_000_000_000, nbf=4_000_000_000),
    "another audience": _with(aud="someone-else"),
    "several audiences, another authorised": lambda claims: claims | {"aud": [CLIENT, "other"], "azp": "other"},
    "another issuer": _with(iss="https://evil.example"),
    "nobody": _with(sub=None),
    "a number for a name": _with(sub=5),
}


@pytest.mark.parametrize("lie", sorted(_LIES))
def test_a_token_that_says_something_wrong_is_refused(house: House, lie: str) -> None:
    house.provider.spoil = _LIES[lie]
    reply = house.enter()
    assert reply.status == 403
    assert "turnout_session" not in reply.headers.get("set-cookie", "")


def _unsigned(claims: _Claims) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def test_a_token_that_is_signed_by_nobody_or_somebody_else_is_refused(house: House) -> None:
    provider = house.provider
    public = provider.key.as_pem(private=False)
    signers: list[Callable[[_Claims], str]] = [
        _unsigned,
        lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, provider.stranger),
        lambda claims: jwt.encode({"alg": "HS256", "kid": "k1"}, claims, OctKey.import_key(b"x" * 32)),
        lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET.encode() * 2)),
        lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(base64.b64encode(public))),
        lambda claims: jwt.encode({"alg": "RS256", "kid": "../../k1"}, claims, provider.key),
        lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, provider.key)[:-8] + "AAAAAAAA",
        lambda _: "not.a.token",
        lambda _: "",
    ]
    for signer in signers:
        provider.sign = signer
        reply = house.enter()
        assert reply.status == 403, signer
        assert "turnout_session" not in reply.headers.get("set-cookie", "")


def test_a_state_is_good_once_and_in_the_browser_that_began(house: House) -> None:
    cookie, answer = house.start()
    other, _ = house.start()
    assert house.back(other, answer).status == 403
    assert house.back("", answer).status == 403
    assert house.back(cookie, answer | {"state": "x"}).status == 403
    assert house.back(cookie, {"code": answer["code"]}).status == 403
    assert house.back(cookie, answer).status == 303
    assert house.back(cookie, answer).status == 403
    cookie, answer = house.start()
    assert house.back(cookie, answer | {"iss": "https://evil.example"}).status == 403
    cookie, answer = house.start()
    assert house.back(cookie, {"state": answer["state"], "error": "access_denied"}).status == 403


@pytest.mark.parametrize("away", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/a b"])
def test_nobody_is_sent_elsewhere_afterwards(house: House, away: str) -> None:
    cookie, answer = house.start(f"?{urlencode({'next': away})}")
    assert house.back(cookie, answer).headers["location"] == "/chat"


def test_it_is_off_unless_the_configuration_says_so() -> None:
    from turnout.config.settings import Auth  # noqa: PLC0415 - here alone

    assert Auth().oidc is None
