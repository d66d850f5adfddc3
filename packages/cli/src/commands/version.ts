import { VERSION } from "../version.ts";
import { defineCommand } from "./command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "version",
  run: ({ output }) => output.value({ version: VERSION }, VERSION, () => `${VERSION}\n`),
});
