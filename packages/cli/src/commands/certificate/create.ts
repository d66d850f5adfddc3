import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { CERTIFICATE_USES } from "@skerry/core/contract/lists.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";
import { CERTIFICATE_FILES, readCertificateFiles } from "./files.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    ...CERTIFICATE_FILES,
    use: {
      type: "string",
      choices: CERTIFICATE_USES,
      describe: "server (default): for hosts of the project's routes; client: shown to upstreams that ask for one",
    },
    ...LABEL_OPTION,
  },
  example: "certificate create app --cert app.pem --key app.key",
  details:
    "Hosts of the project's routes get it when it names them: the most specific name wins, then the one that expires " +
    "last. The key is sealed on disk and never shown again.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { label, use } = flags;
    const { certificate, key, ocsp } = await readCertificateFiles(invocation, flags);
    if (certificate === undefined || key === undefined) {
      throw new SkerryError("invalid", `--${certificate === undefined ? "cert" : "key"} is missing.`, {
        hint: "Like this: skerry certificate create app --cert app.pem --key app.key",
      });
    }
    const client = await invocation.client();
    const project = await invocation.project();
    const made = await client.call(certificateRoutes.create, {
      body: {
        name: args[0] ?? "",
        ...(project === undefined ? {} : { project }),
        ...(label.length === 0 ? {} : { labels: parseLabels(label) }),
        spec: { certificate, key, ...(use === undefined ? {} : { use }), ...(ocsp === undefined ? {} : { ocsp }) },
      },
      signal: invocation.signal,
    });
    await invocation.output.done("certificate", made.meta.name, "created", made);
  },
});
