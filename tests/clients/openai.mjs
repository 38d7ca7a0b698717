// The TypeScript SDK of OpenAI: chats, responses, embeddings, models.
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { assert, city, collect, key, prompt, run, url } from "./examples.mjs";

const client = new OpenAI({ baseURL: `${url}/api/v1`, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: prompt }];
const tools = [{ type: "function", function: { name: "weather", parameters: city, strict: true } }];
const Place = z.object({ city: z.string(), people: z.number().int() });

async function hear({ model }, stream) {
  if (stream) {
    const message = (await client.chat.completions.stream({ model, messages }).finalChatCompletion()).choices[0].message;
    return { text: message.content ?? "", calls: (message.tool_calls ?? []).map((call) => call.function) };
  }
  const { message } = (await client.chat.completions.create({ model, messages })).choices[0];
  return { text: message.content ?? "", calls: (message.tool_calls ?? []).map((call) => call.function) };
}

await run(
  {
    chat: async () => {
      const { data, response } = await client.chat.completions.create({ model: "fake/echo", messages }).withResponse();
      assert.equal(data.choices[0].message.content, prompt);
      assert.equal(data.id, response.headers.get("x-generation-id"));
      assert.equal(data._request_id ?? null, response.headers.get("x-request-id"));
      assert.ok(data.usage.total_tokens > 0);
    },
    stream: async () => {
      const chunks = await collect(
        await client.chat.completions.create({
          model: "fake/lorem-5", messages, stream: true, stream_options: { include_usage: true },
        }),
      );
      assert.equal(chunks.map((one) => one.choices[0]?.delta.content ?? "").join(""), "lorem ipsum dolor sit amet");
      assert.equal(chunks.at(-1).usage.completion_tokens, 5);
    },
    "tools run by the SDK": async () => {
      const asked = [];
      const runner = client.chat.completions.runTools({
        model: "fake/tools",
        messages,
        tools: [
          {
            type: "function",
            function: {
              name: "weather", parameters: city, parse: JSON.parse,
              function: (given) => (asked.push(given), "sunny"),
            },
          },
        ],
      });
      assert.equal(await runner.finalContent(), "The tool answered: sunny");
      assert.equal(typeof asked[0].city, "string");
    },
    "tools in a stream, run by the SDK": async () => {
      const runner = client.chat.completions.runTools({
        model: "fake/tools", messages, stream: true,
        tools: [
          { type: "function", function: { name: "weather", parameters: city, parse: JSON.parse, function: () => "sunny" } },
        ],
      });
      assert.equal(await runner.finalContent(), "The tool answered: sunny");
    },
    "structured chat": async () => {
      const response_format = zodResponseFormat(Place, "place");
      const answer = await client.chat.completions.parse({ model: "fake/json", messages, response_format });
      Place.parse(answer.choices[0].message.parsed);
    },
    response: async () => {
      const answer = await client.responses.create({ model: "fake/echo", input: prompt });
      assert.equal(answer.output_text, prompt);
    },
    "streamed response": async () => {
      const stream = client.responses.stream({ model: "fake/reason", input: prompt });
      const kinds = (await collect(stream)).map((event) => event.type);
      assert.equal(kinds.at(-1), "response.completed");
      assert.equal((await stream.finalResponse()).output_text, prompt);
    },
    "tool of a response": async () => {
      const tool = { type: "function", name: "weather", parameters: city, strict: true };
      const first = await client.responses.create({ model: "fake/tools", input: prompt, tools: [tool] });
      const call = first.output.find((item) => item.type === "function_call");
      const result = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
      const input = [{ role: "user", content: prompt }, ...first.output, result];
      assert.match((await client.responses.create({ model: "fake/tools", input, tools: [tool] })).output_text, /sunny/);
    },
    "structured response": async () => {
      const text = { format: zodTextFormat(Place, "place") };
      Place.parse((await client.responses.parse({ model: "fake/json", input: prompt, text })).output_parsed);
    },
    embeddings: async () => {
      const { data } = await client.embeddings.create({ model: "fake/embed-8", input: ["one", "two"] });
      assert.deepEqual(data.map((one) => one.embedding.length), [8, 8]);
    },
    models: async () => {
      const ids = (await collect(await client.models.list())).map((model) => model.id);
      assert.ok(ids.includes("acme/listed"));
      assert.equal((await client.models.retrieve("acme/listed")).owned_by, "acme");
    },
    errors: async () => {
      const refused = (model, kind) =>
        assert.rejects(client.chat.completions.create({ model, messages }), (error) => error instanceof kind);
      await refused("no/such", OpenAI.BadRequestError);
      await refused("fake/status-429", OpenAI.RateLimitError);
      await assert.rejects(
        collect(await client.chat.completions.create({ model: "fake/error-in-stream-2", messages, stream: true })),
        OpenAI.APIError,
      );
    },
    "a stream that is left": async () => {
      const stream = await client.chat.completions.create({ model: "fake/endless-gap-5", messages, stream: true });
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    },
  },
  hear,
);
