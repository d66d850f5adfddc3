/** What the threads of the index tell one another. Plain data; several requests and answers in one message. */
import type { IndexOp, ListObjectsOptions } from "../../../domain/objects.ts";
import type { WireError } from "./faults.ts";

/** `workerData` of the threads. */
export interface ThreadOptions {
  readonly role: "writer" | "reader" | "verifier" | "copier";
  /** Absolute path of the database. */
  readonly path: string;
  readonly cluster: string;
  readonly keepChanges: number;
  /** Tests of a full disk: `PRAGMA max_page_count` of the database. */
  readonly maxPages?: number;
}

export type ReadRequest =
  | { readonly read: "get"; readonly bucket: string; readonly key: string }
  | { readonly read: "list"; readonly options: ListObjectsOptions }
  | { readonly read: "totals"; readonly bucket?: string }
  | { readonly read: "changes"; readonly cursor: number; readonly limit: number }
  | { readonly read: "chunks"; readonly after: string; readonly limit: number }
  | { readonly read: "chunk"; readonly id: string }
  | { readonly read: "objectOf"; readonly chunk: string }
  | { readonly read: "garbage"; readonly limit: number };

/** To the verifier. */
export interface VerifyRequest {
  readonly verify: "all";
}

/** To the copier: first what is copied is fixed, then it is copied. */
export type CopyRequest = { readonly copy: "begin"; readonly into: string } | { readonly copy: "finish" };

export type Request = readonly IndexOp[] | ReadRequest | VerifyRequest | CopyRequest;

export type ToThread = { readonly open: true } | { readonly close: true } | { readonly requests: readonly Request[] };

/** One request's answer. */
export interface Answer {
  readonly value?: unknown;
  readonly error?: WireError;
}

export type FromThread =
  | { readonly opened: true }
  | { readonly refused: WireError }
  | {
      readonly answers: readonly Answer[];
      readonly durationMs: number;
      /** Why the writer takes no more. */
      readonly failure?: WireError;
    };
