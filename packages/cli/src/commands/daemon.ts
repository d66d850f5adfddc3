/** The one way from the CLI to the daemon, taken by what runs it or works on its data directory. */
export function loadDaemon(): Promise<typeof import("@skerry/daemon/main.ts")> {
  return import("@skerry/daemon/main.ts");
}
