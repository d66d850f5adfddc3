/** Where things lie in the data directory. */
import { join } from "node:path";
import { SkerryError } from "@skerry/core/domain/errors.ts";

/** All paths are absolute. */
export interface DataLayout {
  /** The data directory itself (DATA). */
  readonly path: string;
  /** `DATA/cluster.json`: whose directory this is, and its format. */
  readonly clusterFile: string;
  /** `DATA/lock`: see `lock.ts`. Nothing else may open it. */
  readonly lockFile: string;
  /** `DATA/store/store.db`: the log of the revisioned store; files beside it begin with the same name. */
  readonly storeFile: string;
  /** `DATA/index/`: object metadata. */
  readonly indexDirectory: string;
  /** `DATA/storage/`: a directory for each chunkserver, unless the configuration names others. */
  readonly storageDirectory: string;
  /** `DATA/chunkservers.json`: which storage directories were in use. */
  readonly chunkserversFile: string;
  /** `DATA/audit/` */
  readonly auditDirectory: string;
  /** `DATA/auth/`: what identity keeps outside the store, such as the times of last use. */
  readonly authDirectory: string;
  /** `DATA/master.key`: seals the secrets in the store. */
  readonly masterKeyFile: string;
  /** `DATA/gateway/`: the certificate authority. */
  readonly gatewayDirectory: string;
  /** `DATA/first-password`: the admin's, until it is changed. */
  readonly firstPasswordFile: string;
  /** `DATA/log/`: the only place in DATA where a log file may lie. */
  readonly logDirectory: string;
  /** `DATA/log/gateway/`: the access logs of the gateway's workers. */
  readonly accessLogDirectory: string;
  /** `DATA/run/`: what has no meaning after the process. */
  readonly runDirectory: string;
  /** `DATA/run/images/`: image files while they are loaded. */
  readonly imageSpoolDirectory: string;
  /** `DATA/run/answers/`: what the gateway's workers keep of answers. */
  readonly answersDirectory: string;
  /** `DATA/run/pid` */
  readonly pidFile: string;
  /** `DATA/run/api.sock` */
  readonly socketPath: string;
  /** `DATA/run/web.sock`: static sites, for the gateway's workers. No longer than `socketPath`. */
  readonly sitesSocket: string;
}

/** `sun_path` of Linux holds 108 bytes with the NUL at the end. */
const MAX_SOCKET_PATH_BYTES = 107;

/** @throws `invalid` when the path of the socket would be too long for the system. */
export function layoutOf(path: string): DataLayout {
  const layout: DataLayout = {
    path,
    clusterFile: join(path, "cluster.json"),
    lockFile: join(path, "lock"),
    storeFile: join(path, "store", "store.db"),
    indexDirectory: join(path, "index"),
    storageDirectory: join(path, "storage"),
    chunkserversFile: join(path, "chunkservers.json"),
    auditDirectory: join(path, "audit"),
    authDirectory: join(path, "auth"),
    masterKeyFile: join(path, "master.key"),
    gatewayDirectory: join(path, "gateway"),
    firstPasswordFile: join(path, "first-password"),
    logDirectory: join(path, "log"),
    accessLogDirectory: join(path, "log", "gateway"),
    runDirectory: join(path, "run"),
    imageSpoolDirectory: join(path, "run", "images"),
    answersDirectory: join(path, "run", "answers"),
    pidFile: join(path, "run", "pid"),
    socketPath: join(path, "run", "api.sock"),
    sitesSocket: join(path, "run", "web.sock"),
  };
  const socketBytes = Buffer.byteLength(layout.socketPath);
  if (socketBytes <= MAX_SOCKET_PATH_BYTES) return layout;
  const most = MAX_SOCKET_PATH_BYTES - (socketBytes - Buffer.byteLength(path));
  throw new SkerryError(
    "invalid",
    `The path of the data directory is ${Buffer.byteLength(path)} bytes long, and the unix socket in it (${layout.socketPath}) would exceed the ${MAX_SOCKET_PATH_BYTES} bytes that the system allows.`,
    { hint: `Choose a data directory with a path of at most ${most} bytes: --data DIR.`, details: { path } },
  );
}

/** Made by a start that was cut off before it wrote `cluster.json`, or there before us: a directory with only these is new. */
export const BEFORE_CLUSTER_FILE: ReadonlySet<string> = new Set([
  "lock",
  "lock-journal",
  "cluster.json.new",
  "run",
  "log",
  "lost+found",
]);
