"""Access tokens of Google's cloud: what is signed, how long it lasts, who asks, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from turnout.base.errors import UpstreamError
from turnout.contracts.provider import Fetched, Outside
from turnout.providers.dialects.vertex.tokens import GoogleTokenKeeper, read_key

_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = _RSA) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def _key(**fields: str) -> str:
    stated = {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "k1",
        "private_key": _pem(),
        "client_email": "turnout@acme.iam.gserviceaccount.com",
        "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    }
    return json.dumps(stated | fields)


class _Office:
    """Gives tokens, one after another; ``answers`` come first."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: list[tuple[int, Any]] = []
        self.slow = asyncio.Event()
        self.slow.set()

    @property
    def outside(self) -> Outside:
        return Outside(lambda: self.now, self._fetch, self._post)

    async def _fetch(self, url: str) -> Fetched:
        raise AssertionError(url)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        assert headers == {"Content-Type": "application/x-www-form-urlencoded"}
        self.asked.append((url, {name: value for name, [value] in parse_qs(body.decode()).items()}))
        await self.slow.wait()
        if self.answers:
            status, answer = self.answers.pop(0)
            return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        granted = {"access_token": f"ya29.{len(self.asked)}", "expires_in": 3599, "token_type": "Bearer"}
        return 200, json.dumps(granted).encode()


def _part(text: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


async def test_the_claim_is_signed_and_says_who_asks_for_what() -> None:
    office = _Office()
    keeper = GoogleTokenKeeper(_key(), office.outside)
    await keeper.fresh()
    [(url, form)] = office.asked
    assert url == "https://oauth2.googleapis.com/token"
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, signature = form["assertion"].split(".")
    assert _part(head) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert _part(claims) == {
        "iss": "turnout@acme.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1_000_000,
        "exp": 1_003_600,
    }
    signed = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    _RSA.public_key().verify(signed, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert keeper.token == "ya29.1"
    assert keeper.project == "acme"


async def test_a_token_is_used_until_five_minutes_before_its_end() -> None:
    office = _Office()
    keeper = GoogleTokenKeeper(_key(), office.outside)
    await keeper.fresh()
    office.now += 3599 - 301
    await keeper.fresh()
    assert len(office.asked) == 1
    office.now += 2
    await keeper.fresh()
    assert keeper.token == "ya29.2"


async def test_askers_at_one_time_share_one_request_and_one_that_leaves_takes_nothing_along() -> None:
    office = _Office()
    office.slow.clear()
    keeper = GoogleTokenKeeper(_key(), office.outside)
    askers = [asyncio.create_task(keeper.fresh()) for _ in range(5)]
    while not office.asked:  # noqa: ASYNC110 - a list knows no event
        await asyncio.sleep(0.001)
    askers[0].cancel()
    await asyncio.sleep(0)
    office.slow.set()
    await asyncio.gather(*askers[1:])
    assert len(office.asked) == 1
    assert askers[0].cancelled()


async def test_a_user_who_has_logged_in_gets_a_token_too() -> None:
    office = _Office()
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    await GoogleTokenKeeper(json.dumps(user), office.outside).fresh()
    [(_, form)] = office.asked
    assert form == {"grant_type": "refresh_token", "client_id": "c", "client_secret": "s", "refresh_token": "r"}


async def test_the_file_is_read_again_for_each_token(tmp_path: Path) -> None:
    office = _Office()
    path = tmp_path / "key.json"
    path.write_text(_key())
    keeper = GoogleTokenKeeper(path, office.outside)
    await keeper.fresh()
    path.write_text(_key(project_id="other"))
    office.now += 4000
    await keeper.fresh()
    assert keeper.project == "other"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}), "Invalid JWT Signature."),
        ((401, {"error": "unauthorized_client"}), "unauthorized_client"),
        ((500, b"<html>"), "status 500"),
        ((200, b"<html>"), "makes no sense"),
        ((200, {"token_type": "Bearer"}), "holds no token"),
        ((200, {"access_token": "a\r\nX: y"}), "holds no token"),
    ],
)
async def test_a_refusal_is_an_upstream_error_and_the_next_asker_waits(answer: tuple[int, Any], words: str) -> None:
    office = _Office()
    office.answers = [answer]
    keeper = GoogleTokenKeeper(_key(), office.outside)
    for _ in range(2):
        with pytest.raises(UpstreamError, match=words):
            await keeper.fresh()
    assert len(office.asked) == 1
    office.now += 6
    await keeper.fresh()
    assert keeper.token


async def test_an_old_token_does_while_a_new_one_is_not_to_be_had() -> None:
    office = _Office()
    keeper = GoogleTokenKeeper(_key(), office.outside)
    await keeper.fresh()
    office.answers = [(503, b"")] * 2
    office.now += 3400
    await keeper.fresh()
    assert keeper.token == "ya29.1"
    office.now += 195
    with pytest.raises(UpstreamError):
        await keeper.fresh()


@pytest.mark.parametrize(
    "text",
    [
        "{}", "[]", "text", '{"type":"external_account","audience":"x"}', '{"type":"service_account"}',
        '{"type":"authorized_user","client_id":"c"}', '{"type":7}',
    ],
)  # fmt: skip
def test_what_is_no_key_is_told_without_its_content(text: str) -> None:
    with pytest.raises(ValueError, match="credentials"):
        read_key(text.encode())


@pytest.mark.parametrize("pem", ["none", _pem(ec.generate_private_key(ec.SECP256R1()))], ids=["text", "elliptic"])
async def test_a_private_key_that_is_none_is_told_without_its_content(pem: str) -> None:
    with pytest.raises(UpstreamError, match="private key") as caught:
        await GoogleTokenKeeper(_key(private_key=pem), _Office().outside).fresh()
    assert pem not in str(caught.value)


async def test_a_missing_file_is_told_without_its_name(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="cannot be read") as caught:
        await GoogleTokenKeeper(tmp_path / "none.json", _Office().outside).fresh()
    assert "none.json" not in str(caught.value)


def test_a_key_does_not_print_itself() -> None:
    assert "PRIVATE" not in repr(read_key(_key().encode()))
