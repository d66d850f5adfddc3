import { SkerryError } from "@skerry/core/contract/errors.ts";
import { type Applied, applyDeclaration } from "../declare/apply.ts";
import { readDeclaration } from "../declare/declaration.ts";
import { readDocuments } from "../declare/source.ts";
import { escapeText } from "../output/escape.ts";
import { defineCommand } from "./command.ts";

export default defineCommand({
  usage: "-f FILE",
  args: [0, 0],
  options: {
    file: { type: "string", alias: "f", describe: "YAML documents or JSON; - for standard input" },
    "dry-run": { type: "boolean", describe: "Only say what would be done" },
  },
  example: "apply -f cloud.yaml",
  details:
    "A document is {kind, name, project, labels, spec}, of kind bucket, user or project, or what skerry get -o yaml " +
    "shows. All are checked before the first is sent; then they are created, updated, or left as they are.",
  async run(invocation, { flags }) {
    const { terminal, output, signal } = invocation;
    if (flags.file === undefined)
      throw new SkerryError("invalid", "-f FILE is missing.", { hint: "skerry apply -f cloud.yaml" });
    const documents = await readDocuments(flags.file, terminal.stdin);
    const declarations = documents.map(readDeclaration);
    if (declarations.length === 0) throw new SkerryError("invalid", `${flags.file} declares nothing.`);
    const client = await invocation.client();
    const project = await invocation.project();
    const dryRun = flags["dry-run"];
    for (const declaration of declarations) {
      const applied = await applyDeclaration(declaration, { client, signal, dryRun, project });
      if (output.format === "table") await output.text(line(applied, dryRun));
      else await output.done(applied.kind, applied.name, applied.result, applied);
    }
  },
});

function line({ kind, name, result, password }: Applied, dryRun: boolean): string {
  const verb = dryRun && result !== "unchanged" ? `would be ${result}` : result;
  const secret = password === undefined ? "" : `, password (shown only now): ${escapeText(password)}`;
  return `${kind}/${escapeText(name)} ${verb}${secret}\n`;
}
