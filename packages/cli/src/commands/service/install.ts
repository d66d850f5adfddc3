import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { realHost } from "../../service/host.ts";
import { installService, planUnit } from "../../service/service.ts";
import { defineCommand } from "../command.ts";
import { SERVICE_OPTIONS, serviceOf } from "./options.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {
    ...SERVICE_OPTIONS,
    data: { type: "string", describe: "Data directory (default /var/lib/skerry; with --user ~/.local/share/skerry)" },
    config: { type: "string", describe: "Configuration file of the daemon" },
    "listen-api": { type: "string", describe: "Where its API answers, as of skerry up" },
    "storage-dir": { type: "array", describe: "A directory for replicas, as of skerry up" },
    "run-as": {
      type: "string",
      describe: "Account that it runs as (default: the owner of the data directory, or you)",
    },
    engine: { type: "boolean", describe: "Let it use the container engine: as good as root on this machine" },
    "no-start": { type: "boolean", describe: "Only at the next boot" },
    "dry-run": { type: "boolean", describe: "Print the unit, and change nothing" },
  },
  example: "service install",
  more: [
    ["service install --user", "of your own, without root"],
    ["service install --data /srv/skerry --run-as skerry", "for a system account"],
    ["service install --dry-run", "what it would put where"],
  ],
  details:
    "A unit of systemd that starts skerryd at boot, restarts it when it fails, and takes from it every right that it does " +
    "not need. Done again, it is brought up to date.",
  async run({ terminal, output }, { flags }) {
    const { env } = terminal;
    const { data, config, engine } = flags;
    for (const name of ["run-as", "engine"] as const) {
      if (!flags.user || !flags[name]) continue;
      throw new SkerryError(
        "invalid",
        `--${name} does not go with --user: such a unit has your account and your rights.`,
        {
          hint: "Leave one of the two out.",
        },
      );
    }
    const options = {
      ...serviceOf(realHost(env), flags),
      program: await daemonProgram(),
      ...(data === undefined ? {} : { data }),
      ...(config === undefined ? {} : { config }),
      ...(flags["listen-api"] === undefined ? {} : { listenApi: flags["listen-api"] }),
      ...(flags["run-as"] === undefined ? {} : { runAs: flags["run-as"] }),
      storageDirectories: flags["storage-dir"],
      engine,
      env,
    };
    if (flags["dry-run"]) {
      const { path, text } = await planUnit(options);
      output.note(`This would be ${path}:`);
      return output.value({ path, text }, path, () => text);
    }
    const { unit, result, path, data: directory } = await installService({ ...options, start: !flags["no-start"] });
    await output.done("service", unit, result, { unit, result, path, data: directory });
    output.note(
      `The first password of admin: ${join(directory, "first-password")}. Log in: skerry login --url http://${flags["listen-api"] ?? "127.0.0.1:7400"}`,
    );
    if (options.isUser) output.note("It ends when you log out, unless: loginctl enable-linger");
  },
});

/** Beside this package, in a checkout and as installed. */
async function daemonProgram(): Promise<string> {
  return realpath(join(import.meta.dirname, "..", "..", "..", "..", "daemon", "bin", "skerryd"));
}
