import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "../../domain/store.ts";
import { LiveUpstreams } from "./live-upstreams.ts";

const upstreamOf = (uid: string) => ({ meta: { uid } }) as unknown as Entry["value"];
const entryOf = (key: string, uid: string) => ({ key, value: upstreamOf(uid) }) as Entry;

test("upstreams are found by key and uid; one of the same name is another one, and what is gone is gone", () => {
  const live = new LiveUpstreams();
  const uids = () => [...live.all].map(({ meta }) => meta.uid);
  live.put("/a", upstreamOf("1"));
  live.put("/b", upstreamOf("2"));
  live.put("/a", upstreamOf("1"));
  deepEqual([uids(), live.get("/a")?.meta.uid, live.get(undefined)], [["1", "2"], "1", undefined]);
  live.put("/a", upstreamOf("3"));
  deepEqual([uids(), live.find("1"), live.find("3")?.meta.uid], [["2", "3"], undefined, "3"]);
  live.drop("/b");
  live.drop("/none");
  deepEqual([uids(), live.get("/b")], [["3"], undefined]);
  live.put("/c", upstreamOf("4"));
  live.replace([entryOf("/d", "5"), entryOf("/c", "6")]);
  deepEqual(uids().sort(), ["5", "6"]);
  equal(live.get("/a"), undefined);
});
