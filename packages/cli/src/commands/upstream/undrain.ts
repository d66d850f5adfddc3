import { defineCommand } from "../command.ts";
import { setDrain } from "./one-backend.ts";

export default defineCommand({
  usage: "NAME BACKEND",
  args: [2, 2],
  options: {},
  example: "upstream undrain web b",
  takesProject: true,
  run: (invocation, { args }) => setDrain(invocation, args, false),
});
