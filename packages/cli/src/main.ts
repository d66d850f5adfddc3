/** The program `skerry`. Nothing is loaded before it is known to be needed. */
import type { EndSignal, Terminal } from "./output/terminal.ts";

const argv = process.argv.slice(2);
if (argv[0] === "--version" && argv.length === 1) {
  const { VERSION } = await import("./version.ts");
  process.stdout.write(`${VERSION}\n`);
} else {
  const [{ Interrupted }, { LIMITS }] = await Promise.all([
    import("./output/terminal.ts"),
    import("@skerry/core/contract/terms.ts"),
  ]);
  const ended = new AbortController();
  const signals: readonly EndSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const onSignal = (signal: EndSignal) => {
    const reason = new Interrupted(signal);
    // The second time, or when cleaning up takes too long: at once. Temporary files go in the exit handler.
    if (ended.signal.aborted) process.exit(reason.exitStatus);
    ended.abort(reason);
    setTimeout(() => process.exit(reason.exitStatus), LIMITS.cli.interruptMs).unref();
  };
  for (const signal of signals) process.on(signal, onSignal);
  // The reader has gone (`skerry ls | head`): there is nobody to give results to.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  // Nobody listens to what is said beside the results: the work goes on, and the status tells.
  process.stderr.on("error", () => undefined);
  const terminal: Terminal = {
    // Opened when it is read: opening it has effects.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    nowMs: Date.now,
    signal: ended.signal,
    releaseSignals: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
  const { run } = await import("./run.ts");
  process.exit(await run(argv, terminal));
}
