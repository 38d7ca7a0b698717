// Vercel's AI SDK with its providers for OpenRouter, OpenAI, Anthropic and whoever is compatible.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { embed, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { assert, key, prompt, run, url } from "./examples.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const base = { baseURL: `${url}/api/v1`, apiKey: key };
const openrouter = createOpenRouter(base);
const providers = {
  openrouter: (model) => openrouter(model, { usage: { include: true } }),
  "openai-compatible": createOpenAICompatible({ name: "turnout", includeUsage: true, supportsStructuredOutputs: true, ...base }),
  "openai (responses)": createOpenAI(base),
  anthropic: createAnthropic(base),
};
const once = { prompt, maxRetries: 0 };
const tools = {
  weather: tool({ description: "Tells the weather", inputSchema: z.object({ city: z.string() }), execute: async () => "sunny" }),
};
const schema = z.object({ city: z.string(), people: z.number().int() });

const examples = {
  "cost and usage": async () => {
    const { providerMetadata } = await generateText({ model: providers.openrouter("acme/paid"), ...once });
    assert.ok(providerMetadata.openrouter.usage.cost > 0);
  },
  embeddings: async () => {
    for (const model of [openrouter.textEmbeddingModel("fake/embed-8"), createOpenAI(base).embedding("fake/embed-8")]) {
      assert.equal((await embed({ model, value: "one", maxRetries: 0 })).embedding.length, 8);
    }
  },
};
for (const [name, model] of Object.entries(providers)) {
  examples[`${name}: text`] = async () => {
    const { text, usage, finishReason } = await generateText({ model: model("fake/echo"), ...once });
    assert.equal(text, prompt);
    assert.equal(finishReason, "stop");
    assert.ok(usage.totalTokens > 0);
  };
  examples[`${name}: stream with thoughts`] = async () => {
    const result = streamText({ model: model("fake/reason"), ...once, onError: () => {} });
    let text = "";
    for await (const delta of result.textStream) text += delta;
    assert.equal(text, prompt);
    // The provider for OpenAI's Responses shows summaries of thoughts, and these are the thoughts themselves.
    assert.equal(Boolean(await result.reasoningText), !name.includes("responses"));
    assert.ok((await result.usage).outputTokens > 0);
  };
  for (const [how, call] of [["", generateText], [", streamed", streamText]]) {
    examples[`${name}: tools${how}`] = async () => {
      const result = await call({ model: model("fake/tools"), ...once, tools, stopWhen: stepCountIs(3) });
      assert.equal(await result.text, "The tool answered: sunny");
      assert.equal((await result.steps).length, 2);
    };
    examples[`${name}: structured${how}`] = async () => {
      // Of models that it does not know, the provider for Anthropic asks for the call of a tool.
      const asked = model(name === "anthropic" ? "fake/tools" : "fake/json");
      const result = await call({ model: asked, ...once, output: Output.object({ schema }) });
      schema.parse(await result.output);
    };
  }
  examples[`${name}: errors`] = async () => {
    await assert.rejects(generateText({ model: model("fake/status-429"), ...once }), (error) => error.statusCode === 429);
    let seen = null;
    const stream = streamText({ model: model("fake/error-in-stream-2"), ...once, onError: ({ error }) => (seen = error) });
    for await (const _ of stream.fullStream);
    assert.notEqual(seen, null);
  };
}

await run(examples, async (exchange, stream) => {
  const said = { text: "", calls: [] };
  for (const provider of [providers.openrouter, providers.anthropic]) {
    const result = await (stream ? streamText : generateText)({ model: provider(exchange.model), ...once, onError: () => {} });
    const calls = (await result.toolCalls).map((call) => ({ name: call.toolName, arguments: call.input }));
    Object.assign(said, { text: await result.text, calls });
    if (said.text !== exchange.text) break;
  }
  return said;
});
