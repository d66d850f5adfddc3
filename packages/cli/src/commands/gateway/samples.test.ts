import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { readSamples } from "./samples.ts";

async function* text(of: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(of.slice(0, 7));
  yield Buffer.from(of.slice(7));
}

const read = (of: string) => readSamples("-", text(of));

test("a line is a request: method, URL, headers in quotes, and where it comes from", async () => {
  const lines = [
    "# those of the shop",
    "",
    "GET https://app.example.com/a?b='c",
    `POST app.example.com/x -H 'X-API: v2' --header "Cookie: a=b; c='d'" --client 2001:db8::1\r`,
  ];
  await rejects(read(lines.join("\n")), { message: /^standard input:3: a quote is not closed/ });
  deepEqual(await read(lines.toSpliced(2, 1).join("\n")), [
    {
      ...{ method: "POST", url: "app.example.com/x", client: "2001:db8::1" },
      headers: [
        { name: "X-API", value: "v2" },
        { name: "Cookie", value: "a=b; c='d'" },
      ],
    },
  ]);
});

test("what is no request is refused with its line, and too many are", async () => {
  for (const [line, why] of [
    ["GET", /input:1: a request has a method and a URL/],
    ["GET a.example -H", /input:1: "-H" is neither/],
    ["GET a.example -H nothing", /input:1: "-H nothing" is neither/],
    ["GET a.example --client", /input:1: "--client" is neither/],
    ["GET a.example --curl x", /input:1: "--curl x" is neither/],
  ] as const) {
    await rejects(read(line), { code: "invalid", message: why });
  }
  await rejects(read("GET a.example\n".repeat(LIMITS.history.maxSamples + 1)), { reason: "too-large" });
});
