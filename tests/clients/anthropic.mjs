// The TypeScript SDK of Anthropic: messages, their streams, tools, structured answers, counts, models.
import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";
import { assert, city, collect, key, prompt, run, url } from "./examples.mjs";

const client = new Anthropic({ baseURL: `${url}/api`, apiKey: key, maxRetries: 0 });
const asked = (model, more = {}) => ({ model, max_tokens: 500, messages: [{ role: "user", content: prompt }], ...more });
const Place = z.object({ city: z.string(), people: z.number().int() });
const weather = betaZodTool({
  name: "weather", description: "Tells the weather", inputSchema: z.object({ city: z.string() }), run: () => "sunny",
});
const textOf = (message) => message.content.map((block) => (block.type === "text" ? block.text : "")).join("");

async function hear({ model }, stream) {
  const message = stream
    ? await client.messages.stream(asked(model)).finalMessage()
    : await client.messages.create(asked(model));
  const calls = message.content.filter((block) => block.type === "tool_use");
  return { text: textOf(message), calls: calls.map(({ name, input }) => ({ name, arguments: input })) };
}

await run(
  {
    message: async () => {
      const message = await client.messages.create(asked("fake/echo", { system: "Be brief." }));
      assert.equal(textOf(message), prompt);
      assert.equal(message.stop_reason, "end_turn");
      assert.equal(message._request_id, message.id);
    },
    stream: async () => {
      const pieces = [];
      const stream = client.messages.stream(asked("fake/lorem-30")).on("text", (text) => pieces.push(text));
      const message = await stream.finalMessage();
      assert.equal(pieces.join(""), textOf(message));
      assert.equal(message.usage.output_tokens, 30);
    },
    "plain events": async () => {
      const kinds = (await collect(await client.messages.create(asked("fake/reason", { stream: true })))).map((one) => one.type);
      assert.equal(kinds[0], "message_start");
      assert.equal(kinds.at(-1), "message_stop");
    },
    "tools run by the SDK": async () => {
      const message = await client.beta.messages.toolRunner(asked("fake/tools", { tools: [weather] }));
      assert.equal(textOf(message), "The tool answered: sunny");
    },
    "tools in a stream, run by the SDK": async () => {
      const texts = [];
      for await (const stream of client.beta.messages.toolRunner(asked("fake/tools", { tools: [weather], stream: true }))) {
        texts.push(textOf(await stream.finalMessage()));
      }
      assert.deepEqual(texts, ["", "The tool answered: sunny"]);
    },
    structured: async () => {
      const format = { output_config: { format: zodOutputFormat(Place) } };
      Place.parse((await client.messages.parse(asked("fake/json", format))).parsed_output);
    },
    "a tool is forced": async () => {
      const tools = [{ name: "weather", input_schema: city }];
      const message = await client.messages.create(asked("fake/tools", { tools, tool_choice: { type: "tool", name: "weather" } }));
      assert.equal(message.stop_reason, "tool_use");
    },
    "thoughts go back": async () => {
      const thinking = { type: "enabled", budget_tokens: 1024 };
      const first = await client.messages.create(asked("fake/reason", { max_tokens: 2000, thinking }));
      assert.equal(first.content[0].type, "thinking");
      const messages = [...asked("").messages, { role: "assistant", content: first.content }, { role: "user", content: "Go on." }];
      assert.equal(textOf(await client.messages.create(asked("fake/reason", { max_tokens: 2000, thinking, messages }))), "Go on.");
    },
    count: async () => {
      assert.ok((await client.messages.countTokens({ model: "fake/echo", messages: asked("").messages })).input_tokens > 0);
    },
    models: async () => {
      const models = await collect(client.models.list({ limit: 1 }));
      const found = models.find((model) => model.id === "acme/listed");
      assert.ok(models.length > 1);
      assert.equal(found.type, "model");
      assert.equal(found.display_name, "acme/listed");
      assert.ok(!Number.isNaN(Date.parse(found.created_at)));
      assert.equal((await client.models.retrieve("acme/listed")).type, "model");
    },
    errors: async () => {
      const wrong = new Anthropic({ baseURL: `${url}/api`, apiKey: "sk-wrong", maxRetries: 0 });
      await assert.rejects(wrong.messages.create(asked("fake/echo")), Anthropic.AuthenticationError);
      await assert.rejects(client.messages.create(asked("no/such")), Anthropic.BadRequestError);
      await assert.rejects(client.beta.messages.create(asked("fake/status-429")), Anthropic.RateLimitError);
      await assert.rejects(client.messages.stream(asked("fake/error-in-stream-2")).finalMessage(), Anthropic.APIError);
      await assert.rejects(client.models.retrieve("no/such"), Anthropic.NotFoundError);
    },
    "the other name of the key": async () => {
      const bare = new Anthropic({ baseURL: `${url}/api`, apiKey: null, authToken: key, maxRetries: 0 });
      assert.equal(textOf(await bare.messages.create(asked("fake/echo"))), prompt);
    },
  },
  hear,
);
