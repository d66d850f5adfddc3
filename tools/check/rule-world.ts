/**
 * The world enters core through ports: no clock, random, disk or network of its own. Checked by what a file imports and
 * by the globals that it uses, both from the syntax tree.
 */
import { type FreeName, freeNames } from "./free-names.ts";
import { dottedName, type Finding, type ImportEdge, isWrapper, type Node, type Source } from "./source.ts";

export interface Driver {
  /** A file, or a folder with `/` at the end. */
  readonly path: string;
  /** Modules and globals that it may use besides the pure ones. */
  readonly may: readonly string[];
  readonly reason: string;
}

const CORE = "packages/core/src/";
const PORTS = [`${CORE}platform/`, `${CORE}testing/`];

/** Modules of Node that only compute. Everything else of Node is the world. */
const PURE_MODULES = new Set(
  ["async_hooks", "buffer", "crypto", "diagnostics_channel", "events", "path", "path/posix"]
    .concat(["querystring", "stream", "stream/consumers", "stream/promises", "stream/web", "string_decoder", "url"])
    .concat(["util", "util/types", "zlib"])
    .map((name) => `node:${name}`),
);

/** What only computes in modules of Node that are the world else. */
const PURE_NAMES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["node:net", new Set(["isIP", "isIPv4", "isIPv6", "BlockList"])],
  // Reads certificates and keys as OpenSSL does.
  ["node:tls", new Set(["createSecureContext", "rootCertificates"])],
]);

/** npm packages that only compute. Hashing a password takes a random salt: callers give it through the port. */
const PURE_PACKAGES = new Set(["zod", "@node-rs/crc32", "@node-rs/argon2", "tar-stream"]);

/** Functions of node:crypto that draw random numbers of their own. */
const RANDOM_CRYPTO =
  /^(\*|default|random.*|pseudoRandomBytes|prng|rng|webcrypto|subtle|getRandomValues|generate(Key|Prime).*|create(ECDH|DiffieHellman).*)$/;

/** Globals that are the world whatever one does with them. */
const WORLD_GLOBALS: ReadonlyMap<string, string> = new Map([
  ["performance", "the clock"],
  ["setTimeout", "the clock"],
  ["setInterval", "the clock"],
  ["setImmediate", "the clock"],
  ["scheduler", "the clock"],
  ["Temporal", "the clock"],
  ["crypto", "random"],
  ["fetch", "the network"],
  ["WebSocket", "the network"],
  ["EventSource", "the network"],
  ["XMLHttpRequest", "the network"],
  ["BroadcastChannel", "the network"],
  ["localStorage", "the disk"],
  ["sessionStorage", "the disk"],
  ["navigator", "the machine"],
  ["console", "the log"],
  ["process", "the machine"],
  ["globalThis", "every global"],
  ["global", "every global"],
  ["self", "every global"],
  ["eval", "every global"],
  ["Function", "every global"],
]);

/** Members of the globals above, or of ones that are otherwise pure, that are exceptions to the rule. */
const PURE_MEMBERS = new Set(["process.nextTick", "process.arch", "process.platform", "process.versions"]);
const WORLD_MEMBERS: ReadonlyMap<string, string> = new Map([
  ["Math.random", "random"],
  ["Date.now", "the clock"],
  ["AbortSignal.timeout", "the clock"],
  ["Atomics.wait", "the clock"],
  ["Atomics.waitAsync", "the clock"],
]);
/** Taking one of these whole (`const { now } = Date`) would hide what is taken. */
const ONLY_BY_MEMBER = new Set(["Math", "AbortSignal", "Atomics"]);

const RULE = "world";

export function checkWorld(sources: readonly Source[], drivers: readonly Driver[]): Finding[] {
  const used = new Set<string>();
  const findings = sources
    .filter(({ path, isTest }) => path.startsWith(CORE) && !isTest)
    .filter(({ path }) => !PORTS.some((folder) => path.startsWith(folder)))
    .flatMap((source) => {
      const rows = drivers.filter(({ path }) =>
        path.endsWith("/") ? source.path.startsWith(path) : source.path === path,
      );
      const may = (what: string): boolean => {
        const row = rows.find((one) => one.may.includes(what));
        if (row) used.add(`${row.path} ${what}`);
        return row !== undefined;
      };
      return [...checkImports(source, may), ...checkGlobals(source, may)];
    });
  return [...findings, ...unusedExceptions(drivers, used)];
}

/** An exception that nobody needs any more is taken back, else it waits for somebody to hide behind it. */
function unusedExceptions(drivers: readonly Driver[], used: ReadonlySet<string>): Finding[] {
  return drivers.flatMap(({ path, may }) =>
    may
      .filter((what) => !used.has(`${path} ${what}`))
      .map((what) => ({ path, line: 1, rule: RULE, message: `does not use ${what}: take it out of drivers.ts` })),
  );
}

function checkImports(source: Source, may: (what: string) => boolean): Finding[] {
  return source.imports.flatMap((edge) => {
    const trouble = importTrouble(edge);
    if (trouble === undefined || may(edge.specifier ?? "")) return [];
    return [{ path: source.path, line: edge.line, rule: RULE, message: trouble }];
  });
}

function importTrouble({ specifier, typeOnly, names }: ImportEdge): string | undefined {
  if (typeOnly || specifier === undefined || specifier.startsWith(".") || specifier.startsWith("@skerry/")) return;
  if (specifier === "node:crypto") {
    const random = names.filter((name) => RANDOM_CRYPTO.test(name));
    if (random.length === 0) return;
    return `takes ${random.join(", ")} of node:crypto: random numbers come through the port Random`;
  }
  if (PURE_MODULES.has(specifier)) return;
  const pure = PURE_NAMES.get(specifier);
  if (pure !== undefined && names.length > 0 && names.every((name) => pure.has(name))) return;
  if (specifier.startsWith("node:")) return `${specifier} is the world: it comes through a port of domain/ports.ts`;
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  if (PURE_PACKAGES.has(name)) return;
  return `${specifier} is not known to only compute: list it as pure or as a driver's in tools/check`;
}

function checkGlobals(source: Source, may: (what: string) => boolean): Finding[] {
  return freeNames(source.program).flatMap((free) => {
    const trouble = globalTrouble(free);
    if (trouble === undefined || may(trouble.what)) return [];
    const message = `${trouble.what} is ${trouble.world}: it comes through a port`;
    return [{ path: source.path, line: source.lineAt(free.node.start), rule: RULE, message }];
  });
}

function globalTrouble({ name, node, ancestors }: FreeName): { what: string; world: string } | undefined {
  const parent = ancestors.findLast((one) => !isWrapper(one) && one.type !== "ParenthesizedExpression");
  const access = parent?.type === "MemberExpression" && parent["property"] !== node;
  const member = access ? dottedName(parent) : undefined;
  if (member !== undefined && PURE_MEMBERS.has(member)) return;
  const byMember = member === undefined ? undefined : WORLD_MEMBERS.get(member);
  if (member !== undefined && byMember !== undefined) return { what: member, world: byMember };
  if (name === "globalThis" && member !== undefined) return memberOfGlobal(member.split(".")[1] ?? "");
  if (name === "Date") return dateTrouble(node, parent, member);
  const whole = WORLD_GLOBALS.get(name);
  if (whole !== undefined) return { what: name, world: whole };
  if (ONLY_BY_MEMBER.has(name) && member === undefined && !isInstanceOf(node, parent)) {
    return { what: name, world: "taken whole, which hides what is used of it" };
  }
  return;
}

/** `globalThis.x` is `x`, judged without what follows. */
function memberOfGlobal(name: string): { what: string; world: string } | undefined {
  if (name === "Date" || ONLY_BY_MEMBER.has(name)) return { what: name, world: "taken from globalThis" };
  const world = WORLD_GLOBALS.get(name);
  return world === undefined ? undefined : { what: name, world };
}

/** `new Date(x)`, `Date.parse`, `Date.UTC` and `instanceof Date` compute; the rest reads the clock. */
function dateTrouble(
  node: Node,
  parent: Node | undefined,
  member: string | undefined,
): { what: string; world: string } | undefined {
  if (member === "Date.parse" || member === "Date.UTC" || member === "Date.prototype") return;
  if (isInstanceOf(node, parent)) return;
  const built = parent?.type === "NewExpression" && parent["callee"] === node;
  if (built && (parent["arguments"] as Node[]).length > 0) return;
  return { what: built ? "new Date()" : (member ?? "Date"), world: "the clock" };
}

function isInstanceOf(node: Node, parent: Node | undefined): boolean {
  return parent?.type === "BinaryExpression" && parent["operator"] === "instanceof" && parent["right"] === node;
}
