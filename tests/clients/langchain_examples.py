"""LangChain's models of OpenAI, OpenRouter and Anthropic: chats, streams, agents with tools, structured answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_openrouter import ChatOpenRouter
from pydantic import BaseModel

from clients.framework import KEY, PROMPT, URL, Examples, Heard, add_recorded, run, weather

_Make = Callable[[str], Any]
_BASE: dict[str, Any] = {"base_url": f"{URL}/api/v1", "api_key": KEY, "max_retries": 0}
_ANTHROPIC: dict[str, Any] = _BASE | {"base_url": f"{URL}/api", "max_tokens": 500}
_MAKERS: dict[str, _Make] = {
    "langchain-openai": lambda model: ChatOpenAI(model=model, **_BASE),
    "langchain-openai (responses)": lambda model: ChatOpenAI(model=model, use_responses_api=True, **_BASE),
    "langchain-openrouter": lambda model: ChatOpenRouter(model=model, **_BASE),
    "langchain-anthropic": lambda model: ChatAnthropic(model=model, **_ANTHROPIC),
}
_ASKED: Any = {"messages": [{"role": "user", "content": PROMPT}]}


class Place(BaseModel):
    """A place where people live."""

    city: str
    people: int


async def _streamed(model: Any) -> Any:  # noqa: ANN401 - of the framework
    whole: Any = None
    async for chunk in model.astream(PROMPT):
        whole = chunk if whole is None else whole + chunk
    return whole


async def _chat(make: _Make) -> None:
    answer = await make("fake/echo").ainvoke(PROMPT)
    assert answer.text == PROMPT, answer
    assert answer.usage_metadata["total_tokens"] > 0


async def _stream(make: _Make) -> None:
    whole = await _streamed(make("fake/lorem-20"))
    assert len(whole.text.split()) == 20, whole
    assert whole.usage_metadata["output_tokens"] == 20, whole.usage_metadata


async def _tools(make: _Make) -> None:
    found = await create_agent(make("fake/tools"), [weather]).ainvoke(_ASKED)
    assert found["messages"][-1].text == "The tool answered: sunny in str", found


async def _streamed_tools(make: _Make) -> None:
    tokens = create_agent(make("fake/tools"), [weather]).astream(_ASKED, stream_mode="messages")
    text = "".join([token.text async for token, _ in tokens if token.type.lower().startswith("ai")])
    assert text == "The tool answered: sunny in str", text


async def _structured(make: _Make) -> None:
    for method, model in (("json_schema", "fake/json"), ("function_calling", "fake/tools")):
        assert isinstance(await make(model).with_structured_output(Place, method=method).ainvoke(PROMPT), Place), method
    found = await create_agent(make("fake/tools"), [], response_format=Place).ainvoke(_ASKED)
    assert isinstance(found["structured_response"], Place), found


def _examples() -> Examples:
    examples: Examples = {}

    def add(name: str, make: _Make) -> None:
        def add_one(example: Callable[[_Make], Any]) -> None:
            examples[f"{name}: {example.__name__}"] = lambda: example(make)

        for example in (_chat, _stream, _tools, _streamed_tools, _structured):
            add_one(example)

        async def hear(model: str, streamed: bool) -> Heard:  # noqa: FBT001 - of one kind
            answer = await _streamed(make(model)) if streamed else await make(model).ainvoke(PROMPT)
            return Heard(answer.text, [(call["name"], call["args"]) for call in answer.tool_calls])

        add_recorded(examples, name, hear)

    for name, make in _MAKERS.items():
        add(name, make)

    async def embeddings() -> None:
        # Else it counts tokens with a table that it fetches.
        made = OpenAIEmbeddings(model="fake/embed-8", check_embedding_ctx_length=False, **_BASE)
        assert [len(one) for one in await made.aembed_documents(["one", "two"])] == [8, 8]

    examples["langchain-openai: embeddings"] = embeddings
    return examples


if __name__ == "__main__":
    asyncio.run(run(_examples()))
