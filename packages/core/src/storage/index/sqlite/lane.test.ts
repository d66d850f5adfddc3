import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { IndexOp, ObjectRecord } from "../../../domain/objects.ts";
import { createBucket, put, refusal, refuses, sampleChunk, sampleRecord } from "../samples.ts";
import { Lane } from "./lane.ts";
import type { ReadRequest } from "./messages.ts";
import { CLUSTER, makeSite } from "./site.ts";

describe("the threads of the object index", () => {
  test("closing twice at once answers what waits, and both end", async (t) => {
    const index = await makeSite(t).open();
    await index.batch([createBucket("b")]);
    const answers = Array.from({ length: 300 }, (_, at) => refusal(index.batch([put(sampleRecord("b", `${at}`))])));
    await Promise.all([index[Symbol.asyncDispose](), index[Symbol.asyncDispose]()]);
    assert.deepEqual(new Set(await Promise.all(answers)), new Set([undefined]));
  });

  test("what cannot be sent to a thread is refused, and the next request is answered", async (t) => {
    const index = await makeSite(t).open();
    const notData = { ...createBucket("b"), extra: () => 1 } as unknown as IndexOp;
    await refuses(index.batch([notData]), "internal");
    const answers = [refusal(index.batch([notData])), refusal(index.batch([createBucket("c")]))];
    await Promise.all(answers);
    await index.batch([createBucket("c")]);
    assert.equal((await index.totals()).buckets, 1);
  });

  test("objects of many chunks go in messages of their own, and nothing is lost", async (t) => {
    const site = makeSite(t);
    const index = await site.open();
    const chunks = Array.from({ length: 2500 }, () => sampleChunk());
    await index.batch([createBucket("b"), put(sampleRecord("b", "many", { chunks })), put(sampleRecord("b", "one"))]);
    const answered: number[] = [];
    const lane = new Lane<ReadRequest>({
      thread: { role: "reader", path: site.path("index.sqlite"), cluster: CLUSTER, keepChanges: 1 },
      maxPending: 64,
      take: (requests) => requests.length,
      onAnswer: (requests) => answered.push(requests),
    });
    await lane.open();
    const keys = ["one", "many", "one", "many", "many", "none", "one"];
    const records = keys.map((key) => lane.ask({ read: "get", bucket: "b", key }) as Promise<ObjectRecord | undefined>);
    const counts = (await Promise.all(records)).map((record) => record?.chunks.length);
    assert.deepEqual(counts, [1, 2500, 1, 2500, 2500, undefined, 1]);
    assert.deepEqual(answered, [2, 2, 1, 2]);
    await lane.close();
  });
});
