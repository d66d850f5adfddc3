/** What stands between an answer and its client. */

export interface AnswerFilter {
  /** It takes no more until `onFilterDrain`. */
  readonly isBlocked: boolean;
  /** It takes more although the client does not. */
  readonly absorbs: boolean;
  /** It gives another body, and needs nothing of the upstream's. */
  readonly replaces?: boolean;
  /** Bytes of the body; the buffer is used again. */
  take(buffer: Buffer, from: number, to: number): void;
  /** The same of bytes that stay as they are: they may be many, and are not copied. */
  give(bytes: Buffer): void;
  /** No more of the body comes now. */
  flush(): void;
  /** All of the body was given; `onFilterEnd` follows when all of it has come out. `trailers` are header lines. */
  end(trailers: string): void;
  /** The client takes more. */
  resume(): void;
  /** It is over, however. */
  close(): void;
}

/** Whose answer is filtered. */
export interface FilterHost {
  /** Bytes that stay as they are; gives whether the client takes more now. Else `resume` follows. */
  onFiltered(bytes: Buffer): boolean;
  onFilterDrain(): void;
  onFilterEnd(trailers: string): void;
  /** The answer cannot be completed. */
  onFilterError(): void;
}
