"""A new user's first minute."""

from pathlib import Path

from gateway import Gateway


def test_a_fresh_gateway_answers_with_the_fake_provider(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        reply = gateway.chat("fake/echo", "Hello, Turnout!")
        assert reply.status == 200
        answer = reply.json()
        assert answer["choices"][0]["message"]["content"] == "Hello, Turnout!"
        assert answer["id"] == reply.headers["x-generation-id"]
        assert gateway.generation(reply)["id"] == answer["id"]


def test_a_stream_ends_with_usage_and_done(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        events = gateway.chat("fake/lorem-3", stream=True).events()
        assert events[-1] == "[DONE]"
        assert events[-2]["usage"]["completion_tokens"] == 3
        text = "".join(event["choices"][0]["delta"].get("content") or "" for event in events[:-2])
        assert text == "lorem ipsum dolor"


def test_a_management_key_calls_no_models(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        body = {"model": "fake/echo", "messages": [{"role": "user", "content": "Hello"}]}
        reply = gateway.request("POST", "/v1/chat/completions", body, key=gateway.management_key)
        assert (reply.status, reply.json()["error"]["metadata"]["error_type"]) == (403, "permission_denied")
