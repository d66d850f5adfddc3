import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { auditPresentation } from "@skerry/core/contract/present/node.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {
    limit: { type: "string", describe: `Newest so many, at most ${LIMITS.auth.maxAuditTail} (default: 100)` },
  },
  example: "audit ls --limit 20",
  async run(invocation, { flags }) {
    const text = flags.limit ?? "100";
    const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (limit < 1 || limit > LIMITS.auth.maxAuditTail) {
      throw new SkerryError("invalid", `--limit is a number from 1 to ${LIMITS.auth.maxAuditTail}.`);
    }
    const client = await invocation.client();
    const { items } = await client.call(nodeRoutes.audit, { query: { limit }, signal: invocation.signal });
    await invocation.output.list(auditPresentation, items);
  },
});
