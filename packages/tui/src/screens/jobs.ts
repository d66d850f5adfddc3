import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { jobPresentation } from "@skerry/core/contract/present/node.ts";
import type { RouteOutput } from "@skerry/core/contract/route.ts";
import type { Tone } from "../components/line.ts";
import { callOf, defineScreen } from "./screen.ts";

type Job = RouteOutput<typeof nodeRoutes.jobs>["items"][number];

const TONES: Readonly<Record<Job["state"], Tone>> = {
  idle: "plain",
  running: "good",
  "backing-off": "bad",
  stopped: "faint",
};

export const jobsScreen = defineScreen<Job>({
  id: "job",
  title: "Jobs",
  presentation: jobPresentation,
  source: { kind: "watch", call: callOf(nodeRoutes.jobs) },
  idOf: ({ name }) => name,
  toneOf: ({ state }) => TONES[state],
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No jobs.",
  keys: [],
});
