/** What the plain verbs need to know of a kind of resource. Each kind says it in `commands/<kind>/resource.ts`. */
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError, SkerryError } from "@skerry/core/contract/errors.ts";
import type { Presentation } from "@skerry/core/contract/present/presentation.ts";
import type { Route } from "@skerry/core/contract/route.ts";
import type { Meta } from "@skerry/core/contract/schema.ts";
import type { Invocation } from "../command.ts";

/** What all resources have. */
export interface AnyResource {
  readonly kind: string;
  readonly meta: Meta;
}

export interface Descriptor<T extends AnyResource = AnyResource> {
  readonly kind: string;
  readonly list: Route;
  /** Absent: found in the list by its name. */
  readonly get?: Route;
  readonly delete?: Route;
  /** The word for a parameter of `delete`: a session has no name that anybody knows. */
  readonly param: "name" | "uid";
  /** Whether the list, or what is asked about one by its name, takes `?project=`. */
  readonly listsByProject: boolean;
  readonly namedByProject: boolean;
  /** For `rm -h`, where a name alone does not say it. */
  readonly rmExample?: string;
  /** What a person is told of what is lost before one removes it; absent: nothing is, and nobody is asked. */
  readonly rmLoses?: string;
  readonly presentation: Presentation<T>;
  /** Says of a word that cannot be a name what people mean by it. @throws `invalid` */
  readonly assertName?: (text: string) => void;
  /** As people are shown them, where that takes more than the resources themselves. */
  readonly readable?: (client: Client, items: readonly T[], signal: AbortSignal) => Promise<readonly T[]>;
}

/** Forgets which resource it is: the verbs hand what the routes answer to the presentation, unseen. */
export function describeResource<T extends AnyResource>(
  descriptor: Partial<Descriptor<T>> & Pick<Descriptor<T>, "list" | "presentation">,
): Descriptor {
  return {
    kind: descriptor.presentation.kind,
    param: "name",
    listsByProject: false,
    namedByProject: false,
    ...descriptor,
  } as unknown as Descriptor;
}

/** For a command to which `--project` says something only with some kinds. @throws `invalid` */
export function assertNoProject({ globals }: Pick<Invocation, "globals">, kind: string): void {
  if (globals.project === undefined) return;
  throw new SkerryError(
    "invalid",
    `--project says nothing here: a ${kind} is in no project, or found by its name alone.`,
    {
      hint: "Leave it out.",
    },
  );
}

/** The query of a list: labels, and the project when this kind has one. */
export async function listQuery(
  invocation: Invocation,
  { kind, listsByProject }: Descriptor,
  labels: string | undefined,
): Promise<Record<string, string>> {
  if (!listsByProject) assertNoProject(invocation, kind);
  const project = listsByProject ? await invocation.project() : undefined;
  return { ...(labels === undefined ? {} : { labels }), ...(project === undefined ? {} : { project }) };
}

export function listItems(
  client: Client,
  { list }: Descriptor,
  query: Record<string, string>,
  signal: AbortSignal,
): AsyncGenerator<AnyResource> {
  return client.items(list, { query, signal }) as AsyncGenerator<AnyResource>;
}

/** On the way to a table, names instead of uids. Scripts get the resources as they are. */
export async function* readableItems(
  { client, output, signal }: Invocation,
  { readable }: Descriptor,
  items: AsyncIterable<AnyResource>,
): AsyncGenerator<AnyResource> {
  if (readable === undefined || output.format !== "table") return yield* items;
  // Together: what one name costs serves them all.
  yield* await readable(await client(), await Array.fromAsync(items), signal);
}

/** The same while they change. What cannot be looked up just now is shown as it is: following goes on. */
export async function readableNow(
  { client, signal }: Pick<Invocation, "client" | "signal">,
  { readable }: Descriptor,
  items: readonly AnyResource[],
): Promise<readonly AnyResource[]> {
  if (readable === undefined || items.length === 0) return items;
  try {
    return await readable(await client(), items, signal);
  } catch (error) {
    if (isError(error, "unavailable") || isError(error, "exhausted")) return items;
    throw error;
  }
}

export const LABELS_OPTION = {
  labels: { type: "string", describe: "Only with these labels: a=b,c!=d,e in (x,y),f,!g" },
} as const;
