import { runningCommand } from "./container/change.ts";

export default runningCommand(false, "stop", "stopped");
