/** One worker process of the gateway without a daemon: what the fleet would tell it is told by a test. */
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Certificate, FromWorker, ToWorker } from "@skerry/core/gateway/control.ts";
import type { TableEntry } from "@skerry/core/gateway/table.ts";

const WORKER = join(import.meta.dirname, "../gateway/worker.ts");
const TLS_FOLDER = join(import.meta.dirname, "../../../../fixtures/gateway/tls");

export class GatewayWorker implements AsyncDisposable {
  readonly #child: ChildProcess;
  httpPort = 0;
  httpsPort = 0;
  /** What it told of requests that failed: a few a second. */
  readonly failures: Extract<FromWorker, { type: "failure" }>["record"][] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(entries: readonly TableEntry[]): Promise<GatewayWorker> {
    const [certificate, key] = await Promise.all(
      ["certificate.pem", "key.pem"].map((name) => readFile(join(TLS_FOLDER, name), "utf8")),
    );
    const child = fork(WORKER, [], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    const worker = new GatewayWorker(child);
    const given: Certificate = { certificate: certificate ?? "", key: key ?? "" };
    const tell = (message: ToWorker): void => void child.send(message, () => undefined);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.on("message", (message: FromWorker) => {
      if (message.type === "failure") worker.failures.push(message.record);
      else if (message.type === "certificate") tell({ type: "certificate", host: message.host, certificate: given });
      else if (message.type === "failed" || message.type === "unsupported") reject(new Error(JSON.stringify(message)));
      else if (message.type === "listening") {
        worker.httpPort = message.httpPort;
        worker.httpsPort = message.httpsPort;
        resolve();
      }
    });
    child.once("exit", (code) => reject(new Error(`the worker ended with ${code}`)));
    tell({
      type: "start",
      ...{ http: { host: "127.0.0.1", port: 0 }, https: { host: "127.0.0.1", port: 0 } },
      ...{ generation: 0, entries, l4: [], lists: [], ports: [], guarded: [], announcers: [] },
      ...{
        rateSecret: "AAAAAAAAAAA=",
        workers: 1,
        ticketSecret: randomBytes(32).toString("base64"),
        tlsMinVersion: "1.2",
      },
    });
    await promise;
    return worker;
  }

  /** Bytes of memory that it has now, and the most that it ever had. */
  async memory(): Promise<{ readonly now: number; readonly peak: number }> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, "utf8");
    const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
    return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}
