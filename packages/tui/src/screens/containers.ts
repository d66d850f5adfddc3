import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import { containerPresentation } from "@skerry/core/contract/present/container.ts";
import type { Tone } from "../components/line.ts";
import { callOf, defineScreen, type LogSource, removeKey } from "./screen.ts";

const TAIL = 1000;

const namedCall = ({ meta }: ContainerView) => ({ params: { name: meta.name }, query: { project: meta.project } });

export const containersScreen = defineScreen<ContainerView>({
  id: "container",
  title: "Containers",
  presentation: containerPresentation,
  source: { kind: "watch", call: callOf(containerRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf,
  enter: (container) => ({ kind: "log", title: `Log of ${container.meta.name}`, source: logOf(container) }),
  enterDoes: "log",
  empty: "No containers yet. skerry run IMAGE makes one.",
  keys: [
    removeKey(
      "container",
      ({ meta }) => meta.name,
      (container) => callOf(containerRoutes.delete, namedCall(container)),
      "It is stopped, and what it wrote outside of volumes goes with it.",
    ),
  ],
});

function logOf(container: ContainerView): LogSource {
  const { params, query } = namedCall(container);
  return {
    call: (since) =>
      callOf(containerRoutes.logs, {
        params,
        query: { ...query, follow: "1", ...(since === undefined ? { tail: TAIL } : { since }) },
      }),
  };
}

function toneOf({ status }: ContainerView): Tone {
  if (status === undefined || status.state === "stopped") return "faint";
  return status.state === "running" ? "plain" : "warn";
}
