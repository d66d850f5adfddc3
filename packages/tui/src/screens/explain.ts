/** How the gateway decides about a request, in words. */
import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { CallInput } from "@skerry/core/contract/client/client.ts";
import type { RouteOutput } from "@skerry/core/contract/route.ts";
import { callOf, type Intent, type Paragraph } from "./screen.ts";

export type Explained = RouteOutput<typeof routeRoutes.explain>;
type Asked = NonNullable<CallInput<typeof routeRoutes.explain>["body"]>;

const MARKS = { wins: "✓", no: "✗", note: "·" } as const;
const TONES = { wins: "good", no: "faint", note: "plain" } as const;

/** Asks for a request, and tells what becomes of it. */
export function explainPrompt(asked: Asked | undefined): Intent {
  const headers = (asked?.headers ?? []).map(({ name, value }) => `${name}: ${value}`).join("; ");
  return {
    kind: "prompt",
    title: "Explain a request",
    hint: "Which route it takes, and why. Nothing is sent to anybody. Headers are NAME: VALUE; with ; between them.",
    word: "explain",
    fields: [
      { label: "Method", value: asked?.method ?? "GET" },
      { label: "URL", value: asked?.url ?? "" },
      { label: "Headers", value: headers, optional: true },
      { label: "Client", optional: true },
    ],
    call: (method = "", url = "", said = "", client = "") =>
      callOf(routeRoutes.explain, {
        body: { method, url, headers: headersOf(said), ...(client === "" ? {} : { client }) },
      }),
    done: (method, url) => `${method} ${url}`,
    shows: (answer) => explainParagraphs(answer as Explained),
  };
}

function headersOf(text: string): { name: string; value: string }[] {
  return text.split(";").flatMap((part) => {
    const [, name, value = ""] = /^\s*([^:\s]+)\s*:?\s*(.*?)\s*$/.exec(part) ?? [];
    return name === undefined ? [] : [{ name, value }];
  });
}

export function explainParagraphs({ steps, outcome }: Explained): Paragraph[] {
  const { text, backend, choice } = outcome;
  const down = backend?.state === "down" ? `It does not answer now: ${backend.reason ?? "nothing is there"}.` : "";
  return [
    ...steps.map(({ about, name, verdict, why }) => ({
      mark: MARKS[verdict],
      text: `${about}${name === undefined ? "" : ` ${name}`}: ${why}`,
      tone: TONES[verdict],
    })),
    { text: "" },
    { text, bold: true, tone: outcome.state === "route" ? ("good" as const) : ("warn" as const) },
    ...(down === "" ? [] : [{ text: down, tone: "bad" as const }]),
    ...(choice?.backends ?? []).map(({ name, to, eligible, why }) => ({
      mark: eligible ? MARKS.wins : MARKS.no,
      text: `backend ${name}: ${to}; ${why}`,
      tone: eligible ? ("plain" as const) : ("faint" as const),
    })),
    ...(choice?.how ?? []).map((text) => ({ mark: "·", text })),
  ];
}

/** A request that the route is made for; undefined where nobody can say one: below HTTP, and of patterns. */
export function requestFor({ spec, status }: RouteView): Asked | undefined {
  const { host, path = "/", match = {}, listen } = spec;
  const { headers = [], query = [], cookies = [] } = match;
  const all = [...headers, ...query, ...cookies];
  if (host === undefined || listen !== undefined || match.path === "regex") return undefined;
  if (all.some(({ type }) => type === "regex")) return undefined;
  const said = (list: typeof all) =>
    list.flatMap(({ name, type, value = "x" }) => (type === "absent" ? [] : [{ name, value }]));
  const search = new URLSearchParams(said(query).map(({ name, value }) => [name, value])).toString();
  const cookie = said(cookies).map(({ name, value }) => `${name}=${value}`);
  const scheme = status?.url.startsWith("http:") ? "http" : "https";
  return {
    method: match.methods?.[0] ?? "GET",
    url: `${scheme}://${host.replace(/^\*/, "any")}${path}${search === "" ? "" : `?${search}`}`,
    headers: [...said(headers), ...(cookie.length === 0 ? [] : [{ name: "cookie", value: cookie.join("; ") }])],
  };
}
