import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { assertDistinct, type Declaration, readDeclaration } from "../../declare/declaration.ts";
import { planDeclaration } from "../../declare/plan.ts";
import { readDocuments } from "../../declare/source.ts";
import { defineCommand, type Invocation } from "../command.ts";
import { readSamples } from "./samples.ts";
import { changesText, previewText } from "./told.ts";

/** In the order in which they are made: what others name comes before them. */
const KINDS = ["iplist", "certificate", "upstream", "route"] as const;
type Kind = (typeof KINDS)[number];
/** Exit status with `--exit-code` when requests change. */
export const CHANGED = 3;

export default defineCommand({
  usage: "-f FILE",
  args: [0, 0],
  options: {
    file: { type: "string", alias: "f", describe: "What skerry apply would be given; - for standard input" },
    samples: {
      type: "string",
      describe: "Requests to look at: METHOD URL [-H 'NAME: VALUE'] [--client ADDRESS] a line",
    },
    "no-log": { type: "boolean", describe: "Leave out the requests of the access log" },
    "exit-code": { type: "boolean", describe: `Exit with ${CHANGED} when sampled requests would change` },
  },
  example: "gateway preview -f routes.yaml",
  more: [["gateway preview -f routes.yaml --samples requests.txt --exit-code", "for a pipeline"]],
  details:
    "Routes, upstreams, certificates and iplists of the file are checked as skerry apply would, all of a project as one change, " +
    "and nothing is done. The gateway's own matcher decides about each request before and after: those of the project in the access " +
    "log (it keeps neither query nor headers) and those of --samples.",
  takesProject: true,
  async run(invocation, { flags }) {
    const { terminal, signal, output } = invocation;
    if (flags.file === undefined)
      throw new SkerryError("invalid", "-f FILE is missing.", { hint: "skerry gateway preview -f routes.yaml" });
    if (flags.file === "-" && flags.samples === "-")
      throw new SkerryError("invalid", "Standard input can be one of the two: the changes, or the samples.");
    const declarations = (await readDocuments(flags.file, terminal.stdin)).map(readDeclaration);
    assertDistinct(declarations);
    const others = declarations.filter(({ kind }) => !KINDS.includes(kind as Kind));
    if (others.length > 0) output.note(`Left out, for the gateway does not run them: ${namesOf(others)}.`);
    const samples = flags.samples === undefined ? [] : await readSamples(flags.samples, terminal.stdin);
    const groups = await plannedByProject(invocation, declarations);
    if (groups.size === 0) throw new SkerryError("invalid", `${flags.file} would change nothing of the gateway.`);
    const client = await invocation.client();
    let changed = 0;
    for (const [project, changes] of groups) {
      const body = { changes, samples: [...samples], log: !flags["no-log"], ...(project === "" ? {} : { project }) };
      const preview = await client.call(gatewayRoutes.preview, { body, signal });
      changed += preview.requests.changed;
      await output.value(preview, project, () => changesText(preview.changes, "would be ") + previewText(preview));
    }
    return flags["exit-code"] && changed > 0 ? CHANGED : 0;
  },
});

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
