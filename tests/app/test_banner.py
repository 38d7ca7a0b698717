import json
import shlex

import pytest

from turnout.app.banner import banner
from turnout.base.secrets import Secret
from turnout.domain.provider import Provider

_FAKE = Provider(slug="fake", name="Fake", dialect="fake", usable=True)
_GROQ = Provider(slug="groq", name="Groq", usable=True)
_KEY = Secret("sk-to-v1-" + "a" * 64)


def _request(text: str) -> tuple[str, str]:
    """Authorization and model of the request that the banner shows, read as a shell does."""
    words = shlex.split(text[text.index("curl") :].replace("\\\n", " "))
    assert words[0] == "curl"
    return words[words.index("-H") + 1], json.loads(words[words.index("-d") + 1])["model"]


@pytest.mark.parametrize("providers", [[_FAKE], [_FAKE, _GROQ]])
def test_the_request_works_as_pasted_whoever_serves(providers: list[Provider]) -> None:
    shown = banner("http://127.0.0.1:8000", _KEY, None, {one.slug: one for one in providers})
    assert _request(shown) == (f"Authorization: Bearer {_KEY.reveal()}", "fake/echo")


def test_a_key_of_the_configuration_is_taken_from_the_shell_and_never_shown() -> None:
    shown = banner("http://127.0.0.1:8000", None, None, {"fake": _FAKE})
    assert '"Authorization: Bearer $TURNOUT_API_KEY"' in shown  # in double quotes a shell fills it in


def test_providers_are_named_and_those_without_a_credential_are_not() -> None:
    idle = Provider(slug="openai", name="OpenAI")
    shown = banner("http://127.0.0.1:8000", _KEY, None, {"fake": _FAKE, "groq": _GROQ, "openai": idle})
    assert "Providers:  Groq\n" in shown
    assert "built-in fake" in banner("http://127.0.0.1:8000", _KEY, None, {"fake": _FAKE, "openai": idle})


def test_where_nobody_serves_yet_the_first_steps_are_named() -> None:
    idle = Provider(slug="openai", name="OpenAI")
    address = "http://127.0.0.1:8000"
    assert f"{address}/setup" in banner(address, _KEY, None, {"fake": _FAKE, "openai": idle})
    assert "/setup" not in banner(address, _KEY, None, {"fake": _FAKE, "groq": _GROQ})


def test_a_new_management_key_is_told_once() -> None:
    management = Secret("sk-to-v1-" + "b" * 64)
    assert management.reveal() in banner("http://127.0.0.1:8000", _KEY, management, {"fake": _FAKE})
