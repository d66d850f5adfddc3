/**
 * Whether this Node's sockets are as `wire.ts` and `stream-handle.ts` know them: they go past what Node promises. Looked at by doing
 * it, at each start: another Node fails at once and says why, instead of serving garbage.
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { SkerryError } from "../../domain/errors.ts";
import { Wire, type WireOwner } from "./wire.ts";

const SAID = "said";
const HEARD = `head ${SAID} tail`;
/** A machine that has much to do takes its time; a Node that is another one says something else at once. */
const LATE_MS = 10_000;

/** Answers what it gets, as the proxy would write it, and ends after its peer. */
class Echo implements WireOwner {
  readonly readsAfterFailedWrite = false;
  readonly wire: Wire;

  constructor(socket: Socket) {
    const buffer = Buffer.allocUnsafeSlow(1024);
    this.wire = new Wire(this, () => buffer, socket);
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

interface Kind {
  readonly name: string;
  listen(onSocket: (socket: Socket) => void): Server;
  connect(port: number): Socket;
}

/** TLS without a certificate: both know a key. */
const PSK = { ciphers: "PSK-AES128-GCM-SHA256", maxVersion: "TLSv1.2" } as const;
const KEY = Buffer.alloc(16, "k");
const AT_HOME = { host: "127.0.0.1" };
const KINDS: readonly Kind[] = [
  {
    name: "sockets",
    listen: (onSocket) => createServer({ allowHalfOpen: true, noDelay: true }, onSocket),
    connect: (port) => createConnection({ ...AT_HOME, port }),
  },
  {
    name: "TLS sockets",
    listen: (onSocket) =>
      createTlsServer({ ...PSK, pskCallback: () => KEY }, onSocket).on("tlsClientError", (_error, socket) => {
        socket.destroy();
      }),
    connect: (port) => {
      const checkServerIdentity = (): undefined => undefined;
      const pskCallback = () => ({ psk: KEY, identity: "check" });
      return connectTls({ ...AT_HOME, ...PSK, port, pskCallback, checkServerIdentity });
    },
  },
];

/** @throws `unsupported/version`, `unsupported` (no loopback interface). `change`: for tests. */
export async function checkSockets(change = (socket: Socket): Socket => socket): Promise<void> {
  for (const kind of KINDS) await checkKind(kind, change);
}

async function checkKind(kind: Kind, change: (socket: Socket) => Socket): Promise<void> {
  let server: Server | undefined;
  let client: Socket | undefined;
  try {
    const heard = await new Promise<string>((resolve, reject) => {
      const listening = kind.listen((socket) => {
        socket.on("error", reject);
        new Echo(change(socket));
      });
      server = listening;
      listening.on("error", reject);
      listening.listen(0, "127.0.0.1", () => {
        const address = listening.address();
        const port = typeof address === "object" && address !== null ? address.port : 0;
        client = kind.connect(port).setTimeout(LATE_MS);
        hear(client, resolve, reject);
      });
    });
    if (heard !== HEARD) throw new Error(`"${heard}" came instead of "${HEARD}"`);
  } catch (cause) {
    const { syscall = "", code } = cause as NodeJS.ErrnoException;
    if (UNREACHED.includes(syscall)) throw unreached(code, cause);
    const version = process.versions.node;
    const message = `The gateway does not know the ${kind.name} of this Node (${version}).`;
    throw new SkerryError("unsupported/version", message, {
      cause,
      hint: "Run it with the version that comes with it: npm ci brings it.",
    });
  } finally {
    client?.destroy();
    server?.close();
  }
}

/** What fails where the machine does not let its programs connect to one another. */
const UNREACHED: readonly string[] = ["bind", "listen", "connect"];

function unreached(code: string | undefined, cause: unknown): SkerryError {
  const message = `The gateway cannot connect to itself on 127.0.0.1 (${code}), and so does not know whether its sockets work.`;
  return new SkerryError("unsupported", message, { cause, hint: "Is the loopback interface up? ip link set lo up" });
}

function hear(client: Socket, onText: (text: string) => void, onError: (error: Error) => void): void {
  let text = "";
  client.on("error", onError);
  client.on("timeout", () => onText(`${text} and no end`));
  client.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
  });
  client.on("end", () => onText(text));
  client.end(SAID);
}
