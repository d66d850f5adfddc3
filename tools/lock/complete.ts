/**
 * Completes package-lock.json with the platform binaries that the registry at hand did not offer.
 *
 * `npm install` leaves an optional dependency out of the lock when it cannot find it, silently; the next `npm ci` on a
 * machine whose registry has it then fails with "Missing: ... from lock file". A stub (version, optional, os, cpu) is
 * enough for both: npm skips it where os or cpu differ and fetches it by name and version where they match.
 * Run it after each change of dependencies: `npm run lock:complete`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

export interface LockPackage {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  hasInstallScript?: boolean;
  link?: boolean;
  resolved?: string;
  integrity?: string;
  os?: string | string[];
  cpu?: string | string[];
  libc?: string[];
  bin?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

export interface Lock {
  lockfileVersion: number;
  packages: Record<string, LockPackage>;
}

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32", "aix"];
const PROCESSORS = ["arm64", "arm", "x64", "ia32", "ppc64", "riscv64", "s390x", "loong64", "mips64el", "wasm32"];

/** What the name of a platform package says: `@x/binding-linux-arm-gnueabihf` is linux, arm, glibc. */
export function platformOf(name: string): Pick<LockPackage, "os" | "cpu" | "libc"> | undefined {
  const words = name.split("/").at(-1)?.split("-") ?? [];
  const system = words.find((word) => SYSTEMS.includes(word));
  const processor = words.find((word) => PROCESSORS.includes(word));
  if (processor === "wasm32") return { cpu: ["wasm32"] };
  if (system === undefined || processor === undefined) return undefined;
  const last = words.at(-1) ?? "";
  const libc = last.startsWith("musl")
    ? ["musl"]
    : last.startsWith("gnu") && processor !== "arm"
      ? ["glibc"]
      : undefined;
  return { os: [system], cpu: [processor], ...(libc === undefined ? {} : { libc }) };
}

/** Where Node would find `name` from the package at `from`, or undefined. */
function findInLock(lock: Lock, from: string, name: string): string | undefined {
  let folder = from;
  for (;;) {
    const candidate = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lock.packages[candidate] !== undefined) return candidate;
    if (folder === "") return undefined;
    const cut = folder.lastIndexOf("/node_modules/");
    folder = cut < 0 ? "" : folder.slice(0, cut);
  }
}

/** Each optional dependency that a package names and the lock lacks. */
export function missingOptional(lock: Lock): { parent: string; name: string; version: string }[] {
  const missing: { parent: string; name: string; version: string }[] = [];
  for (const [parent, row] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(row.optionalDependencies ?? {})) {
      if (findInLock(lock, parent, name) === undefined) missing.push({ parent, name, version });
    }
  }
  return missing;
}

/** Adds the stubs in place and returns the names added. */
export function completeLock(lock: Lock): string[] {
  const added: string[] = [];
  for (const { parent, name, version } of missingOptional(lock)) {
    const platform = platformOf(name);
    if (platform === undefined || !/^\d+\.\d+\.\d+[-.\w]*$/.test(version)) {
      throw new Error(
        `${parent} wants ${name}@${version}: not a platform package with an exact version, add it by hand`,
      );
    }
    const dev = lock.packages[parent]?.dev === true;
    const path = `node_modules/${name}`;
    const { os, cpu, libc } = platform;
    // In npm's order, so that npm has nothing to rewrite.
    lock.packages[path] = {
      version,
      ...(cpu === undefined ? {} : { cpu }),
      ...(dev ? { dev } : {}),
      ...(libc === undefined ? {} : { libc }),
      optional: true,
      ...(os === undefined ? {} : { os }),
    };
    added.push(path);
  }
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")));
  return added;
}

if (import.meta.main) {
  const path = resolve(import.meta.dirname, "../../package-lock.json");
  const lock = JSON.parse(readFileSync(path, "utf8")) as Lock;
  const added = completeLock(lock);
  if (added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(
    added.length === 0 ? "package-lock.json is complete" : `added ${added.length} stubs:\n${added.join("\n")}`,
  );
}
