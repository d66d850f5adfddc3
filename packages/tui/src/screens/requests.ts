import { accessLogRoutes } from "@skerry/core/contract/api/access-log.ts";
import { GATEWAY_ERRORS } from "@skerry/core/contract/gateway-errors.ts";
import { type AccessLine, accessPresentation, parseAccessLine } from "@skerry/core/contract/present/access-log.ts";
import type { Tone } from "../components/line.ts";
import { ACCESS_WORDS, accessFilter, turnWord } from "./access-filter.ts";
import { callOf, defineScreen, type ScreenKey } from "./screen.ts";

/** Lines from before one began to read, and, when it is asked for again, from while it was away. */
const TAIL_LINES = 1000;

/** A line, and its place among all that came: nothing else tells two alike apart. */
interface Request extends AccessLine {
  readonly place: number;
}

let places = 0;

/** The access log of the gateway, as it comes. */
export const requestsScreen = defineScreen<Request>({
  id: "request",
  title: "Requests",
  presentation: accessPresentation,
  source: {
    kind: "lines",
    call: () => callOf(accessLogRoutes.read, { params: {}, query: { follow: "1", tail: TAIL_LINES } }),
    rowOf: (text) => {
      const line = parseAccessLine(text);
      return line === undefined ? undefined : { ...line, place: places++ };
    },
  },
  idOf: ({ place }) => `${place}`,
  newestFirst: true,
  toneOf,
  detail,
  wants: accessFilter,
  filterWords: ACCESS_WORDS,
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No requests yet: the workers tell of those that have ended, once a second.",
  keys: [
    { key: " ", does: "pause", intent: () => ({ kind: "pause" }) },
    { key: "e", does: "failed only", intent: () => ({ kind: "filter", change: (text) => turnWord(text, "failed") }) },
    onlyKey("o", "this route only", ({ name, route }) => (name ?? route) && `route:${name ?? route}`),
    onlyKey("f", "this host only", ({ host }) => host && `host:${host}`),
  ],
});

function onlyKey(key: string, does: string, wordOf: (line: Request) => string | undefined): ScreenKey<Request> {
  return {
    key,
    does,
    intent: (line) => {
      const word = line === undefined ? undefined : wordOf(line);
      return word === undefined || word.includes(" ")
        ? undefined
        : { kind: "filter", change: (text) => turnWord(text, word) };
    },
  };
}

function toneOf({ status = 0, error, dropped }: Request): Tone {
  if (dropped !== undefined) return "warn";
  if (status >= 500) return "bad";
  return status >= 400 || error !== undefined ? "warn" : "plain";
}

/** With the meaning of its reason, as docs/operations.md has it. */
function detail({ place: _, ...line }: Request): unknown {
  const { error, status = 0, upstream } = line;
  if (error === undefined) {
    const isTheirs = status >= 500 && upstream !== undefined;
    return isTheirs ? { ...line, reason: "The upstream has answered so." } : line;
  }
  const row = Object.hasOwn(GATEWAY_ERRORS, error) ? GATEWAY_ERRORS[error as keyof typeof GATEWAY_ERRORS] : undefined;
  return { ...line, reason: row?.means ?? "This version does not know it." };
}
