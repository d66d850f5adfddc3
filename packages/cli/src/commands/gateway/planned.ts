/** What a file declares of the gateway, and what of it differs from what is there. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { assertDistinct, type Declaration, readDeclaration } from "../../declare/declaration.ts";
import { planDeclaration } from "../../declare/plan.ts";
import { readDocuments } from "../../declare/source.ts";
import type { Invocation } from "../command.ts";

/** In the order in which they are made: what others name comes before them. */
const KINDS = ["iplist", "certificate", "upstream", "route"] as const;
type Kind = (typeof KINDS)[number];

/** What would be changed, by project; `""`: the caller's own. @throws `invalid` for a file that says nothing of the gateway. */
export async function readPlanned(invocation: Invocation, file: string | undefined, verb: string) {
  const { terminal, output } = invocation;
  if (file === undefined)
    throw new SkerryError("invalid", "-f FILE is missing.", { hint: `skerry gateway ${verb} -f routes.yaml` });
  const declarations = (await readDocuments(file, terminal.stdin)).map(readDeclaration);
  assertDistinct(declarations);
  const others = declarations.filter(({ kind }) => !KINDS.includes(kind as Kind));
  if (others.length > 0) output.note(`Left out, for the gateway does not run them: ${namesOf(others)}.`);
  if (others.length === declarations.length)
    throw new SkerryError("invalid", `${file} declares nothing that the gateway runs.`);
  return plannedByProject(invocation, declarations);
}

interface Change {
  readonly kind: Kind;
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly spec: Record<string, unknown>;
}

/** What differs, by project; `""`: the caller's own. */
async function plannedByProject(invocation: Invocation, all: readonly Declaration[]): Promise<Map<string, Change[]>> {
  const place = {
    client: await invocation.client(),
    signal: invocation.signal,
    project: await invocation.project(),
  };
  const groups = new Map<string, Change[]>();
  for (const kind of KINDS) {
    for (const one of all.filter((declaration) => declaration.kind === kind)) {
      const { result, spec } = await planDeclaration(one, place);
      if (result === "unchanged") continue;
      const project = one.project ?? place.project ?? "";
      const labels = one.labels === undefined ? {} : { labels: { ...one.labels } };
      const group = groups.get(project) ?? [];
      group.push({ kind, name: one.name, ...labels, spec: { ...spec } });
      groups.set(project, group);
    }
  }
  return groups;
}

function namesOf(declarations: readonly Declaration[]): string {
  return declarations.map(({ kind, name }) => `${kind}/${name}`).join(", ");
}
