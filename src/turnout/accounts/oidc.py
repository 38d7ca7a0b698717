"""People who sign in by an OpenID provider: the way there and back, and whether what comes back can be believed.

The authorisation code flow of OpenID Connect Core 1.0 with PKCE. Nonce and verifier follow from one secret, which the
browser that began keeps; so nothing secret waits here.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple, final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from turnout.accounts.apps import METHOD, s256
from turnout.accounts.issue import issue_key
from turnout.base.clock import Clock
from turnout.base.errors import Forbidden, Unavailable, UpstreamError
from turnout.base.money import parse_price
from turnout.config.settings import OpenIDProvider
from turnout.contracts.store import Store
from turnout.domain.account import Account, Key
from turnout.domain.session import Identity

__all__ = ["OpenID", "Person", "welcome"]

_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
_FRESH_SECONDS: Final = 600.0
_LEEWAY_SECONDS: Final = 60
_KEY_NAME: Final = "sign-in"
_OK: Final = 200
_FORM: Final = "application/x-www-form-urlencoded"

_Get = Callable[[str, Mapping[str, str]], Awaitable[tuple[int, bytes]]]
_Post = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, bytes]]]


class Person(NamedTuple):
    """Who a provider says somebody is; ``email`` only if it was verified."""

    issuer: str
    subject: str
    email: str | None
    name: str


class _Discovered(Struct):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(Struct):
    id_token: str
    access_token: str | None = None


_read_discovered = msgspec.json.Decoder(_Discovered).decode
_read_tokens = msgspec.json.Decoder(_Tokens).decode


@final
class OpenID:
    """One provider. ``get`` and ``post`` reach addresses that it names, which the operator trusts."""

    def __init__(self, provider: OpenIDProvider, get: _Get, post: _Post, clock: Clock) -> None:
        self.provider = provider
        self._get = get
        self._post = post
        self._clock = clock
        self._found: tuple[float, _Discovered] | None = None

    async def way_there(self, redirect: str, state: str, secret: str) -> str:
        """The address at the provider that a browser is sent to. Raises Unavailable."""
        found, provider = await self._discovered(), self.provider
        asked = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(dict.fromkeys(("openid", *provider.scopes))),
            "state": state,
            "nonce": _derived("nonce", secret),
            "code_challenge": s256(_derived("verifier", secret)),
            "code_challenge_method": METHOD,
        }
        address = found.authorization_endpoint
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    async def person(self, code: str, redirect: str, secret: str, issuer: str | None = None) -> Person:
        """Who brought *code* back. *issuer* is what came with it (RFC 9207).

        Raises:
            Forbidden: the answer cannot be believed, or the person may not sign in.
            Unavailable: the provider cannot be asked.
        """
        found = await self._discovered()
        if issuer is not None and issuer != found.issuer:
            raise Forbidden("This answer comes from another provider")
        tokens = await self._tokens(found, code, redirect, _derived("verifier", secret))
        keys = await self._json(found.jwks_uri)
        claims = await asyncio.to_thread(self._believed, tokens, keys, found.issuer, _derived("nonce", secret))
        return self._let_in(claims, found.issuer)

    async def _discovered(self) -> _Discovered:
        now = self._clock.monotonic()
        if self._found is not None and self._found[0] > now:
            return self._found[1]
        stated = self.provider.issuer
        body = await self._json(stated + _WELL_KNOWN)
        try:
            found = _read_discovered(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Unavailable("The OpenID provider's configuration makes no sense") from None
        if found.issuer.rstrip("/") != stated:
            raise Unavailable("The OpenID provider calls itself by another name than auth.oidc.issuer")
        places = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri)
        if not all(place.startswith(("https://", "http://")[: 1 + stated.startswith("http://")]) for place in places):
            raise Unavailable("The OpenID provider names an address that is not https")
        self._found = now + _FRESH_SECONDS, found
        return found

    async def _tokens(self, found: _Discovered, code: str, redirect: str, verifier: str) -> _Tokens:
        provider = self.provider
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        headers = {"Content-Type": _FORM, "Accept": "application/json"}
        methods = found.token_endpoint_auth_methods_supported
        if provider.client_secret is None:
            form["client_id"] = provider.client_id
        elif "client_secret_basic" not in methods and "client_secret_post" in methods:
            form |= {"client_id": provider.client_id, "client_secret": provider.client_secret.reveal()}
        else:
            pair = ":".join(quote(one, safe="") for one in (provider.client_id, provider.client_secret.reveal()))
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        try:
            status, body = await self._post(found.token_endpoint, headers, urlencode(form).encode())
        except UpstreamError:
            raise Unavailable("The OpenID provider cannot be reached") from None
        if status != _OK:
            raise Forbidden("The OpenID provider does not take back what it gave; sign in again")
        try:
            return _read_tokens(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Forbidden("The OpenID provider's answer has no ID token") from None

    async def _json(self, address: str) -> bytes:
        try:
            status, body = await self._get(address, {"Accept": "application/json"})
        except UpstreamError:
            raise Unavailable("The OpenID provider cannot be reached") from None
        if status != _OK:
            raise Unavailable(f"The OpenID provider answers with status {status}")
        return body

    def _believed(self, tokens: _Tokens, keys: bytes, issuer: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that is signed, meant for us, and new. Source: OpenID Connect Core 1.0, 3.1.3.7."""
        # Only who signs in this way pays for these imports.
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 - see above
        from joserfc import jwt  # noqa: PLC0415 - see above
        from joserfc.errors import JoseError  # noqa: PLC0415 - see above
        from joserfc.jwk import KeySet  # noqa: PLC0415 - see above

        client = self.provider.client_id
        essential = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client},
            "nonce": {"essential": True, "value": nonce},
        }
        try:
            known = [one for one in msgspec.json.decode(keys)["keys"] if one.get("use", "sig") == "sig"]
            token = jwt.decode(tokens.id_token, KeySet.import_key_set({"keys": known}), algorithms=_ALGORITHMS)
            params = {"nonce": nonce, "client_id": client, "access_token": tokens.access_token}
            claims: Any = CodeIDToken(token.claims, token.header, essential, params)
            claims.validate(now=int(self._clock.wall()), leeway=_LEEWAY_SECONDS)
        except (JoseError, msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Forbidden(f"The ID token cannot be believed ({type(error).__name__})") from None
        return dict(claims)

    def _let_in(self, claims: Mapping[str, Any], issuer: str) -> Person:
        subject, email = claims.get("sub"), claims.get("email")
        if not isinstance(subject, str) or not subject or len(subject) > 255:
            raise Forbidden("The ID token names nobody")
        if not isinstance(email, str) or claims.get("email_verified") is not True or not email.isprintable():
            email = None
        allowed = {domain.lower() for domain in self.provider.domains}
        if allowed and (email is None or email.rpartition("@")[2].lower() not in allowed):
            raise Forbidden("Only verified e-mail addresses of certain domains may sign in here, and yours is none")
        name = claims.get("name")
        shown = email or (name if isinstance(name, str) and name.strip() and name.isprintable() else subject)
        return Person(issuer, subject, email, shown[:256])


async def welcome(store: Store, clock: Clock, provider: OpenIDProvider, person: Person) -> Key:
    """The management key that the person's session stands on; account and key are made where there are none.

    Raises:
        Forbidden: the key is disabled.
        Unavailable: the store cannot be asked.
    """
    known = await store.identity(person.issuer, person.subject)
    key = None if known is None else await store.key(known.key_hash)
    if key is not None and key.disabled:
        raise Forbidden("Whoever runs this gateway has closed this account to you")
    now = clock.wall()
    if known is None:
        account = Account(
            id=f"acc-{secrets.token_hex(10)}", name=person.name, created=now, credit=parse_price(provider.credit)
        )
        await store.put_account(account)
        account_id = account.id
    else:
        account_id = known.account_id
    if key is None:
        _, key = await issue_key(store, _KEY_NAME, clock, account_id=account_id, management=True)
        await store.put_identity(
            Identity(
                issuer=person.issuer, subject=person.subject, account_id=account_id, key_hash=key.hash,
                email=person.email, created=now,
            )
        )  # fmt: skip
    if person.email is not None and person.email.lower() in {one.lower() for one in provider.admins}:
        await store.change_account(account_id, lambda one: replace(one, admin=True))
    return key


def _derived(purpose: str, secret: str) -> str:
    return urlsafe_b64encode(sha256(f"{purpose}\0{secret}".encode()).digest()).rstrip(b"=").decode()
