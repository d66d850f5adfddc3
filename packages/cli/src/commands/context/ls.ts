import type { Presentation } from "@skerry/core/contract/present/presentation.ts";
import { type Context, describeTarget, readContexts } from "../../context/contexts.ts";
import { defineCommand } from "../command.ts";

/** Without the token: it is never shown. */
type Row = Omit<Context, "token"> & { readonly current: boolean; readonly loggedIn: boolean };

const presentation: Presentation<Row> = {
  kind: "context",
  nameOf: ({ name }) => name,
  columns: [
    { title: "CURRENT", cell: ({ current }) => (current ? "*" : "") },
    { title: "NAME", cell: ({ name }) => name },
    { title: "USER", cell: ({ user }) => user ?? "-" },
    { title: "TARGET", cell: describeTarget },
    { title: "TOKEN", cell: ({ loggedIn }) => (loggedIn ? "yes" : "no") },
    { title: "PROJECT", cell: ({ project }) => project ?? "-" },
  ],
};

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "context ls",
  async run({ terminal, output }) {
    const { contexts, current } = await readContexts(terminal.env);
    const rows = contexts.map(({ token, ...context }) => ({
      ...context,
      current: context.name === current,
      loggedIn: token !== undefined,
    }));
    await output.list(presentation, rows);
  },
});
