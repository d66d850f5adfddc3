import type { ClientEvent } from "@skerry/core/contract/client/events.ts";
import type { Column, Presentation } from "@skerry/core/contract/present/presentation.ts";
import { escapeJson } from "../../output/escape.ts";
import { defineCommand } from "../command.ts";
import { type AnyResource, type Descriptor, LABELS_OPTION, listQuery } from "./descriptor.ts";

interface Change {
  readonly type: "there" | "put" | "delete";
  readonly item: AnyResource;
}

/** What is there, then each change, until it is ended. JSON: one line each. */
export function watchOf(descriptor: Descriptor) {
  return defineCommand({
    usage: "",
    args: [0, 0],
    options: LABELS_OPTION,
    example: `${descriptor.kind} watch -o json`,
    details: "Shows what is there, then each change, until Ctrl-C. With -o json, one line for each.",
    async run({ client, ...invocation }, { flags }) {
      const { output, signal } = invocation;
      const query = await listQuery({ ...invocation, client }, descriptor, flags.labels);
      const writer = output.format === "table" ? output.rows(presentChange(descriptor.presentation)) : undefined;
      const write = async (changes: readonly Change[]) => {
        if (writer !== undefined) await writer(changes);
        else for (const change of changes) await output.text(await formatChange(change, output.format, descriptor));
      };
      const events = (await client()).watch(descriptor.list, { query, signal }) as AsyncGenerator<
        ClientEvent<AnyResource>
      >;
      for await (const event of events) {
        if (event.type === "reset") await write(event.items.map((item) => ({ type: "there", item })));
        else if (event.type === "put" || event.type === "delete") await write([event]);
        else if (event.type === "stale") output.note(`The connection is lost, trying again: ${event.error.message}`);
      }
    },
  });
}

function presentChange(presentation: Presentation<AnyResource>): Presentation<Change> {
  const columns = presentation.columns.map(
    (column): Column<Change> => ({ ...column, cell: ({ item }, nowMs) => column.cell(item, nowMs) }),
  );
  return {
    kind: presentation.kind,
    nameOf: ({ item }) => presentation.nameOf(item),
    columns: [{ title: "CHANGE", cell: ({ type }) => type }, ...columns],
  };
}

async function formatChange(change: Change, format: string, { presentation }: Descriptor): Promise<string> {
  if (format === "json") return `${escapeJson(JSON.stringify(change))}\n`;
  if (format === "yaml") return `---\n${(await import("../../output/yaml.ts")).formatYaml(change)}`;
  const { escapeText } = await import("../../output/escape.ts");
  return `${change.type} ${escapeText(presentation.nameOf(change.item))}\n`;
}
