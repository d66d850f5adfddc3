/** What a screen is: where its rows come from, how they show, and what its keys do. It calls nothing itself. */
import type { CallInput } from "@skerry/core/contract/client/client.ts";
import type { Presentation } from "@skerry/core/contract/present/presentation.ts";
import type { Route, RouteOutput } from "@skerry/core/contract/route.ts";
import type { Tone } from "../components/line.ts";
import type { FormSection, Spec } from "../form/draft.ts";

/** A call that the hooks make. */
export interface Call {
  readonly route: Route;
  readonly input: CallInput<Route>;
}

/** Checks that the input belongs to the route; nothing else happens. */
export function callOf<R extends Route>(route: R, input: CallInput<R> = {}): Call {
  return { route, input: input as unknown as CallInput<Route> };
}

export type Source<T> =
  | ListSource<T>
  | LineSource<T>
  | PollSource<T>
  /** What the routes of the gateway serve, measured every so often. */
  | { readonly kind: "traffic" };

/** What no event tells of: asked for every so often. */
export interface PollSource<T> {
  readonly kind: "poll";
  readonly call: Call;
  readonly rowsOf: (answer: unknown) => readonly T[];
}

/** Lines that come without end: the newest are kept. */
export interface LineSource<T> {
  readonly kind: "lines";
  readonly call: () => Call;
  /** Undefined: it is no row. */
  readonly rowOf: (line: string) => T | undefined;
}

export type ListSource<T> =
  /** A list that is followed: it shows what is there now. `keep`: no more than so many, the oldest go. */
  | { readonly kind: "watch"; readonly call: Call; readonly keep?: number }
  /** What cannot be watched: it shows what was there when it was asked for. */
  | { readonly kind: "snapshot"; readonly call: Call; readonly rowsOf: (answer: unknown) => readonly T[] }
  /** A list that is read page by page as one scrolls down, and followed as far as it has been read. */
  | {
      readonly kind: "pages";
      readonly call: Call;
      readonly rowsOf: (answer: unknown) => readonly T[];
      /** The daemon's order: by the UTF-8 bytes of this. */
      readonly orderOf: (item: T) => string;
    };

/** How a snapshot's answer is read. */
export function snapshotOf<R extends Route, T>(
  route: R,
  input: CallInput<R>,
  rowsOf: (answer: RouteOutput<R>) => readonly T[],
): ListSource<T> {
  return { kind: "snapshot", call: callOf(route, input), rowsOf: rowsOf as (answer: unknown) => readonly T[] };
}

/** How an answer that is asked for again and again is read. */
export function pollOf<R extends Route, T>(
  route: R,
  input: CallInput<R>,
  rowsOf: (answer: RouteOutput<R>) => readonly T[],
): PollSource<T> {
  return { kind: "poll", call: callOf(route, input), rowsOf: rowsOf as (answer: unknown) => readonly T[] };
}

/** How a page is read, and where its rows belong. */
export function pagesOf<R extends Route, T>(
  route: R,
  input: CallInput<R>,
  rowsOf: (answer: RouteOutput<R>) => readonly T[],
  orderOf: (item: T) => string,
): ListSource<T> {
  return { kind: "pages", call: callOf(route, input), rowsOf: rowsOf as (answer: unknown) => readonly T[], orderOf };
}

export interface LogSource {
  /** `since`: when the connection broke (ISO); undefined: from where one begins to read. */
  readonly call: (since: string | undefined) => Call;
}

/** What a key, or Enter, leads to. */
export type Intent =
  /** `filter`: what is chosen there first. */
  | { readonly kind: "open"; readonly screen: Screen; readonly filter?: string }
  | { readonly kind: "detail" }
  /** Holds the rows as they are while others come, or goes on. */
  | { readonly kind: "pause" }
  /** Another choice of rows. */
  | { readonly kind: "filter"; readonly change: (filter: string) => string }
  /** Lines that come. */
  | { readonly kind: "log"; readonly title: string; readonly source: LogSource }
  /** Done at once: it can be undone the same way. */
  | {
      readonly kind: "call";
      readonly call: Call;
      readonly done: string;
      /** What is done as soon as the row is so. */
      readonly then?: { readonly when: (item: Row) => boolean; readonly call: Call; readonly done: string };
    }
  /** A command of the CLI that takes the terminal until it ends. */
  | { readonly kind: "command"; readonly words: readonly string[] }
  /** Asks for texts first. What it makes is a row of the screen. */
  | {
      readonly kind: "prompt";
      readonly title: string;
      readonly hint: string;
      readonly fields: readonly Field[];
      readonly call: (...texts: string[]) => Call;
      readonly done: (...texts: string[]) => string;
      /** What Enter does; `create` when nothing is said. */
      readonly word?: string;
      /** What will happen: asked once more before it does. */
      readonly sure?: (...texts: string[]) => string;
      /** The answer is to be read: nothing was made. `done` is its title. */
      readonly shows?: (answer: unknown) => readonly Paragraph[];
      /** What is changed is there already. */
      readonly changes?: boolean;
    }
  /** Done when somebody is sure. */
  | {
      readonly kind: "sure";
      readonly title: string;
      readonly hint: string;
      readonly word: string;
      readonly call: Call;
      readonly done: string;
    }
  /** All of a route, as it is and as it goes on. */
  | { readonly kind: "route"; readonly name: string; readonly project: string }
  | FormIntent
  /** Destroys: done when the name has been typed. */
  | {
      readonly kind: "confirm";
      readonly title: string;
      readonly hint: string;
      readonly name: string;
      readonly call: Call;
      readonly done: string;
    };

/** Asks for all that something has: looked at before it is done. What it makes is a row of the screen. */
export interface FormIntent {
  readonly kind: "form";
  readonly title: string;
  /** The first is open, and has what everybody needs. */
  readonly sections: readonly FormSection[];
  /** What is there; undefined: it is made. */
  readonly before?: { readonly spec: Spec; readonly revision: number };
  /** What stands in the fields with `@`. */
  readonly beside: Readonly<Record<string, string>>;
  /** What is sent for this spec. Undefined: nothing would change. */
  readonly call: (draft: Draft, dryRun: boolean) => Call | undefined;
  readonly done: (draft: Draft) => string;
  /** As it is now, when somebody else has changed it meanwhile. */
  readonly read?: Call;
  readonly specOf: (item: unknown) => { readonly spec: Spec; readonly revision: number };
}

/** What a form says. */
export interface Draft {
  readonly before: Spec;
  readonly spec: Spec;
  readonly revision: number | undefined;
  /** Of a field with `@`; empty when nothing was said. */
  readonly said: (path: string) => string;
}

/** Text to read. Not escaped; what is longer than a line goes on below. */
export interface Paragraph {
  /** Before its first line. */
  readonly mark?: string;
  readonly text: string;
  readonly tone?: Tone;
  readonly bold?: boolean;
}

export interface Field {
  readonly label: string;
  /** What stands there first. */
  readonly value?: string;
  /** It may be left empty. */
  readonly optional?: boolean;
}

/** The rows of a screen are the app's by no other than their columns. */
export type Row = never;

export interface ScreenKey<T> {
  readonly key: string;
  /** For the last line and the help. */
  readonly does: string;
  /** With the chosen row; undefined when there is none. Answers nothing when it means nothing there. */
  readonly intent: (item: T | undefined) => Intent | undefined;
}

export interface Screen<T = never> {
  /** Its word, as in `skerry bucket ls`. */
  readonly id: string;
  readonly title: string;
  readonly presentation: Presentation<T>;
  readonly source: Source<T>;
  readonly idOf: (item: T) => string;
  readonly toneOf?: (item: T) => Tone;
  /** What Enter does. */
  readonly enter: (item: T) => Intent;
  readonly enterDoes: string;
  readonly keys: readonly ScreenKey<T>[];
  /** Shows numbers that no event tells of: it asks again when the totals of the storage have changed. */
  readonly followsTotals?: boolean;
  /** What it tells of one row instead of all that the row holds. */
  readonly detail?: (item: T) => unknown;
  /** How what is typed into the filter is meant; absent: as a part of what is seen. */
  readonly wants?: (filter: string) => (item: T) => boolean;
  /** Words of that, for the help. */
  readonly filterWords?: readonly (readonly [word: string, does: string])[];
  /** Its first column is a time: the newest row stands first, and stays in sight while nobody has gone further down. */
  readonly newestFirst?: boolean;
  /** What stands there when there is no row. */
  readonly empty: string;
}

/** Forgets which rows it has: the app hands what the source gives to the screen, unseen. */
export function defineScreen<T>(screen: Screen<T>): Screen {
  return screen as unknown as Screen;
}

/** The key that deletes. */
export function removeKey<T>(
  what: string,
  nameOf: (item: T) => string,
  call: (item: T) => Call,
  hint = "This cannot be undone.",
): ScreenKey<T> {
  return {
    key: "d",
    does: "delete",
    intent: (item) => {
      if (item === undefined) return undefined;
      const name = nameOf(item);
      const title = `Delete ${what} ${name}`;
      return { kind: "confirm", title, hint, name, call: call(item), done: `${what} ${name} deleted` };
    },
  };
}
