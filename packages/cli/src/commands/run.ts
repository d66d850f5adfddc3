import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "./command.ts";
import { LIMIT_OPTIONS, readLimits } from "./container/limit-flags.ts";
import { tellSettled, untilSettled } from "./container/settled.ts";
import { LABEL_OPTION, parseLabels } from "./labels.ts";

export default defineCommand({
  usage: "IMAGE [--] [COMMAND...]",
  args: [1, 257],
  commandAfter: 1,
  options: {
    name: { type: "string", describe: "Name of the container (default: the image's)" },
    ...LIMIT_OPTIONS,
    env: { type: "array", alias: "e", describe: "Variable: NAME=VALUE; repeat it. Everyone who may see it sees it" },
    publish: { type: "array", describe: "Port that this machine passes on: PORT (any free one here) or HERE:PORT" },
    volume: { type: "array", describe: "Volume and where it appears: NAME:/path; repeat it" },
    network: { type: "string", describe: "Network of the project (default: the one that each project has)" },
    ...LABEL_OPTION,
  },
  example: "run busybox --name web --publish 8000:80 -- httpd -f -h /www",
  details:
    "Waits until it runs, or says why it does not. What it says last is shown when it ends at once. Unless others are named, " +
    "it gets 1 core, 512m of memory and 256 processes, and is always started again. Flags of skerry stand before the command; " +
    "all behind its first word is its own.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const [image = "", ...command] = args;
    const client = await invocation.client();
    const project = await invocation.project();
    const { signal } = invocation;
    const name = flags.name ?? nameFrom(image);
    const inProject = invocation.globals.project === undefined ? "" : ` --project ${invocation.globals.project}`;
    const goes = `skerry container rm ${name}${inProject} removes it.`;
    const created = await client.call(containerRoutes.create, {
      body: {
        name,
        ...(project === undefined ? {} : { project }),
        ...(flags.label.length === 0 ? {} : { labels: parseLabels(flags.label) }),
        spec: {
          image,
          ...(command.length === 0 ? {} : { command }),
          ...readLimits(flags),
          ...(flags.env.length === 0 ? {} : { env: readVariables(flags.env) }),
          ...(flags.publish.length === 0 ? {} : { publish: flags.publish.map(readPort) }),
          ...(flags.volume.length === 0 ? {} : { volumes: flags.volume.map(readMount) }),
          ...(flags.network === undefined ? {} : { network: flags.network }),
        },
      },
      signal,
    });
    const settled = await untilSettled(client, created, signal).catch((error: unknown) => {
      if (signal.aborted) invocation.output.note(`interrupted: the container ${name} is declared and stays; ${goes}`);
      throw error;
    });
    await tellSettled(invocation.output, settled, settled.status?.state ?? "created");
  },
});

/** `team/web:2` -> `web` */
function nameFrom(image: string): string {
  const name = /([^/:@]+)(?:[:@][^/]*)?$/.exec(image)?.[1]?.replace(/[._]+/g, "-");
  if (name !== undefined && !image.startsWith("sha256:")) return name;
  throw new SkerryError("invalid", "The container needs a name.", { hint: "Give it one: --name NAME" });
}

function readVariables(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
      throw new SkerryError("invalid", `--env: ${JSON.stringify(text)} is not NAME=VALUE.`);
    }),
  );
}

function readMount(text: string): { name: string; path: string } {
  const [, name, path] = /^([^:/]+):(\/.*)$/.exec(text) ?? [];
  if (name !== undefined && path !== undefined) return { name, path };
  throw new SkerryError("invalid", `--volume: ${JSON.stringify(text)} is not NAME:/path.`, {
    hint: "A volume has a name; paths of the machine are not given to containers. skerry volume create NAME",
  });
}

function readPort(text: string): { port: number; hostPort: number } {
  const [, host, port] = /^(?:(\d{1,5}):)?(\d{1,5})$/.exec(text) ?? [];
  if (port !== undefined) return { port: Number(port), hostPort: Number(host ?? 0) };
  throw new SkerryError("invalid", `--publish: ${JSON.stringify(text)} is not PORT or HERE:PORT.`, {
    hint: "On which address it answers is the daemon's setting --engine-publish.",
  });
}
