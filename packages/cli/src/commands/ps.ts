import { loadDescriptor } from "./resource/kinds.ts";
import { lsOf } from "./resource/ls.ts";

export default { ...lsOf(await loadDescriptor("container")), example: "ps" };
