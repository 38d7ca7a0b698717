// Runs the examples of one client and prints what became of each, a line of JSON for one; nothing is retried.
import assert from "node:assert/strict";

export { assert };
export const url = process.env.TURNOUT_URL;
export const key = process.env.TURNOUT_KEY;
export const recorded = JSON.parse(process.env.RECORDED ?? "[]");
export const prompt = "Hello, Turnout!";
export const city = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

// The arguments of calls are compared as values: how they are spaced is nobody's business.
export function sameCalls(found, expected) {
  const plain = (calls) => calls.map(({ name, arguments: text }) => [name, typeof text === "string" ? JSON.parse(text || "{}") : text]);
  assert.deepEqual(plain(found), plain(expected));
}

export async function collect(stream) {
  const all = [];
  for await (const one of stream) all.push(one);
  return all;
}

// `hear(exchange, stream)` gives {text, calls}: what the client reads of a recorded answer.
export async function run(examples, hear) {
  for (const exchange of hear ? recorded : []) {
    for (const stream of exchange.streamed ? [true] : [false, true]) {
      examples[`${exchange.model} ${stream ? "streamed" : "whole"}`] = async () => {
        const said = await hear(exchange, stream);
        assert.equal(said.text, exchange.text);
        sameCalls(said.calls, exchange.calls);
      };
    }
  }
  for (const [name, example] of Object.entries(examples)) {
    let failure = null;
    try {
      await example();
    } catch (error) {
      failure = `${error?.stack ?? error} ${JSON.stringify(error?.cause ?? null)}`.slice(0, 3000);
    }
    console.log(JSON.stringify({ example: name, failure }));
  }
}
