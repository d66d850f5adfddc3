/** The container engine, as its socket shows it. */
import { systemCode } from "../data/failure.ts";
import { type Check, type Found, fault, ok, type Site, startOf, warning } from "./check.ts";
import type { Machine } from "./machine.ts";

export const ENGINE_CHECKS: readonly Check[] = [{ name: "containers", run: checkEngine }];

const DEFAULT_SOCKET = "/var/run/docker.sock";
/** Docker 20.10. */
const OLDEST_API = [1, 41] as const;

async function checkEngine({ machine, config }: Site): Promise<Found> {
  const { engine } = config as { readonly engine?: { readonly socket?: string } };
  const socketPath = engine?.socket ?? DEFAULT_SOCKET;
  try {
    const { status, body } = await machine.ask(socketPath, "/version");
    const { Version: version, ApiVersion: api } = parse(body);
    if (status !== 200 || typeof version !== "string" || typeof api !== "string") {
      return fault(`What answers on ${socketPath} is not a container engine`, "Name its socket: --engine-socket PATH");
    }
    const [major = 0, minor = 0] = api.split(".").map(Number);
    if (major < OLDEST_API[0] || (major === OLDEST_API[0] && minor < OLDEST_API[1])) {
      return fault(`The engine ${version} speaks API ${api}; ${OLDEST_API.join(".")} is needed`, "Update Docker.");
    }
    return ok(`Engine ${version}, API ${api}, on ${socketPath}`);
  } catch (error) {
    // Its socket may go with it: then it is stopped, not missing.
    const installed = (await machine.run("dockerd", ["--version"])) !== undefined;
    return absent(machine, socketPath, systemCode(error), installed);
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Everything but containers works without one. */
async function absent(
  machine: Machine,
  socketPath: string,
  code: string | undefined,
  installed: boolean,
): Promise<Found> {
  if (code === "EACCES" || code === "EPERM") {
    return warning(
      `This user may not use the container engine on ${socketPath}`,
      "Only the user that the daemon runs as needs it: run it as root, or usermod -aG docker USER, which is as good as root. " +
        "For others nothing is to be done.",
    );
  }
  const start = await startOf(machine, "docker", "service docker start, or run dockerd as root");
  if (code === "ENOENT" && installed) {
    const todo = `${start}. When it listens elsewhere, name its socket: --engine-socket PATH`;
    return warning(`The container engine is installed, and does not run: nothing is at ${socketPath}`, todo);
  }
  if (code === "ENOENT") {
    const todo = "apt-get install docker.io, or name its socket: --engine-socket PATH";
    return warning(`There is no container engine on ${socketPath}: no containers here`, todo);
  }
  return warning(`The container engine on ${socketPath} does not answer (${code ?? "unknown"})`, start);
}
