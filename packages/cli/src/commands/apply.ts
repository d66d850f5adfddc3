import { SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { type Applied, applyStep, planAll, type Step } from "../declare/apply.ts";
import { assertDistinct, type Declaration, readDeclaration } from "../declare/declaration.ts";
import { DECLARED_KINDS } from "../declare/kinds.ts";
import type { Place, Plan } from "../declare/plan.ts";
import { readDocuments } from "../declare/source.ts";
import { changeLines } from "../output/change-lines.ts";
import { escapeText } from "../output/escape.ts";
import { reword, rewordAnswer } from "../output/reword.ts";
import { defineCommand, type Invocation } from "./command.ts";

/** Names that are told of what was not tried. */
const MOST_TOLD = 10;

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
    `A document is {kind, name, project, labels, spec}, or what skerry get -o yaml shows. Kinds, in the order in which they ` +
    `are applied: ${DECLARED_KINDS.join(", ")}. The cloud is asked about all before anything is changed; then each is ` +
    "created, updated, or left as it is. What of a container cannot be changed while it is there has it replaced: removed " +
    "and created anew; its volumes stay. It is not waited for: skerry start does. Labels are replaced as a whole; a field that is not declared stays as it is. What " +
    "is not in the file is not touched.",
  takesProject: true,
  async run(invocation, { flags }) {
    const { terminal, signal } = invocation;
    if (flags.file === undefined)
      throw new SkerryError("invalid", "-f FILE is missing.", { hint: "skerry apply -f cloud.yaml" });
    const documents = await readDocuments(flags.file, terminal.stdin);
    const declarations = documents.map(readDeclaration);
    if (declarations.length === 0) throw new SkerryError("invalid", `${flags.file} declares nothing.`);
    assertDistinct(declarations);
    const place = { client: await invocation.client(), signal, project: await invocation.project() };
    const steps = await planAll(declarations, place);
    if (flags["dry-run"]) await show(invocation, steps);
    else await apply(invocation, steps, place);
  },
});

/** Ends at the first that is refused: what follows may need it. */
async function apply({ output }: Invocation, steps: readonly Step[], place: Place): Promise<void> {
  for (const [done, step] of steps.entries()) {
    const applied = await applyStep(step, place).catch((error: unknown) => {
      throw place.signal.aborted ? error : stopped(error, steps, done);
    });
    if (output.format !== "table") await output.done(applied.kind, applied.name, applied.result, applied);
    else if (!output.quiet || applied.password !== undefined) await output.text(line(applied));
  }
}

/** What it is about, and how far it came. */
function stopped(thrown: unknown, steps: readonly Step[], done: number): SkerryError {
  if (steps.length === 1) return toSkerryError(thrown);
  const error = rewordAnswer(toSkerryError(thrown), undefined);
  const nameOf = ({ declaration: { kind, name } }: Step) => `${kind}/${name}`;
  const rest = steps.slice(done + 1).map(nameOf);
  const told = rest.length > MOST_TOLD ? [...rest.slice(0, MOST_TOLD), `${rest.length - MOST_TOLD} more`] : rest;
  const [failed] = steps.slice(done, done + 1);
  const name = failed === undefined ? "" : `${failed.declaration.place}: ${nameOf(failed)}: `;
  const untried = rest.length === 0 ? "nothing was left to try" : `not tried: ${told.join(", ")}`;
  return reword(error, {
    message: `${name}${error.message} Applied before it: ${done} of ${steps.length}; ${untried}.`,
    hint: [error.hint, "What was applied stays. Mend it, and apply again."]
      .filter((one) => one !== undefined)
      .join("\n"),
    details: { applied: steps.slice(0, done).map(nameOf), notTried: rest },
  });
}

async function show({ output }: Invocation, steps: readonly Step[]): Promise<void> {
  for (const { declaration, plan, waitsFor } of steps) {
    const { kind, name } = declaration;
    const { result, changes } = plan;
    if (output.format === "table") await output.text(diff(declaration, plan));
    else await output.done(kind, name, result, { kind, name, result, dryRun: true, changes });
    if (waitsFor === undefined) continue;
    output.note(`The cloud could not be asked about ${kind}/${name}: it needs ${waitsFor}, which is not there yet.`);
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
