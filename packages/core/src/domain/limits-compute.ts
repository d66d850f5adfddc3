/** Bounds of containers and images. Part of `LIMITS`. */
import { GiB, KiB, MiB, minute, second } from "./units.ts";

export const COMPUTE_LIMITS = {
  compute: {
    /** Containers of one project: a /28 network has room for so many. Beyond: `exhausted/quota`. */
    maxContainersPerProject: 12,
    /** Volumes of one project. Beyond: `exhausted/quota`. */
    maxVolumesPerProject: 64,
    /** Networks of one project, besides the one that each has; those with containers are in the engine. Beyond: `exhausted/quota`. */
    maxNetworksPerProject: 64,
    /** Volumes of one container. Beyond: `invalid`. */
    maxMounts: 32,
    /** Cores of a container that names none. */
    defaultCpu: 1,
    /** Fewest and most cores that one may name. Beyond: `invalid`. */
    minCpu: 0.01,
    /** @see minCpu */
    maxCpu: 256,
    /** Memory of a container that names none, without swap. Beyond: the kernel ends it. */
    defaultMemoryBytes: 512 * MiB,
    /** Least and most memory that one may name. Beyond: `invalid`. */
    minMemoryBytes: 8 * MiB,
    /** @see minMemoryBytes */
    maxMemoryBytes: 1024 * GiB,
    /** Processes and threads of a container that names no number. Beyond: the kernel starts no more. */
    defaultPids: 256,
    /** Most that one may name. Beyond: `invalid`. */
    maxPids: 4096,
    /** Words of a command. Beyond: `invalid`. */
    maxCommandWords: 256,
    /** Characters of each word, and of the value of a variable. Beyond: `invalid`. */
    maxWordLength: 4096,
    /** Variables of one container. Beyond: `invalid`. */
    maxVariables: 128,
    /** Published ports of one container. Beyond: `invalid`. */
    maxPublishedPorts: 32,
    /** What the engine keeps of a container's output: so many files of so many bytes. */
    logFileBytes: 10 * MiB,
    /** @see logFileBytes */
    logFiles: 2,
    /** Characters of a line of the engine's events; a longer one is cut in pieces. */
    maxLineLength: 64 * KiB,
    /** Lines that the status keeps of what a container said last, and their length in characters. */
    lastLines: 10,
    /** @see lastLines */
    maxLastLineLength: 400,
    /** One call to the container engine. Beyond: `unavailable/timeout`. */
    engineCallMs: 30 * second,
    /** The same, of one that unpacks an image. Beyond: `unavailable/timeout`. */
    loadImageMs: 10 * minute,
    /** An image file, as it comes and unpacked. Beyond: `invalid/too-large`. */
    maxImageBytes: 8 * GiB,
    /** Files in it. Beyond: `invalid/too-large`. */
    maxImageEntries: 4096,
    /** Files and folders in its layers, together. Beyond: `invalid/too-large`. */
    maxImageFiles: 200_000,
    /** Bytes of its manifest. Beyond: `invalid/too-large`. */
    maxManifestBytes: 1 * MiB,
    /** Bytes of its config, with labels and history: the engine reads those of all images for each list. Beyond: `invalid/too-large`. */
    maxImageConfigBytes: 64 * KiB,
    /** Bytes of the files in it that could be its config. Beyond: `invalid`. */
    maxImageTextBytes: 16 * MiB,
    /** Layers in it. Beyond: `invalid/too-large`. */
    maxImageLayers: 128,
    /** Images that are loaded at once. Beyond: `exhausted/overload`. */
    maxImageLoads: 8,
    /** The same, of one project. Beyond: `exhausted/overload`. */
    maxImageLoadsPerProject: 4,
    /** Questions about images, of one project at once. Beyond: `exhausted/overload`. */
    maxImageCallsPerProject: 32,
    /** Images of one project, by name. Beyond: `exhausted/quota`. */
    maxImagesPerProject: 64,
    /** Bytes that are copied into or out of a container at once. Beyond: `invalid/too-large`, or the stream breaks off. */
    maxCopyBytes: 8 * GiB,
    /** Files that are copied into one at once. Beyond: `invalid/too-large`. */
    maxCopyEntries: 4096,
    /** Copying into one. Beyond: `unavailable/timeout`. */
    copyMs: 30 * minute,
    /** Time that a container has to end by itself. */
    stopGraceSeconds: 10,
    /** The same, of one that is removed. */
    removeGraceSeconds: 2,
    /** First and longest pause before a container that has ended is started again. */
    minRestartMs: 250,
    /** @see minRestartMs */
    maxRestartMs: 1 * minute,
    /** One that ran for so long begins again with the first pause. */
    stableMs: 1 * minute,
    /** Containers that are converged at once. The rest waits. */
    maxConverging: 8,
    /** The same, of one project: what it stops and starts does not keep the others waiting. */
    maxConvergingOfProject: 4,
    /** Time between two looks at all containers and the rules that guard them, besides those that an event asks for. */
    convergeEveryMs: 10 * second,
    /** Time between two attempts to follow the engine's events. */
    engineRetryMs: 1 * second,
    /** A delete waits so long for the container to be gone; it goes on afterwards. */
    deleteWaitMs: 20 * second,
    /** Networks of the pool that are tried for a project. Beyond: `exhausted`. */
    maxNetworkAttempts: 64,
  },
  terminal: {
    /** Terminals (exec, shell) at once over all principals. Beyond: `exhausted/overload`. */
    maxTerminals: 256,
    /** Terminals of one principal. Beyond: `exhausted/rate`. */
    maxTerminalsPerPrincipal: 32,
    /** One message of a terminal. Beyond: it is closed. */
    maxMessageBytes: 1 * MiB,
    /** Messages that wait to be taken; then the other side waits. */
    maxQueuedMessages: 16,
    /** Time between two signs of life; a terminal that misses one is closed. */
    pingMs: 30 * second,
    /** A window has at most so many columns or rows. Beyond: `invalid`. */
    maxWindow: 4096,
  },
} as const;
