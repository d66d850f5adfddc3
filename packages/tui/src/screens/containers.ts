import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import { containerPresentation } from "@skerry/core/contract/present/container.ts";
import type { Tone } from "../components/line.ts";
import { callOf, defineScreen, removeKey, type ScreenKey } from "./screen.ts";

const TONES: Readonly<Record<NonNullable<ContainerView["status"]>["state"], Tone>> = {
  pending: "faint",
  running: "good",
  restarting: "warn",
  exited: "warn",
  stopped: "faint",
  failed: "bad",
  unknown: "bad",
};
/** Lines from before one began to read. */
const TAIL_LINES = 1000;

/** Its name is one in its project. */
function addressOf({ meta }: ContainerView) {
  return { params: { name: meta.name }, query: { project: meta.project } };
}

function log(container: ContainerView) {
  const { params, query } = addressOf(container);
  const call = (since: string | undefined) =>
    callOf(containerRoutes.logs, {
      params,
      query: { ...query, follow: "1", ...(since === undefined ? { tail: TAIL_LINES } : { since }) },
    });
  return { kind: "log", title: `log of ${container.meta.name}`, source: { call } } as const;
}

const shell: ScreenKey<ContainerView> = {
  key: "e",
  does: "shell",
  intent: (container) => {
    if (container === undefined) return undefined;
    const { name, project } = container.meta;
    return { kind: "command", words: ["shell", name, "--project", project] };
  },
};

const stopOrStart: ScreenKey<ContainerView> = {
  key: "x",
  does: "stop/start",
  intent: (container) => {
    if (container === undefined) return undefined;
    const running = !container.spec.running;
    const call = callOf(containerRoutes.update, { ...addressOf(container), body: { spec: { running } } });
    return { kind: "call", call, done: `container ${container.meta.name} ${running ? "starts" : "stops"}` };
  },
};

export const containersScreen = defineScreen<ContainerView>({
  id: "container",
  title: "Containers",
  presentation: containerPresentation,
  source: { kind: "watch", call: callOf(containerRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ status }) => TONES[status?.state ?? "pending"],
  leaveOut: ["LABELS", "PORTS", "ADDRESS", "CPU", "MEMORY", "PROJECT", "AGE"],
  enter: log,
  enterDoes: "log",
  empty: "No containers yet. skerry run IMAGE starts one.",
  keys: [
    shell,
    stopOrStart,
    removeKey(
      "container",
      ({ meta }) => meta.name,
      (container) => callOf(containerRoutes.delete, addressOf(container)),
      "It is stopped, and what it wrote outside of volumes is gone.",
    ),
  ],
});
