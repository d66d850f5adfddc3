import { runningCommand } from "./container/change.ts";

export default runningCommand(true, "start", "running");
