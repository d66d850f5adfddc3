import { type UpstreamView, upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import type { Column } from "@skerry/core/contract/present/presentation.ts";
import type { Tone } from "../components/line.ts";
import { callOf, defineScreen, pollOf, type Screen, type ScreenKey } from "./screen.ts";
import { editUpstream } from "./upstream-form.ts";

type Backend = UpstreamView["spec"]["backends"][number];
type Status = NonNullable<UpstreamView["status"]>["backends"][number];

/** A backend, how it is, and the upstream as it was then. */
interface Row {
  readonly backend: Backend;
  readonly status: Status | undefined;
  readonly upstream: UpstreamView;
}

const TONES: Readonly<Record<Status["state"], Tone>> = { ready: "good", draining: "warn", down: "bad" };

function countColumn(title: string, of: (traffic: NonNullable<Status["traffic"]>) => number): Column<Row> {
  const count = ({ status }: Row) => (status?.traffic === undefined ? 0 : of(status.traffic));
  return { title, cell: (row) => `${count(row)}`, align: "right", order: count };
}

const drain: ScreenKey<Row> = {
  key: "x",
  does: "drain/undrain",
  intent: (row) => {
    if (row === undefined) return undefined;
    const { backend, upstream } = row;
    const { meta, spec } = upstream;
    const isOut = !backend.drain;
    const backends = spec.backends.map((one) => (one.name === backend.name ? { ...one, drain: isOut } : one));
    const left = backends.filter((one) => !one.drain).length;
    const what = isOut
      ? "It gets no new requests from then on; those that it has come to their end."
      : "It gets requests again.";
    return {
      kind: "sure",
      title: `${isOut ? "Drain" : "Undrain"} ${backend.name} of ${meta.name}`,
      hint: isOut && left === 0 ? `${what} No other is left: requests will be refused.` : what,
      word: isOut ? "drain" : "undrain",
      // What somebody else changes meanwhile must not be lost.
      call: callOf(upstreamRoutes.update, {
        params: { name: meta.name },
        query: { project: meta.project },
        body: { spec: { backends }, revision: meta.revision },
      }),
      done: `${backend.name} ${isOut ? "gets no new requests" : "gets requests again"}`,
    };
  },
};

/** The backends of one upstream, and how they are now. */
export function backendsScreen({ meta }: UpstreamView): Screen {
  return defineScreen<Row>({
    id: "backend",
    title: `${meta.name}:`,
    presentation: {
      kind: "backend",
      nameOf: ({ backend }) => backend.name,
      leaveOut: ["TAGS", "EWMA MS", "IN FLIGHT", "FAILED"],
      columns: [
        { title: "NAME", cell: ({ backend }) => backend.name, whole: true },
        { title: "STATE", cell: stateOf, enough: 20 },
        { title: "TO", cell: ({ backend }) => backend.to, enough: 20 },
        {
          title: "WEIGHT",
          cell: ({ backend }) => `${backend.weight}`,
          align: "right",
          order: ({ backend }) => backend.weight,
        },
        countColumn("REQUESTS", ({ requests }) => requests),
        countColumn("FAILED", ({ failures }) => failures),
        countColumn("IN FLIGHT", ({ inFlight }) => inFlight),
        countColumn("EWMA MS", ({ ewmaMs }) => ewmaMs),
        { title: "TAGS", cell: ({ backend }) => backend.tags.join(" ") || "-" },
      ],
    },
    source: pollOf(upstreamRoutes.get, { params: { name: meta.name }, query: { project: meta.project } }, (upstream) =>
      upstream.spec.backends.map((backend) => ({
        ...{ backend, upstream },
        status: upstream.status?.backends.find(({ name }) => name === backend.name),
      })),
    ),
    idOf: ({ backend }) => backend.name,
    toneOf: ({ status }) => TONES[status?.state ?? "ready"],
    detail: ({ backend, status }) => ({ ...backend, ...status }),
    enter: () => ({ kind: "detail" }),
    enterDoes: "details",
    empty: "It has no backends. e changes that.",
    keys: [drain, { key: "e", does: "edit the upstream", intent: (row) => row && editUpstream(row.upstream) }],
  });
}

function stateOf({ status }: Row): string {
  if (status === undefined) return "-";
  return status.reason === undefined ? status.state : `${status.state}: ${status.reason}`;
}
