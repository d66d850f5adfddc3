import { realHost } from "../../service/host.ts";
import { uninstallService } from "../../service/service.ts";
import { defineCommand } from "../command.ts";
import { SERVICE_OPTIONS, serviceOf } from "./options.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: SERVICE_OPTIONS,
  example: "service uninstall",
  details: "Stops the daemon and removes the unit that skerry service install made. The data stays.",
  async run({ terminal, output }, { flags }) {
    const options = serviceOf(realHost(terminal.env), flags);
    const { path } = await uninstallService(options);
    await output.done("service", `${options.name}.service`, "removed", { unit: `${options.name}.service`, path });
  },
});
