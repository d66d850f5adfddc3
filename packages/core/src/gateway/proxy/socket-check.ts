/**
 * Whether this Node's sockets are as `adopt.ts` and `wire.ts` know them: both go past what Node promises. Looked at by doing
 * it, at each start: another Node fails at once and says why, instead of serving garbage.
 */
import { createConnection, createServer, type OnReadOpts, type Socket } from "node:net";
import { SkerryError } from "../../domain/errors.ts";
import { adopt } from "./adopt.ts";
import { Wire, type WireOwner } from "./wire.ts";

const SAID = "said";
const HEARD = `head ${SAID} tail`;
const LATE_MS = 2000;

/** Answers what it gets, as the proxy would write it, and ends after its peer. */
class Echo implements WireOwner {
  readonly readsAfterFailedWrite = false;
  readonly wire: Wire;

  constructor(socket: Socket, move: typeof adopt) {
    const buffer = Buffer.allocUnsafeSlow(1024);
    this.wire = new Wire(
      this,
      () => buffer,
      (onread: OnReadOpts) => move(socket, onread),
    );
  }

  onBytes(buffer: Buffer, from: number, to: number): number {
    this.wire.writeBoth("head ", Buffer.from(buffer.subarray(from, to)));
    this.wire.write(" tail");
    return to;
  }

  onEnd(): void {
    this.wire.end();
  }

  onDrain(): void {
    // Nothing waits for it.
  }

  onClose(): void {
    // The server counts it.
  }
}

/** @throws `unsupported/version`. `move`: for tests. */
export async function checkSockets(move = adopt): Promise<void> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  let client: Socket | undefined;
  try {
    const heard = await new Promise<string>((resolve, reject) => {
      server.on("error", reject);
      server.on("connection", (socket) => {
        socket.on("error", reject);
        new Echo(socket, move);
      });
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        const port = typeof address === "object" && address !== null ? address.port : 0;
        let text = "";
        client = createConnection({ host: "127.0.0.1", port, timeout: LATE_MS });
        client.on("error", reject);
        client.on("timeout", () => resolve(`${text} and no end`));
        client.on("data", (bytes: Buffer) => {
          text += bytes.toString("latin1");
        });
        client.on("end", () => resolve(text));
        client.end(SAID);
      });
    });
    if (heard === HEARD) return;
    throw new Error(`"${heard}" came instead of "${HEARD}"`);
  } catch (cause) {
    const version = process.versions.node;
    throw new SkerryError("unsupported/version", `The gateway does not know the sockets of this Node (${version}).`, {
      cause,
      hint: "Run it with the version that comes with it: npm ci brings it.",
    });
  } finally {
    client?.destroy();
    server.close();
  }
}
