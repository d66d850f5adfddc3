import { describeObjectIndex } from "./contract.ts";
import { openMemoryIndex } from "./memory.ts";

describeObjectIndex("memory", async (options) => {
  const index = openMemoryIndex(options);
  return { index, dispose: async () => index[Symbol.asyncDispose]() };
});
