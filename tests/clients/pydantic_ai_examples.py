"""pydantic-ai's models of OpenRouter, OpenAI and Anthropic: chats, streams, tools, structured answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anthropic
import openai
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, TextPart, ToolCallPart
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.openrouter import OpenRouterModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openrouter import OpenRouterProvider

from clients.framework import KEY, PROMPT, URL, Examples, Heard, add_recorded, run, weather

_Make = Callable[[str], Any]
_ABLE: Any = {"supports_json_schema_output": True}
"""What it believes only of models that it knows."""


class Place(BaseModel):
    """A place where people live."""

    city: str
    people: int


def _makers() -> dict[str, _Make]:
    client = openai.AsyncOpenAI(base_url=f"{URL}/api/v1", api_key=KEY, max_retries=0)
    messages = anthropic.AsyncAnthropic(base_url=f"{URL}/api", api_key=KEY, max_retries=0)
    of_openai = OpenAIProvider(openai_client=client)
    of_openrouter = OpenRouterProvider(openai_client=client)
    of_anthropic = AnthropicProvider(anthropic_client=messages)
    return {
        "pydantic-ai, OpenRouter": lambda model: OpenRouterModel(model, provider=of_openrouter, profile=_ABLE),
        "pydantic-ai, chat": lambda model: OpenAIChatModel(model, provider=of_openai),
        "pydantic-ai, responses": lambda model: OpenAIResponsesModel(model, provider=of_openai),
        "pydantic-ai, Anthropic": lambda model: AnthropicModel(model, provider=of_anthropic, profile=_ABLE),
    }


async def _chat(make: _Make) -> None:
    found = await Agent(make("fake/echo"), instructions="Be brief.").run(PROMPT)
    assert found.output == PROMPT, found
    assert found.usage.total_tokens > 0


async def _stream(make: _Make) -> None:
    async with Agent(make("fake/reason")).run_stream(PROMPT) as found:
        text = "".join([piece async for piece in found.stream_text(delta=True)])
    assert text == PROMPT, text


async def _tools(make: _Make) -> None:
    assert (await Agent(make("fake/tools"), tools=[weather]).run(PROMPT)).output == "The tool answered: sunny in str"


async def _streamed_tools(make: _Make) -> None:
    async with Agent(make("fake/tools"), tools=[weather]).run_stream(PROMPT) as found:
        assert await found.get_output() == "The tool answered: sunny in str"


async def _structured(make: _Make) -> None:
    for output, model in ((ToolOutput(Place), "fake/tools"), (NativeOutput(Place), "fake/json")):
        found = await Agent(make(model), output_type=output).run(PROMPT)
        assert isinstance(found.output, Place), found


async def _answer(model: Any, *, streamed: bool) -> Any:  # noqa: ANN401 - of the framework
    asked = [ModelRequest.user_text_prompt(PROMPT)]
    if not streamed:
        return await model_request(model, asked)
    async with model_request_stream(model, asked) as events:
        async for _ in events:
            pass
        return events.get()


def _examples() -> Examples:
    examples: Examples = {}

    def add(name: str, make: _Make) -> None:
        def add_one(example: Callable[[_Make], Any]) -> None:
            examples[f"{name}: {example.__name__}"] = lambda: example(make)

        for example in (_chat, _stream, _tools, _streamed_tools, _structured):
            add_one(example)

        async def hear(model: str, streamed: bool) -> Heard:  # noqa: FBT001 - of one kind
            parts = (await _answer(make(model), streamed=streamed)).parts
            calls = [(part.tool_name, part.args_as_dict()) for part in parts if isinstance(part, ToolCallPart)]
            return Heard("".join(part.content for part in parts if isinstance(part, TextPart)), calls)

        add_recorded(examples, name, hear)

    for name, make in _makers().items():
        add(name, make)
    return examples


if __name__ == "__main__":
    asyncio.run(run(_examples()))
