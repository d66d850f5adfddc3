/** Bounds of what runs in a terminal. Part of `LIMITS`. */
import { KiB, MiB, second } from "./units.ts";

export const CLIENT_LIMITS = {
  cli: {
    /** Files of a folder that are transferred at once. More wait. */
    maxTransfers: 4,
    /** Attempts in a row, without a byte between them, to go on with a broken download. Beyond: it has failed. */
    maxResumes: 6,
    /** First and longest pause before such an attempt. */
    minResumePauseMs: 250,
    /** @see minResumePauseMs */
    maxResumePauseMs: 5 * second,
    /** Bytes of one read of a file that is uploaded. */
    readBytes: 1 * MiB,
    /** Failures of a folder's transfer that are told one by one. More are counted. */
    maxToldFailures: 50,
    /** A file of declarations (`skerry apply`). Beyond: `invalid/too-large`. */
    maxDeclarationBytes: 1 * MiB,
    /** Members of one list or map in it. Beyond: `invalid`. */
    maxDeclarationMembers: 1000,
    /** A file that holds a password, a token or contexts. Beyond: `invalid/too-large`. */
    maxSecretFileBytes: 64 * KiB,
    /** Completion in a shell gives what it has found by then. */
    completionMs: 1 * second,
    /** Pages of names that it reads, of 1000 each at most. */
    completionPages: 10,
    /** `skerry run` waits so long for a container. */
    runMs: 60 * second,
    /** It looks at the container so often. */
    settlePollMs: 150,
    /** One that has run for so long is taken for one that stays up. */
    settleMs: 1 * second,
    /** Containers that `skerry container stats` asks about at once: the engine takes its time for each. */
    maxStatsAtOnce: 8,
    /** After a signal the command may clean up so long. */
    interruptMs: 2 * second,
  },
  doctor: {
    /** One question to a socket or a program of this machine. Beyond: it is silent. */
    askMs: 5 * second,
    /** Longest answer to it. */
    maxAnswerBytes: 1 * MiB,
    /** Time for a look at all of the store's log, and at all of the index. Beyond: it is not said whether it is sound. */
    lookMs: 60 * second,
  },
  tui: {
    /** Rows of a screen that is read in pages. Beyond: it says that there are more, and to filter on the daemon. */
    maxRows: 20_000,
    /** Lines that a log pane keeps. Beyond: the oldest go. */
    maxLogLines: 10_000,
    /** Longest line of a log that is kept, in characters; the rest is cut. */
    maxLogLineLength: 4096,
    /** Shortest time between two drawings of what changes by itself. */
    frameMs: 100,
    /** Shortest time between two questions for what the first line shows. */
    statusPauseMs: 1000,
    /** A restart waits at most so long for the container to have stopped. */
    settleMs: 60 * second,
    /** Longest text that a prompt takes, in characters. */
    maxPromptLength: 1024,
    /** Longest text that a field of a form takes, in characters. */
    maxFieldLength: 64 * 1024,
  },
  service: {
    /** One call to systemd: a stop may take as long as the daemon drains. */
    callMs: 60 * second,
    /** What it says is cut there. */
    maxOutputBytes: 1 * MiB,
  },
} as const;
