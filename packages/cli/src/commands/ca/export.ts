import { authorityRoutes } from "@skerry/core/contract/api/route.ts";
import { plainText } from "../../output/escape.ts";
import { writeAll } from "../../output/terminal.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "ca export > skerry-ca.pem",
  details: "Give it to clients, e.g. curl --cacert skerry-ca.pem, or add it to what a machine trusts.",
  async run({ client, terminal, signal }) {
    const { certificate } = await (await client()).call(authorityRoutes.get, { signal });
    await writeAll(terminal.stdout, plainText(certificate));
  },
});
