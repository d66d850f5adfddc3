import { defineCommand } from "../command.ts";
import { setDrain } from "./one-backend.ts";

export default defineCommand({
  usage: "NAME BACKEND",
  args: [2, 2],
  options: {},
  example: "upstream drain web b",
  details: "Those that it has come to their end; clients that stick to it go to another with their next request.",
  takesProject: true,
  run: (invocation, { args }) => setDrain(invocation, args, true),
});
