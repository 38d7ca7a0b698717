// The TypeScript SDK of OpenRouter, which checks every answer by its schemas: chats, responses, its own agent, listings.
import { callModel, OpenRouter as OfAgent, tool } from "@openrouter/agent";
import { OpenRouter } from "@openrouter/sdk";
import { z } from "zod";
import { assert, city, collect, key, prompt, run, url } from "./examples.mjs";

const client = new OpenRouter({ apiKey: key, serverURL: `${url}/api/v1`, retryConfig: { strategy: "none" } });
const messages = [{ role: "user", content: prompt }];
const tools = [{ type: "function", function: { name: "weather", parameters: city } }];
const chat = (model, more = {}) => client.chat.send({ chatRequest: { model, messages, ...more } });
const weather = tool({
  name: "weather", description: "Tells the weather", inputSchema: z.object({ city: z.string() }), execute: async () => "sunny",
});

async function hear({ model }, stream) {
  if (!stream) {
    const { message } = (await chat(model)).choices[0];
    return { text: message.content ?? "", calls: (message.toolCalls ?? []).map((call) => call.function) };
  }
  const calls = [];
  let text = "";
  for await (const chunk of await chat(model, { stream: true })) {
    const delta = chunk.choices[0]?.delta ?? {};
    text += delta.content ?? "";
    for (const piece of delta.toolCalls ?? []) {
      const call = (calls[piece.index] ??= { name: "", arguments: "" });
      call.name += piece.function?.name ?? "";
      call.arguments += piece.function?.arguments ?? "";
    }
  }
  return { text, calls };
}

await run(
  {
    chat: async () => assert.equal((await chat("fake/echo")).choices[0].message.content, prompt),
    "a priced chat": async () => assert.ok((await chat("acme/paid")).usage.totalTokens > 0),
    stream: async () => {
      const chunks = await collect(await chat("fake/reason", { stream: true }));
      assert.equal(chunks.map((one) => one.choices[0]?.delta.content ?? "").join(""), prompt);
      assert.ok(chunks.at(-1).usage.completionTokens > 0);
    },
    tools: async () => {
      const [call] = (await chat("fake/tools", { tools })).choices[0].message.toolCalls;
      assert.equal(call.function.name, "weather");
    },
    structured: async () => {
      const responseFormat = { type: "json_schema", jsonSchema: { name: "place", strict: true, schema: city } };
      const answer = await chat("fake/json", { responseFormat });
      assert.equal(typeof JSON.parse(answer.choices[0].message.content).city, "string");
    },
    response: async () => {
      const answer = await client.responses.send({ responsesRequest: { model: "fake/echo", input: prompt } });
      assert.equal(answer.output.at(-1).content[0].text, prompt);
    },
    "streamed response": async () => {
      const events = await collect(await client.responses.send({ responsesRequest: { model: "fake/reason", input: prompt, stream: true } }));
      assert.equal(events.at(-1).type, "response.completed");
    },
    "its agent": async () => {
      const result = client.callModel({ model: "fake/tools", input: prompt, tools: [weather] });
      assert.equal(await result.getText(), 'The tool answered: "sunny"');
    },
    "its agent, streamed": async () => {
      const result = client.callModel({ model: "fake/echo", input: prompt });
      assert.equal((await collect(result.getTextStream())).join(""), prompt);
    },
    embeddings: async () => {
      const found = await client.embeddings.generate({ requestBody: { model: "fake/embed-8", input: "one" } });
      assert.equal(found.data[0].embedding.length, 8);
    },
    models: async () => {
      const pages = await collect(await client.models.list());
      assert.ok(pages.flatMap((page) => (page.result ?? page).data).some((model) => model.id === "acme/listed"));
      assert.equal((await client.models.get({ author: "acme", slug: "listed" })).data.id, "acme/listed");
    },
    "endpoints and providers": async () => {
      assert.ok((await client.endpoints.list({ author: "acme", slug: "listed" })).data.endpoints.length);
      assert.ok((await client.providers.list()).data.length);
    },
    "its key": async () => assert.equal(typeof (await client.apiKeys.getCurrentKeyMetadata()).data.usage, "number"),
    generation: async () => {
      const { id } = await chat("acme/paid");
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.equal((await client.generations.getGeneration({ id })).data.id, id);
    },
    errors: async () => {
      for (const [model, status] of [["no/such", 400], ["fake/status-429", 429], ["fake/status-503", 503]]) {
        await assert.rejects(chat(model), (error) => error.statusCode === status);
      }
    },
  },
  hear,
);
