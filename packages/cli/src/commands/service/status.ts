import { formatFacts } from "../../output/facts.ts";
import { realHost } from "../../service/host.ts";
import { serviceStatus } from "../../service/service.ts";
import { defineCommand } from "../command.ts";
import { SERVICE_OPTIONS, serviceOf } from "./options.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: SERVICE_OPTIONS,
  example: "service status",
  details: "What systemd knows of the daemon. skerry status says how the cloud is.",
  async run({ terminal, output }, { flags }) {
    const status = await serviceStatus(serviceOf(realHost(terminal.env), flags));
    const { pid, lastStatus, installed, path, state, startsAtBoot } = status;
    await output.value(status, path, () =>
      formatFacts([
        ["Unit", installed ? path : "not installed: skerry service install"],
        ["State", state],
        ["At boot", startsAtBoot ? "starts" : "does not start"],
        pid === undefined ? ["Ended with", `${lastStatus}`] : ["Process", `${pid}`],
      ]),
    );
  },
});
