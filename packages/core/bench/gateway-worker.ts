/** Our contender: one worker process of the daemon, the same file, told what to do over its pipe as the fleet does. */
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LIMITS } from "../src/domain/limits.ts";
import type { FromWorker, ToWorker } from "../src/gateway/control.ts";
import type { L4Entry } from "../src/gateway/l4/entry.ts";
import type { TableEntry } from "../src/gateway/table.ts";
import { CERTIFICATE, KEY, type Ports } from "./gateway-peers.ts";
import type { Program } from "./gateway-processes.ts";

const WORKER = join(import.meta.dirname, "../../daemon/src/gateway/worker.ts");

const LOG = { fileBytes: LIMITS.gateway.accessLogBytes / LIMITS.gateway.accessFiles, share: 1 };

/** As many as a busy cloud has, so that the table is not a toy. */
function entries(upstreamPort: number): readonly TableEntry[] {
  const upstream = {
    backends: [{ kind: "tcp", host: "127.0.0.1", port: upstreamPort, tls: false, basePath: "" }],
    reach: "any",
  } as const;
  const others = Array.from({ length: 1000 }, (_, i) => ({
    ...{ id: `other-${i}`, host: `app-${i}.example`, path: i % 2 === 0 ? "/" : "/api", upstream },
  }));
  return [
    ...others,
    { id: "bench", host: "127.0.0.1", path: "/", upstream },
    { id: "shop", host: "shop.example.com", path: "/shop", upstream },
  ];
}

function tcpEntry({ tcp, upstream }: Ports): L4Entry {
  const backends = [{ host: "127.0.0.1", port: upstream }];
  return { id: "tcp", protocol: "tcp", host: "", port: tcp, backends, reach: "any" };
}

/** `BENCH_CPU_PROF=FOLDER` leaves a profile there. `logFolder` undefined: without an access log. */
export function ownProgram(ports: Ports, logFolder: string | undefined, expectsFailures = false): Program {
  const folder = process.env["BENCH_CPU_PROF"];
  const profile = folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  const tell = (child: ChildProcess, message: ToWorker) => {
    // One that has ended is found by its exit.
    if (child.connected) child.send(message, () => undefined);
  };
  const certificate = { certificate: readFileSync(CERTIFICATE, "utf8"), key: readFileSync(KEY, "utf8") };
  return {
    command: process.execPath,
    // Workers inherit the flags with which `skerry` starts the daemon.
    args: ["--max-semi-space-size=2", "--conditions=source", ...profile, WORKER],
    env: { UV_THREADPOOL_SIZE: `${2 * LIMITS.proxy.maxLookups}` },
    ipc: true,
    onStart: (child) => {
      child.on("message", (message: FromWorker) => {
        if (message.type === "certificate") tell(child, { type: "certificate", host: message.host, certificate });
        else if (
          (message.type === "failure" && !expectsFailures) ||
          message.type === "failed" ||
          message.type === "error"
        ) {
          console.error(JSON.stringify(message));
        }
      });
      tell(child, {
        type: "start",
        http: { host: "127.0.0.1", port: ports.plain },
        https: { host: "127.0.0.1", port: ports.tls },
        ...{ generation: 0, entries: entries(ports.upstream), guarded: [], announcers: [] },
        ...{ l4: [tcpEntry(ports)], lists: [], ports: [`tcp/${ports.tcp}`] },
        ...(logFolder === undefined ? {} : { accessLog: { directory: logFolder, file: "access.log", ...LOG } }),
        ...{
          rateSecret: "AAAAAAAAAAA=",
          workers: 1,
          ticketSecret: randomBytes(32).toString("base64"),
          tlsMinVersion: "1.2",
        },
      });
    },
    // Ends properly, so that --cpu-prof can write.
    end: (child) => tell(child, { type: "drain", withinMs: 500 }),
  };
}
