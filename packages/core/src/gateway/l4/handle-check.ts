/**
 * Whether this Node's TCP handles are as `tcp-handle.ts` knows them: it goes past what Node promises. Looked at by doing it, at
 * each start of a worker: another Node fails at once and says why, instead of losing bytes.
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { SkerryError } from "../../domain/errors.ts";
import type { NameLimits } from "../proxy/names.ts";
import { type L4Limits, L4Path } from "./path.ts";
import { interceptAccepts } from "./tcp-handle.ts";

const SAID = "said";
const LATE_MS = 2000;
const ID = "check";

/** A route from one port to an echo, and a client that says something and ends. @throws `unsupported/version`. */
export async function checkHandles(
  limits: L4Limits,
  nameLimits: NameLimits,
  monotonicMs: () => number,
  intercept = interceptAccepts,
): Promise<void> {
  const nothing = (): void => undefined;
  const path = new L4Path({
    ...{ limits, nameLimits, monotonicMs, httpsPort: 0 },
    isOwnAddress: () => false,
    onSweep: nothing,
    onHttp: nothing,
    onTls: nothing,
    servedAs: () => undefined,
  });
  const opened: (Server | Socket)[] = [];
  try {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.on("error", nothing).pipe(socket));
    const front = createServer((socket) => socket.destroy());
    opened.push(echo, front);
    const [toPort, port] = [await portOf(echo), await portOf(front)];
    const backends = [{ host: "127.0.0.1", port: toPort }];
    path.apply([{ id: ID, protocol: "tcp", host: "", port, backends, reach: "any" }], []);
    intercept(front, (handle) => path.acceptHandle(handle, port));
    const client = createConnection({ host: "127.0.0.1", port, timeout: LATE_MS });
    opened.push(client);
    const heard = await answerOf(client);
    const counted = path.counters().get(ID)?.bytesOut;
    if (heard !== SAID) throw new Error(`"${heard}" came instead of "${SAID}"`);
    if (counted !== SAID.length) throw new Error(`${counted} bytes were counted`);
  } catch (cause) {
    const version = process.versions.node;
    throw new SkerryError(
      "unsupported/version",
      `The gateway does not know the TCP handles of this Node (${version}).`,
      {
        cause,
        hint: "Run it with the version that comes with it: npm ci brings it.",
      },
    );
  } finally {
    for (const one of opened) {
      if ("listen" in one) one.close();
      else one.destroy();
    }
    await path.drain(AbortSignal.abort());
  }
}

function portOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

function answerOf(client: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    client.on("error", reject);
    client.on("timeout", () => resolve(`${text} and no end`));
    client.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
    });
    client.on("end", () => resolve(text));
    client.end(SAID);
  });
}
