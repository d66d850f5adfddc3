/** What a gateway has in these tests: a preview, and what was changed. */
import type { Answer } from "./fake-cloud.ts";

const AUTHOR = { uid: "u", name: "mi\x1b[2Ja" };
const CHANGES = [
  { kind: "iplist", name: "office", result: "created", after: { entries: "192.0.2.0/24" } },
  {
    kind: "route",
    name: "app",
    result: "updated",
    before: { host: "app.example.com", path: "/", to: "http://10.0.0.7:3000" },
    after: { host: "app.example.com", path: "/", to: "upstream/web", access: { allow: ["iplist/office"] } },
  },
];
const GENERATION = {
  ...{ generation: 12, time: "2026-11-22T01:02:03.045Z", author: AUTHOR, action: "gateway.rollback", backTo: 10 },
  ...{ requestId: "r-1", changes: CHANGES },
};
const TOLD = {
  ...{ from: "log", count: 11, method: "GET", url: "http://app.example.com/a\x1b[2Jb" },
  before: { state: "route", route: "app", text: "leads to http://10.0.0.7:3000" },
  after: { state: "none", text: "no route: 404" },
};
const PREVIEW = {
  ...{ generation: 12, changes: CHANGES, untold: 2 },
  requests: { looked: 480, changed: 12, settings: 3, unsure: 4 },
  told: [TOLD, { ...TOLD, count: 1, method: "POST" }],
};

export const GATEWAY_ANSWERS: readonly (readonly [route: string, answer: Answer])[] = [
  ["gateway.preview", () => PREVIEW],
  ["gateway.history", () => ({ items: [GENERATION], newest: 12, oldest: 3 })],
  ["gateway.generation", () => GENERATION],
  ["gateway.change", () => ({ generation: 13, changes: CHANGES })],
  ["gateway.rollback", () => ({ generation: 13, changes: CHANGES })],
];
