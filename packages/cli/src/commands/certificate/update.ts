import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { changeLabels, LABEL_CHANGE_OPTION } from "../labels.ts";
import { CERTIFICATE_FILES, readCertificateFiles } from "./files.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: { ...CERTIFICATE_FILES, ...LABEL_CHANGE_OPTION },
  example: "certificate update app --cert new.pem --key new.key",
  details:
    "New handshakes get it at once; connections that are there go on. Without --key the key stays, and must fit. With " +
    "another certificate the OCSP response goes, unless one is given.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { label } = flags;
    const spec = await readCertificateFiles(invocation, flags);
    const isNew = Object.keys(spec).length > 0;
    if (label.length === 0 && !isNew) {
      throw new SkerryError("invalid", "Nothing to change was named.", {
        hint: "Say --cert, --key, --ocsp or --label.",
      });
    }
    const client = await invocation.client();
    const project = await invocation.project();
    const named = {
      params: { name: args[0] ?? "" },
      query: project === undefined ? {} : { project },
      signal: invocation.signal,
    };
    const before = label.length === 0 ? undefined : await client.call(certificateRoutes.get, named);
    const made = await client.call(certificateRoutes.update, {
      ...named,
      body: {
        ...(isNew ? { spec } : {}),
        // Labels are replaced as a whole: what somebody else changes meanwhile must not be lost.
        ...(before === undefined
          ? {}
          : { labels: changeLabels(before.meta.labels, label), revision: before.meta.revision }),
      },
    });
    await invocation.output.done("certificate", made.meta.name, "updated", made);
  },
});
