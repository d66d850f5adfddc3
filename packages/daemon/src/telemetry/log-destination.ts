/** Where lines go. Writing never throws and never waits: what cannot be written is dropped and counted. */
export interface LogDestination {
  /** One whole line, with its line break. False when it is dropped. */
  write(line: string): boolean;
  /** Opens a file again under its name (SIGHUP after a rotation by others); nothing for a stream. */
  reopen(): void;
  /** Lines that could not be written. */
  readonly droppedLines: number;
  /** Why the last of them was not: `ENOSPC`, `EAGAIN` (nobody reads) ... */
  readonly lastFailure: string | undefined;
  /** Waits for what is under way, at most `LIMITS.log.closeMs`. */
  close(): void;
}
