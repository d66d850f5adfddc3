import { type Finding, findingPresentation } from "@skerry/core/contract/present/doctor.ts";
import { diagnoseCloud } from "../doctor/cloud.ts";
import { escapeText } from "../output/escape.ts";
import { defineCommand } from "./command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {
    data: { type: "string", describe: "Data directory of the daemon (also the variable SKERRY_DATA)" },
    config: { type: "string", describe: "Configuration file of the daemon (also the variable SKERRY_CONFIG)" },
    "listen-api": { type: "string", describe: "Where its API answers, as of skerry up" },
    "engine-socket": { type: "string", describe: "The socket of Docker, as of skerry up" },
    "storage-dir": { type: "array", describe: "Its directories for replicas, as of skerry up" },
  },
  example: "doctor",
  more: [["doctor -o json", "for programs"]],
  details:
    "Works with the daemon up or down, without a login, and changes nothing. Tell it the flags that the daemon gets. " +
    "Exit status 1 when there is a fault.",
  async run(invocation, { flags }) {
    const { output, terminal } = invocation;
    const { diagnose } = await import("@skerry/daemon/doctor/doctor.ts");
    const argv = (["data", "config", "listen-api", "engine-socket"] as const).flatMap((name) => {
      const value = flags[name];
      return value === undefined ? [] : [`--${name}`, value];
    });
    const storage = flags["storage-dir"].flatMap((directory) => ["--storage-dir", directory]);
    const machine = await diagnose({ argv: [...argv, ...storage], env: terminal.env });
    const cloud = machine.socketPath === undefined ? [] : await diagnoseCloud(invocation, machine.socketPath);
    const findings = [...machine.findings, ...cloud];
    if (output.format === "table") await output.text(report(findings));
    else await output.list(findingPresentation, findings);
    return findings.some(({ state }) => state === "fault") ? 1 : 0;
  },
});

/** A line for each, what to do below it: a table would cut what matters most. */
function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ state, check, what, todo }) => {
    const first = `${state.padEnd("warning".length)}  ${check.padEnd(width)}  ${escapeText(what)}`;
    const below = " ".repeat("warning".length + width + 4);
    return todo === undefined ? [first] : [first, `${below}${escapeText(todo)}`];
  });
  const count = (state: Finding["state"]) => findings.filter((one) => one.state === state).length;
  const [faults, warnings] = [count("fault"), count("warning")];
  const sum = `${plural(faults, "fault")}, ${plural(warnings, "warning")}.`;
  return `${lines.join("\n")}\n\n${faults + warnings === 0 ? "Nothing is wrong." : sum}\n`;
}

function plural(count: number, word: string): string {
  return `${count === 0 ? "no" : count} ${word}${count === 1 ? "" : "s"}`;
}
