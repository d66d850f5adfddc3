/** The files of core that do their own I/O, each with what it may use and why it cannot go through a port. */
import type { Driver } from "./rule-world.ts";

const CORE = "packages/core/src";

export const DRIVERS: readonly Driver[] = [
  {
    path: `${CORE}/store/drivers/`,
    may: ["node:fs/promises"],
    reason:
      "the drivers keep their files beside a library that opens its own; they are tested by faults under the real one",
  },
  {
    path: `${CORE}/store/drivers/nedb/`,
    may: ["nedb-promises"],
    reason: "NeDB opens, appends and compacts its file itself",
  },
  {
    path: `${CORE}/store/drivers/sqlite/`,
    may: ["node:fs", "node:sqlite", "node:worker_threads"],
    reason: "SQLite does its own I/O, in a thread of ours",
  },
  {
    path: `${CORE}/storage/index/sqlite/`,
    may: ["node:fs", "node:sqlite", "node:worker_threads", "performance"],
    reason: "SQLite does its own I/O, in a thread of ours that times its batches",
  },
  {
    path: `${CORE}/gateway/routing/nodes.ts`,
    may: ["node:crypto"],
    reason:
      "the secret of a hash is one of the process, for all tables: it changes where a node lies, never what is found",
  },
  {
    path: `${CORE}/gateway/proxy/dial.ts`,
    may: ["node:net", "node:tls"],
    reason: "the gateway's data path: nothing wraps its sockets, and it connects to the address that it has checked",
  },
  {
    path: `${CORE}/gateway/proxy/socket-check.ts`,
    may: ["node:net", "node:tls"],
    reason: "looks whether Node's own sockets are as the data path knows them",
  },
  {
    path: `${CORE}/gateway/proxy/names.ts`,
    may: ["node:dns/promises"],
    reason: "the gateway's workers resolve the names of upstreams themselves, in threads of the system's resolver",
  },
  {
    path: `${CORE}/gateway/proxy/stream-handle.ts`,
    may: ["node:fs", "process"],
    reason:
      "sockets are read and written without what is wrapped around them: Node's stream handles, and their descriptors",
  },
  {
    path: `${CORE}/gateway/http2/flusher.ts`,
    may: ["setImmediate"],
    reason: "the end of a turn of the loop, when all sockets that had something were read; it is no time",
  },
  {
    path: `${CORE}/gateway/proxy/proxy.ts`,
    may: ["setImmediate"],
    reason: "the end of a turn of the loop, for how long it has taken; what time it is comes through a port",
  },
  {
    path: `${CORE}/gateway/actions/cache/between-workers/`,
    may: ["node:fs", "node:fs/promises", "process", "setTimeout"],
    reason:
      "what the workers share of answers is in the kernel's page cache: it is read, marked and locked between two steps of a request, which leaves no time for a promise",
  },
  {
    path: `${CORE}/gateway/proxy/sweeper.ts`,
    may: ["setTimeout"],
    reason: "one timer for all deadlines of the data path; what time it is comes through a port",
  },
  {
    path: `${CORE}/gateway/l4/tcp-handle.ts`,
    may: ["process"],
    reason: "Node's binding of TCP handles: connections of routes below HTTP have no socket around them",
  },
  {
    path: `${CORE}/gateway/l4/handle-check.ts`,
    may: ["node:net"],
    reason: "looks whether those handles are as the data path knows them",
  },
  {
    path: `${CORE}/gateway/proxy/alarm.ts`,
    may: ["setTimeout"],
    reason: "pauses before a request is sent again, which are shorter than a sweep",
  },
  {
    path: `${CORE}/gateway/l4/dial.ts`,
    may: ["node:dgram"],
    reason: "the same for routes below HTTP",
  },
  {
    path: `${CORE}/gateway/authority.ts`,
    may: ["node:crypto", "@peculiar/x509", "reflect-metadata"],
    reason: "keys are drawn by the cryptographic library itself, and the library for certificates takes it as it is",
  },
  {
    path: `${CORE}/compute/docker/`,
    may: ["dockerode", "node:fs/promises", "process"],
    reason: "the container engine is reached by its own client; it is tested against the real one",
  },
  {
    path: `${CORE}/compute/firewall.ts`,
    may: ["node:child_process", "node:fs"],
    reason: "the kernel's rules are set by iptables; they are tested from inside of containers",
  },
  {
    path: `${CORE}/contract/client/http.ts`,
    may: ["node:https", "node:timers/promises"],
    reason: "the typed client is how a program outside the daemon reaches it: it has no ports, and uses Node's client",
  },
  {
    path: `${CORE}/contract/node-http.ts`,
    may: ["process"],
    reason: "the same, and for the daemon's servers too: the one place that loads Node's HTTP",
  },
  {
    path: `${CORE}/contract/client/websocket.ts`,
    may: ["node:crypto"],
    reason: "the same: a terminal is a WebSocket, which draws a key and masks",
  },
  {
    path: `${CORE}/contract/client/events.ts`,
    may: ["node:timers/promises"],
    reason: "the same: it waits before it takes a watch up again",
  },
];
