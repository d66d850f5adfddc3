import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { LABEL_CHANGE_OPTION } from "../labels.ts";
import { callsAbout, labelsIn } from "../named.ts";
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
    const { client, named } = await callsAbout(invocation, args[0]);
    const before = label.length === 0 ? undefined : await client.call(certificateRoutes.get, named);
    const made = await client.call(certificateRoutes.update, {
      ...named,
      body: {
        ...(isNew ? { spec } : {}),
        ...labelsIn(before, label),
      },
    });
    await invocation.output.done("certificate", made.meta.name, "updated", made);
  },
});
