import { SkerryError } from "@skerry/core/contract/errors.ts";
import { type Applied, applyDeclaration, rehearse } from "../declare/apply.ts";
import { assertDistinct, type Declaration, isOfProject, readDeclaration } from "../declare/declaration.ts";
import { assertApplicable, type Change, type Plan, planDeclaration } from "../declare/plan.ts";
import { readDocuments } from "../declare/source.ts";
import { escapeJson, escapeText } from "../output/escape.ts";
import { defineCommand, type Invocation } from "./command.ts";

export default defineCommand({
  usage: "-f FILE",
  args: [0, 0],
  options: {
    file: { type: "string", alias: "f", describe: "YAML documents or JSON; - for standard input" },
    "dry-run": { type: "boolean", describe: "Only show what would change, field by field" },
  },
  example: "apply -f cloud.yaml",
  more: [["apply -f cloud.yaml --dry-run", "what it would change"]],
  details:
    "A document is {kind, name, project, labels, spec}, of kind bucket, route, user or project, or what skerry get -o yaml " +
    "shows. All are checked before the first is sent; then they are created, updated, or left as they are. --dry-run asks " +
    "the cloud for each change whether you may make it.",
  async run(invocation, { flags }) {
    const { terminal, output, signal } = invocation;
    if (flags.file === undefined)
      throw new SkerryError("invalid", "-f FILE is missing.", { hint: "skerry apply -f cloud.yaml" });
    const documents = await readDocuments(flags.file, terminal.stdin);
    const declarations = documents.map(readDeclaration);
    if (declarations.length === 0) throw new SkerryError("invalid", `${flags.file} declares nothing.`);
    assertDistinct(declarations);
    if (flags["dry-run"]) return dryRun(invocation, declarations);
    const client = await invocation.client();
    const project = await invocation.project();
    for (const declaration of declarations) {
      const applied = await applyDeclaration(declaration, { client, signal, project });
      if (output.format === "table") await output.text(line(applied));
      else await output.done(applied.kind, applied.name, applied.result, applied);
    }
  },
});

/** Everything is looked at before anything is shown: a plan that would be refused is none. */
async function dryRun(invocation: Invocation, declared: readonly Declaration[]): Promise<void> {
  const { output, signal } = invocation;
  const client = await invocation.client();
  const project = await invocation.project();
  const options = { client, signal, project };
  const plans: { declaration: Declaration; plan: Plan }[] = [];
  const made = new Set<string>();
  for (const one of declared) {
    const plan = await planDeclaration(one, client, signal, project);
    // Where it would go when it names no project.
    const placed = isOfProject(one.kind) && project !== undefined && plan.result === "created";
    const declaration = placed ? { project, ...one } : one;
    await assertApplicable(declaration, plan, made, options);
    // Into what is not there yet nobody may anything.
    if (declaration.project === undefined || !made.has(declaration.project)) await rehearse(one, plan.result, options);
    // A user comes with a project of the same name.
    if (one.kind === "project" || one.kind === "user") made.add(one.name);
    plans.push({ declaration, plan });
  }
  for (const { declaration, plan } of plans) {
    const { kind, name } = declaration;
    const { result, changes } = plan;
    if (output.format === "table") await output.text(diff(declaration, plan));
    else await output.done(kind, name, result, { kind, name, result, dryRun: true, changes });
  }
}

function line({ kind, name, result, password }: Applied): string {
  const secret = password === undefined ? "" : `, password (shown only now): ${escapeText(password)}`;
  return `${kind}/${escapeText(name)} ${result}${secret}\n`;
}

function diff({ kind, name }: Declaration, { result, changes }: Plan): string {
  const verb = result === "unchanged" ? result : `would be ${result}`;
  return `${kind}/${escapeText(name)} ${verb}\n${changes.map(changeLines).join("")}`;
}

function changeLines({ field, before, after }: Change): string {
  const side = (sign: string, value: unknown) =>
    value === undefined ? "" : `  ${sign} ${escapeText(field)}: ${valueText(value)}\n`;
  return side("-", before) + side("+", after);
}

function valueText(value: unknown): string {
  return typeof value === "string" && value !== "" ? escapeText(value) : escapeJson(JSON.stringify(value));
}
