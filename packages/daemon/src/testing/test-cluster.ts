/** A whole cloud in this process, on a temporary directory: for tests of the API. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { Client } from "@skerry/core/contract/client/client.ts";
import { createHttpTransport } from "@skerry/core/contract/client/http.ts";
import { createTerminalTransport } from "@skerry/core/contract/client/terminal.ts";
import type { Role } from "@skerry/core/domain/identity.ts";
import { SimEngine, SimFirewall } from "@skerry/core/testing/sim-engine.ts";
import { loadConfig } from "../config/load.ts";
import { openDataDirectory } from "../data/directory.ts";
import type { RequestRecord } from "../http/server.ts";
import { PEER_TIMEOUTS, type PeerTimeouts } from "../http/timeouts.ts";
import { type Node, startNode } from "../node.ts";
import { recordRequests } from "../requests.ts";
import { createLogger } from "../telemetry/logger.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { VERSION } from "../version.ts";

export interface TestCluster extends AsyncDisposable {
  readonly node: Node;
  readonly apiUrl: string;
  readonly directory: string;
  readonly adminPassword: string;
  /** Runs the containers; no real one is touched. */
  readonly engine: SimEngine;
  /** Speaks as the admin, over the unix socket. */
  readonly admin: Client;
  /** Every request that was answered, in order. */
  readonly requests: readonly RequestRecord[];
  /** Over TCP, with this token or none. */
  client(token?: string): Client;
  /** Makes a user and logs in. */
  user(name: string, role?: Role): Promise<{ client: Client; token: string; password: string }>;
  /** Stops everything, then starts it again on the same data. The node is another one then. */
  restart(): Promise<void>;
}

export interface TestClusterOptions {
  /** Flags besides data and listeners. */
  readonly argv?: readonly string[];
  /** Default: a fresh directory, removed afterwards. */
  readonly directory?: string;
  /** Instead of the product's. */
  readonly timeouts?: Partial<PeerTimeouts>;
}

export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const root = options.directory ?? (await mkdtemp(join(tmpdir(), "skerry-cluster-")));
  const requests: RequestRecord[] = [];
  const engine = new SimEngine();
  let running = await start(root, options, requests, engine);
  const adminPassword = (await readFile(join(root, "data", "first-password"), "utf8")).trim();
  const client = (token?: string) =>
    new Client({
      transport: createHttpTransport({ url: running.node.apiUrl }),
      openTerminal: createTerminalTransport({ url: running.node.apiUrl }),
      ...(token === undefined ? {} : { token }),
    });
  const login = async (name: string, password: string) =>
    (await client().call(sessionRoutes.create, { body: { name, password } })).token;
  const adminToken = await login("admin", adminPassword);
  const adminClient = () =>
    new Client({ transport: createHttpTransport({ socketPath: running.node.socketPath }), token: adminToken });
  return {
    get node() {
      return running.node;
    },
    get apiUrl() {
      return running.node.apiUrl;
    },
    directory: root,
    adminPassword,
    engine,
    get admin() {
      return adminClient();
    },
    requests,
    client,
    async user(name, role = "member") {
      const { password = "" } = await adminClient().call(userRoutes.create, { body: { name, spec: { role } } });
      const token = await login(name, password);
      return { client: client(token), token, password };
    },
    async restart() {
      await running.stop();
      running = await start(root, options, requests, engine);
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      if (options.directory === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}

async function start(
  root: string,
  { argv = [], timeouts }: TestClusterOptions,
  requests: RequestRecord[],
  engine: SimEngine,
) {
  await using parts = new AsyncDisposableStack();
  const flags = ["--data", join(root, "data"), "--listen-api", "127.0.0.1:0", "--log-level", "error"];
  // Most tests need no gateway, and a worker is a process.
  if (!argv.includes("--gateway-workers")) flags.push("--gateway-workers", "0");
  flags.push(...argv);
  const config = await loadConfig({ argv: flags, env: {}, homeDir: root, isTty: false });
  const metrics = createMetrics();
  const log = parts.use(createLogger({ ...config.log, file: join(root, "daemon.log") }));
  const data = parts.use(await openDataDirectory(config.data, { version: VERSION }));
  const keep = recordRequests(log, metrics);
  const onRequest = (record: RequestRecord) => {
    keep(record);
    requests.push(record);
  };
  const node = parts.use(
    await startNode({
      ...{ config, data, log, metrics, onRequest, verifyOutput: true },
      timeouts: { ...PEER_TIMEOUTS, ...timeouts },
      engine: { engine, firewall: new SimFirewall() },
    }),
  );
  const owned = parts.move();
  return {
    node,
    async stop() {
      await node.drain();
      await owned.disposeAsync();
    },
  };
}
