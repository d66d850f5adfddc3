/** Whether a port can be had, and what to say when it cannot. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Clock } from "@skerry/core/domain/ports.ts";
import type { HostPort } from "@skerry/core/gateway/control.ts";

/**
 * Workers share their ports with whoever asks to; so it is looked first whether another program has them.
 * @throws `unavailable`, `forbidden`.
 */
export async function assertFree(what: string, flag: string, address: HostPort, clock: Clock): Promise<void> {
  const deadlineMs = clock.monotonicMs() + LIMITS.gateway.freePortMs;
  for (;;) {
    const code = await tryToListen(address);
    if (code === undefined) return;
    // The workers of a daemon that was just killed have still to notice.
    if (code !== "EADDRINUSE" || clock.monotonicMs() > deadlineMs) throw portError(what, flag, address, code);
    await clock.sleep(50);
  }
}

function tryToListen({ host, port }: HostPort): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** The code of what keeps a port of a route, `tcp/5432`, from being had; undefined: nothing does. */
export function isTaken(host: string, named: string): Promise<string | undefined> {
  const [protocol, text] = named.split("/");
  const port = Number(text);
  return protocol === "udp" ? tryToBind({ host, port }) : tryToListen({ host, port });
}

function tryToBind({ host, port }: HostPort): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? error.message);
    });
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}

export function portError(what: string, flag: string, { host, port }: HostPort, code: string): SkerryError {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  if (code === "EADDRINUSE") {
    return new SkerryError(
      "unavailable",
      `The gateway's ${what} cannot listen on ${address}: another program uses this port.`,
      {
        hint: `Choose another: ${flag} 127.0.0.1:0 takes any free one. \`ss -ltnp\` shows who has it.`,
      },
    );
  }
  if (code === "EACCES") {
    return new SkerryError("forbidden", `The gateway's ${what} may not listen on ${address}: the system forbids it.`, {
      hint: `Ports below 1024 need root. Choose another with ${flag}.`,
    });
  }
  return new SkerryError("unavailable", `The gateway's ${what} cannot listen on ${address}: ${code}.`, {
    hint: `Choose another address with ${flag} HOST:PORT.`,
  });
}
