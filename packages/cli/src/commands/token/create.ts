import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { escapeText } from "../../output/escape.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";
import { resolveScopes } from "./scopes.ts";

const SECONDS = { s: 1, m: 60, h: 3600, d: 24 * 3600, w: 7 * 24 * 3600, y: 365 * 24 * 3600 } as const;

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    scope: { type: "array", describe: "PATH=ACTION,ACTION; @NAME in PATH is looked up; may be repeated" },
    bucket: { type: "array", describe: "Only the objects of this bucket; may be repeated" },
    "read-only": { type: "boolean", describe: "Only reading, of all that is named (or of everything)" },
    expires: { type: "string", describe: "Works no longer than this: 45m, 12h, 30d, 8w, 1y" },
    ...LABEL_OPTION,
  },
  example: "token create ci --bucket builds --expires 30d",
  details:
    "May do what both its scopes and you may; without a scope, all that you may. The secret is shown this once on stdout: skerry token create ci > ci.token",
  async run(invocation, { args, flags }) {
    const { signal, output } = invocation;
    const expiresInSeconds = flags.expires === undefined ? undefined : parseSpan(flags.expires);
    const labels = parseLabels(flags.label);
    const client = await invocation.client();
    const wishes = { scopes: flags.scope, buckets: flags.bucket, readOnly: flags["read-only"] };
    const scopes = await resolveScopes(client, wishes, signal);
    const answer = await client.call(tokenRoutes.create, {
      body: {
        name: args[0] ?? "",
        ...(flags.label.length === 0 ? {} : { labels }),
        ...(scopes === undefined ? {} : { scopes }),
        ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
      },
      signal,
    });
    const { name } = answer.token.meta;
    if (output.format !== "table") return output.done("token", name, "created", answer);
    output.note(`token/${name} created. The secret, shown only now:`);
    await output.text(`${escapeText(answer.secret)}\n`);
  },
});

/** Seconds in `30d`. @throws `invalid` */
function parseSpan(text: string): number {
  const match = /^(\d{1,9})([smhdwy])$/.exec(text);
  const seconds = match === null ? 0 : Number(match[1]) * SECONDS[match[2] as keyof typeof SECONDS];
  if (seconds > 0) return seconds;
  throw new SkerryError("invalid", `--expires ${JSON.stringify(text)} is not a span of time.`, {
    hint: "A number and a unit: 45m, 12h, 30d, 8w, 1y.",
  });
}
