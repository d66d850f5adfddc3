import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import { containerPresentation } from "@skerry/core/contract/present/container.ts";
import type { Tone } from "../components/line.ts";
import { callOf, defineScreen, type Intent, removeKey, type ScreenKey } from "./screen.ts";

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

const restart: ScreenKey<ContainerView> = {
  key: "R",
  does: "restart",
  intent: (container) => {
    if (container === undefined) return undefined;
    const change = (running: boolean) =>
      callOf(containerRoutes.update, { ...addressOf(container), body: { spec: { running } } });
    const { name } = container.meta;
    if (!container.spec.running) return { kind: "call", call: change(true), done: `container ${name} starts` };
    const then = {
      when: ({ status }: ContainerView) => status?.state === "stopped",
      call: change(true),
      done: `container ${name} starts again`,
    };
    return { kind: "call", call: change(false), done: `container ${name} stops, and is then started`, then };
  },
};

/** A container of this image. */
export function runPrompt(image = ""): Intent {
  return {
    kind: "prompt",
    title: "New container",
    hint: "Of an image that is here. The command is for sh; empty: the image's own.",
    fields: [{ label: "Image", value: image }, { label: "Name" }, { label: "Command", optional: true }],
    call: (of = "", name = "", command = "") => {
      const spec = { image: of, ...(command === "" ? {} : { command: ["sh", "-c", command] }) };
      return callOf(containerRoutes.create, { body: { name, spec } });
    },
    done: (_, name) => `container ${name} created`,
  };
}

export const containersScreen = defineScreen<ContainerView>({
  id: "container",
  title: "Containers",
  presentation: containerPresentation,
  source: { kind: "watch", call: callOf(containerRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ status }) => TONES[status?.state ?? "pending"],
  enter: log,
  enterDoes: "log",
  empty: "No containers yet. n starts one.",
  keys: [
    shell,
    stopOrStart,
    restart,
    { key: "n", does: "new", intent: () => runPrompt() },
    removeKey(
      "container",
      ({ meta }) => meta.name,
      (container) => callOf(containerRoutes.delete, addressOf(container)),
      "It is stopped, and what it wrote outside of volumes is gone.",
    ),
  ],
});
