import type { ClientEvent } from "@skerry/core/contract/client/events.ts";
import type { Presentation } from "@skerry/core/contract/present/presentation.ts";
import { formatTime } from "@skerry/core/contract/present/values.ts";
import { escapeJson } from "../../output/escape.ts";
import { defineCommand } from "../command.ts";
import { type AnyResource, type Descriptor, LABELS_OPTION, listQuery, readableNow } from "./descriptor.ts";

interface Change {
  readonly type: "ADDED" | "CHANGED" | "DELETED";
  /** When it was seen here. */
  readonly time: string;
  readonly item: AnyResource;
}

/** What is there, then each change, until it is ended. JSON: one line each. */
export function watchOf(descriptor: Descriptor) {
  return defineCommand({
    usage: "",
    args: [0, 0],
    options: LABELS_OPTION,
    takesProject: descriptor.listsByProject,
    example: `${descriptor.kind} watch -o json`,
    details:
      "Shows what is there as ADDED, then each change, until Ctrl-C; TIME is when it was seen here. With -o json, one " +
      "line for each.",
    async run({ client, ...invocation }, { flags }) {
      const { output, signal, terminal } = invocation;
      const query = await listQuery({ ...invocation, client }, descriptor, flags.labels);
      const writer = output.format === "table" ? await output.rows(presentChange(descriptor.presentation)) : undefined;
      const readable = async (changes: readonly Change[]) => {
        const items = await readableNow(
          { ...invocation, client },
          descriptor,
          changes.map(({ item }) => item),
        );
        return changes.map((change, i) => ({ ...change, item: items[i] ?? change.item }));
      };
      const known = new Known();
      let lost = false;
      const events = (await client()).watch(descriptor.list, { query, signal }) as AsyncGenerator<
        ClientEvent<AnyResource>
      >;
      for await (const event of events) {
        if (event.type === "stale") {
          // Said once: the attempts that follow are no news.
          if (!lost) output.note(`The connection is lost, trying again: ${event.error.message}`);
          lost = true;
          continue;
        }
        // It may break before anything comes.
        if (event.type === "connected") continue;
        if (lost) output.note("Connected again.");
        lost = false;
        const time = new Date(terminal.nowMs()).toISOString();
        const changes = known.take(event).map((change) => ({ ...change, time }));
        if (writer !== undefined) await writer(await readable(changes));
        else for (const change of changes) await output.text(await formatChange(change, output.format, descriptor));
      }
    },
  });
}

/** What has been shown, so that a change is told from something new, also after a list that begins anew. */
class Known {
  readonly #items = new Map<string, AnyResource>();

  take(event: ClientEvent<AnyResource>): Omit<Change, "time">[] {
    if (event.type === "put") return this.#put(event.item);
    if (event.type === "delete") return this.#delete(event.item);
    if (event.type !== "reset") return [];
    const there = new Set(event.items.map(({ meta }) => meta.uid));
    const gone = [...this.#items.values()].filter(({ meta }) => !there.has(meta.uid));
    return [...gone.flatMap((item) => this.#delete(item)), ...event.items.flatMap((item) => this.#put(item))];
  }

  #put(item: AnyResource): Omit<Change, "time">[] {
    const before = this.#items.get(item.meta.uid);
    this.#items.set(item.meta.uid, item);
    if (before === undefined) return [{ type: "ADDED", item }];
    return before.meta.revision === item.meta.revision ? [] : [{ type: "CHANGED", item }];
  }

  #delete(item: AnyResource): Omit<Change, "time">[] {
    this.#items.delete(item.meta.uid);
    return [{ type: "DELETED", item }];
  }
}

function presentChange(presentation: Presentation<AnyResource>): Presentation<Change> {
  const { kind, nameOf, columns, leaveOut = [] } = presentation;
  const apart = new Set(columns.filter((column) => column.apart).map(({ title }) => title));
  return {
    kind,
    nameOf: ({ item }) => nameOf(item),
    // What comes later may differ, when the columns are chosen.
    leaveOut: leaveOut.filter((title) => !apart.has(title)),
    columns: [
      { title: "TIME", cell: ({ time }) => formatTime(time), whole: true },
      { title: "CHANGE", cell: ({ type }) => type.padEnd("CHANGED".length), whole: true },
      ...columns.map(({ cell, lines: _lines, order: _order, ...column }) => ({
        ...column,
        cell: ({ item }: Change, nowMs: number) => cell(item, nowMs),
      })),
    ],
  };
}

async function formatChange(change: Change, format: string, { presentation }: Descriptor): Promise<string> {
  if (format === "json") return `${escapeJson(JSON.stringify(change))}\n`;
  if (format === "yaml") return `---\n${(await import("../../output/yaml.ts")).formatYaml(change)}`;
  const { escapeText } = await import("../../output/escape.ts");
  return `${change.type} ${escapeText(presentation.nameOf(change.item))}\n`;
}
