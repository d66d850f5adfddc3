/** A call about one resource, by its name, in the project that is meant. */
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Invocation } from "./command.ts";
import { changeLabels } from "./labels.ts";

interface Named {
  readonly params: { readonly name: string };
  readonly query: { readonly project?: string };
  readonly signal: AbortSignal;
}

/** The client, and what each of its calls about the resource says. For a command that `takesProject`. */
export async function callsAbout(
  invocation: Invocation,
  name = "",
): Promise<{ readonly client: Client; readonly named: Named }> {
  const client = await invocation.client();
  const project = await invocation.project();
  const query = project === undefined ? {} : { project };
  return { client, named: { params: { name }, query, signal: invocation.signal } };
}

interface Labelled {
  readonly meta: { readonly labels: Readonly<Record<string, string>>; readonly revision: number };
}

/**
 * What the body of an update says of labels; `before` is absent when there is nothing to say. They are replaced as a whole:
 * what somebody else changes meanwhile must not be lost. @throws `invalid`.
 */
export function labelsIn(
  before: Labelled | undefined,
  label: readonly string[],
): { labels?: Record<string, string>; revision?: number } {
  if (before === undefined) return {};
  return { labels: changeLabels(before.meta.labels, label), revision: before.meta.revision };
}
