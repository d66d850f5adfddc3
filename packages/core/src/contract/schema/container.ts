import { z } from "zod";
import { CONTAINER_STATES, RESTARTS } from "../../domain/compute.ts";
import { LIMITS } from "../../domain/limits.ts";
import {
  dryRunQuery,
  IN_PROJECT,
  nameParams,
  nameSchema,
  ownedFields,
  projectQuery,
  resourceSchema,
  resourceSchemas,
} from "../schema.ts";

const limits = LIMITS.compute;
/** What the kernel takes: no NUL, and nothing that is not Unicode. */
const word = z
  .string()
  .max(limits.maxWordLength)
  .refine((text) => !text.includes("\0") && text.isWellFormed(), { error: "text without NUL" });
const port = z.int().min(1).max(65_535);
/** The ports below are this machine's own services'. */
const hostPort = port.min(1024).or(z.literal(0));

/** A list as JSON in a parameter of the query. */
const commandQuery = z
  .string()
  .max(16_384)
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: "custom", message: 'a command is a JSON list of words, like ["ls","-l"]' });
      return z.NEVER;
    }
  })
  .pipe(z.array(word).min(1).max(limits.maxCommandWords));
const side = z.coerce.number().int().min(1).max(LIMITS.terminal.maxWindow);

const commandSchema = z.array(word).max(limits.maxCommandWords);
/** As it is written: nothing that would have to be resolved. */
function isInside(path: string): boolean {
  const parts = path.split("/");
  if (parts.shift() !== "" || !path.isWellFormed() || /\p{Cc}/u.test(path)) return false;
  return !parts.some((part) => part === "" || part === "." || part === "..");
}

function isMountPoint(path: string): boolean {
  return isInside(path) && !path.includes(":") && !["proc", "sys", "dev"].includes(path.split("/")[1] ?? "");
}

const filesQuery = projectQuery.extend({
  path: z
    .string()
    .max(1024)
    .refine((path) => path === "/" || isInside(path), { error: "an absolute path in the container, without . and .." }),
});

const mebibytes = (bytes: number) => bytes / 1024 ** 2;
const CPU = { error: `it is a number of cores, ${limits.minCpu} to ${limits.maxCpu}` };
const MEMORY = {
  error: `memory is ${mebibytes(limits.minMemoryBytes)} MiB to ${mebibytes(limits.maxMemoryBytes)} MiB (256m, 1.5g)`,
};
const PIDS = { error: `it is a number of processes and threads, 1 to ${limits.maxPids}` };

const spec = z.strictObject({
  image: z.string().min(1).max(256).describe("Name of an image: skerry image ls shows them"),
  command: commandSchema.describe("Instead of the image's own; empty: that one"),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, { error: "a variable is named like PATH" }), word)
    .refine((env) => Object.keys(env).length <= limits.maxVariables, { error: `at most ${limits.maxVariables}` }),
  cpu: z.number().min(limits.minCpu, CPU).max(limits.maxCpu, CPU).describe("Cores, e.g. 0.5"),
  memoryBytes: z.int().min(limits.minMemoryBytes, MEMORY).max(limits.maxMemoryBytes, MEMORY),
  pids: z.int().min(1, PIDS).max(limits.maxPids, PIDS).describe("Processes and threads at once"),
  volumes: z
    .array(
      z.strictObject({
        name: nameSchema.describe("Name of a volume of the project; a path of the machine is none"),
        path: z
          .string()
          .max(1024)
          .refine(isMountPoint, { error: "an absolute path in the container, not / /proc /sys /dev" }),
      }),
    )
    .max(limits.maxMounts)
    .refine((mounts) => new Set(mounts.map(({ path }) => path)).size === mounts.length, { error: "each path once" }),
  network: nameSchema.optional().describe("Name of a network of the project; default: the one that each project has"),
  publish: z
    .array(z.strictObject({ port, hostPort: hostPort.default(0) }))
    .max(limits.maxPublishedPorts)
    .refine((ports) => new Set(ports.map((one) => one.port)).size === ports.length, { error: "each port once" })
    .describe("TCP ports that this machine passes on; hostPort 0: any that is free"),
  restart: z.enum(RESTARTS).describe("Whether it is started again after it has ended by itself"),
  running: z.boolean().describe("False: stopped on purpose"),
});

const status = z.object({
  state: z.enum(CONTAINER_STATES),
  reason: z.string().optional(),
  startedGeneration: z.int(),
  restarts: z.int(),
  exitCode: z.int().optional(),
  outOfMemory: z.boolean().optional(),
  limits: z
    .object({ cpu: z.number(), memoryBytes: z.int(), pids: z.int() })
    .optional()
    .describe("Those that hold, while it runs"),
  address: z.string().optional(),
  ports: z.record(z.string(), z.string()).optional(),
  startedAt: z.string().optional(),
  finishedAt: z.string().optional(),
  lastLines: z.array(z.string()).optional().describe("What it said last before it ended; not escaped"),
});
export const containerSchema = resourceSchema("container", spec.extend({ imageId: z.string() })).extend({
  status: status.optional(),
});
export type ContainerView = z.infer<typeof containerSchema>;

const usage = z.object({
  cpu: z.number().describe("Cores in use"),
  memoryBytes: z.int(),
  memoryLimitBytes: z.int(),
  pids: z.int(),
  receivedBytes: z.int(),
  sentBytes: z.int(),
});
export type UsageView = z.infer<typeof usage>;

const container = resourceSchemas({ schema: containerSchema, ...IN_PROJECT });

/** What goes in and out, by route. */
export const containerSchemas = {
  list: container.list,
  get: container.get,
  create: container.create({ ...ownedFields, spec: spec.partial().required({ image: true }) }),
  update: container.update(
    spec.pick({ running: true, restart: true, cpu: true, memoryBytes: true, pids: true }).partial(),
  ),
  delete: { ...container.delete, query: projectQuery.extend(dryRunQuery.shape) },
  logs: {
    params: nameParams,
    query: projectQuery.extend({
      follow: z.enum(["1"]).optional().describe("Go on with what comes"),
      tail: z.coerce.number().int().min(0).max(1_000_000).optional().describe("Only so many lines from the end"),
      since: z.iso.datetime({ offset: true }).optional().describe("Only what was written since"),
      timestamps: z.enum(["1"]).optional().describe("Each line begins with its time"),
    }),
  },
  exec: {
    params: nameParams,
    query: projectQuery.extend({
      command: commandQuery.describe("JSON list of words"),
      tty: z.enum(["1"]).optional().describe("With a terminal: one stream, and it has a size"),
      columns: side.optional(),
      rows: side.optional(),
    }),
  },
  readFiles: { params: nameParams, query: filesQuery },
  writeFiles: {
    params: nameParams,
    query: filesQuery,
    output: z.object({ files: z.int(), sizeBytes: z.int() }),
  },
  stats: { params: nameParams, query: projectQuery, output: usage },
};
